"""The panels of the Image page; each draws itself where it is called."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import (
    charts,
    comparison,
    condition_charts,
    data,
    ladder,
    overlays,
    plain,
    selection,
    words,
)
from dashboard.comparison import Seen
from dashboard.data import Key
from store.schema import BASELINE
from store.tensors import ImageTensors

_MAP_WIDTH = 336
_MATRIX = ("gradient", "contribution_share", "contribution_norm", "attn_to_patches",
           "attn_entropy")
Peak = tuple[int, int, str] | None
"""Layer, head, and the metric by which it has the largest effect."""


_BY = {
    "gradient": "By the gradient, the final caption depends on this head most.",
    "contribution_share": ("Of all heads it makes the largest part of its layer's update of the "
                           "CLS token."),
}


@dataclass(frozen=True)
class Look:
    """How maps are drawn: colours by each map's own values, interpolated, without outliers."""

    own: bool
    smooth: bool
    hide: bool
    opacity: float


def look() -> Look:
    """The switches of how maps are drawn."""
    own = st.toggle("Own scale", key="own", bind=selection.IN_URL, help=(
        "Colours from this map's least to its largest value. Off: one scale for all heads "
        "and layers of the picture, so that maps compare."))
    smooth = st.toggle("Smooth", key="smooth", bind=selection.IN_URL, help=(
        "Interpolate between patches. Off: every patch is one flat square, as it is."))
    hide = st.toggle("Hide outlier tokens", key="hide", bind=selection.IN_URL, help=(
        "Outlier tokens (framed in white) are far longer than the others, and often serve the "
        "model as scratch space. Hidden, they show their neighbours' median."))
    opacity = st.slider("Opacity", 0.0, 1.0, 0.65, 0.05, key="opacity", bind=selection.IN_URL)
    return Look(own, smooth, hide, opacity)


def matrix(
    heads: pd.DataFrame, layer: int, head: int | None, peak: Peak
) -> None:
    """Layers by heads, by a metric of choice; a cell moves to its layer and head."""
    there = [metric for metric in _MATRIX if metric in heads]
    metric = st.selectbox("Heads by", there, key="cells", bind=selection.IN_URL,
                          format_func=lambda name: words.word(name).label)
    if heads.empty:
        plain.line("No measures of heads were taken under this condition.", "small")
        return

    # A new key for every place: the chart forgets its click, and any cell can be clicked again.
    name = f"matrix-{layer}-{head}"
    st.altair_chart(charts.matrix(heads, metric, layer=layer, head=head), width="content",
                    key=name, on_select=partial(selection.follow, name),
                    alt="Every head of every layer as a cell.")
    plain.line(words.word(metric).meaning, "small")
    if peak is None:
        return
    where = f"layer {peak[0]}, head {peak[1]}"
    if peak[:2] == (layer, head):
        plain.line(f"This is the cell with the largest effect: {where}. {_BY[peak[2]]}", "small")
    else:
        st.button(f"Largest effect: {where}", type="tertiary", icon=":material/my_location:",
                  on_click=selection.set_cell, args=(peak[0], str(peak[1])))


def overlay(
    tensors: ImageTensors, layer: int, peak: Peak, run: dict[str, Any], look: Look
) -> int | None:
    """The map of one head, or of their mean, over the picture.

    Returns:
        The chosen head; None for the mean.
    """
    pick, which = st.columns([1, 2.3])
    with pick:
        head = selection.choose_head(
            int(run["n_heads"]), str(peak[1]) if peak else selection.MEAN)
    with which:
        kind = selection.choose_map()
    grid = (int(run["grid_h"]), int(run["grid_w"]))
    if layer == 0:
        st.image(overlays.png(np.asarray(overlays.enlarged(
            tensors.model_input, (_MAP_WIDTH, round(_MAP_WIDTH * grid[0] / grid[1]))))),
            alt="The picture as the model saw it.")
        plain.line("Z^0 is the picture's patches before the first block: it has a caption, and no "
                   "attention yet.", "small")
        return head
    values = tensors.cls_attention if kind == "attention" else tensors.contribution
    tokens = overlays.patch_map(overlays.head_tokens(values, layer, head), grid)
    marked = overlays.outliers(tensors.token_norm[layer], grid)
    shown = overlays.without(tokens, marked) if look.hide else tokens
    scale = overlays.own_scale(shown) if look.own else overlays.shared_scale(values)
    blended = overlays.blend(tensors.model_input, shown, scale, opacity=look.opacity,
                             smooth=look.smooth, width=_MAP_WIDTH)
    name = "attention of CLS (share)" if kind == "attention" else "contribution to CLS (length)"
    if look.own:
        plain.line("Own scale: colours do not compare with those of other maps.", "note")
    st.altair_chart(charts.overlay(blended, shown, scale, name, width=_MAP_WIDTH, marked=marked),
                    width="content", alt=f"The {kind} map of layer {layer} over the picture.")
    return head


def story(
    key: Key, image_id: str, condition: str, captions: pd.DataFrame, layer: int
) -> None:
    """The caption of every layer, with the words that changed; a row moves to its layer."""
    options = ("previous", "final") if condition == BASELINE else ("previous", "final", BASELINE)
    against = st.segmented_control("Captions, compared with", options, default=options[0],
                                   required=True, key="against", bind=selection.IN_URL)
    others = comparison.texts_by_layer(key, image_id) if against == BASELINE else None
    ladder.show(ladder.rows(captions, against == "final", others), layer, selection.set_layer)
    if condition != BASELINE and len(captions) == 1:
        plain.line(f"Under {condition} the last layer alone was decoded.", "small")


def curves(key: Key, image_id: str, seen: Seen, top: int, layer: int) -> None:
    """Curves over layers with a rule at the chosen one; a point moves to its layer.

    Under a condition the baseline's lie behind, grey.
    """
    spoken, spoken_before = (data.captions(key, image_id, condition)
                             for condition in (seen.condition, BASELINE))
    before = data.layer_stats(key, image_id, BASELINE)
    shown = [(seen.stats, before, "attn_to_patches", charts.BLUE),
             (seen.stats, before, "delta_attn", charts.ORANGE),
             (spoken, spoken_before, "final_logprob", charts.GREEN)]
    for column, (frame, old, metric, color) in zip(st.columns(3), shown, strict=True):
        name = f"curve-{metric}-{layer}"
        chart = charts.curve(frame.rename(columns={metric: "value"}), metric, top=top,
                             layer=layer, color=color)
        if seen.condition != BASELINE:
            chart += condition_charts.behind(
                old[["layer", metric]].rename(columns={metric: "value"}))
        column.altair_chart(chart, key=name, on_select=partial(selection.follow, name),
                            alt=f"{words.word(metric).label} over layers.")


def scores(key: Key, image_id: str, condition: str, layer: int) -> None:
    """What the chosen layer's caption scores."""
    here = data.scores(key, image_id, layer, condition)
    if here.empty:
        return
    table = here.assign(
        score=[words.word(metric).label for metric in here["metric"]],
        against=[words.AGAINST.get(name, name) for name in here["against"]],
    ).pivot(index="score", columns="against", values="value")
    st.markdown(f"##### Scores of the caption at layer {layer}")
    st.dataframe(table, column_config={
        name: st.column_config.NumberColumn(f"against {name}", format="%.3f")
        for name in table.columns})
