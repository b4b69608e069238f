"""One picture, layer by layer and head by head."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import charts, data, ladder, overlays, plain, selection, words
from dashboard.data import Key
from dashboard.selection import Place

_MAP_WIDTH = 336
_MATRIX = ("contribution_share", "contribution_norm", "attn_to_patches", "attn_entropy")
_SWITCH = {"contribution_share": "effect", "contribution_norm": "norm",
           "attn_to_patches": "attention", "attn_entropy": "entropy"}


def show(place: Place) -> None:
    """Draw the page."""
    key = place.published
    head, choice = st.columns([3, 1.15], vertical_alignment="top")
    with choice:
        image_id = selection.choose_image(key)
    if image_id is None:
        plain.line("This run has no image. The page Runs says which were left out, and why.")
        return
    selection.forget_cell(image_id)
    run, captions = data.run_row(key), data.captions(key, image_id, place.condition)
    heads = data.head_stats(key, image_id, place.condition)
    with choice:
        _steps(key, image_id)
    with head:
        _headline(key, image_id, captions)
    top = int(run["n_layers"])
    peak = strongest(heads)
    layer = selection.choose_layer(top, peak[0] if peak else top)
    matrix, centre, right = st.columns([1.05, 1.1, 1.1], gap="medium")
    with centre:
        chosen = _overlay(key, image_id, layer, peak, run)
    with matrix:
        _matrix(heads, layer, chosen, peak)
    with right:
        _ladder(captions, layer)
    _curves(key, image_id, place.condition, top, layer)
    _scores(key, image_id, place.condition, layer)
    for note in selection.notes():
        with head:
            plain.line(note, "small")


def strongest(heads: pd.DataFrame) -> tuple[int, int] | None:
    """The layer and head that make most of the CLS token's update; None without numbers."""
    effect = heads["contribution_share"].astype(float).fillna(-np.inf)
    if not np.isfinite(effect).any():
        return None
    row = heads.iloc[int(effect.to_numpy().argmax())]
    return int(row["layer"]), int(row["head"])


def _headline(key: Key, image_id: str, captions: pd.DataFrame) -> None:
    row = data.image(key, image_id) or {}
    picture, text = st.columns([1, 6], vertical_alignment="center")
    picture.image(data.thumbnail(key, image_id), width=96, alt="The picture as the model saw it.")
    with text:
        final = captions["text"].iloc[-1] if len(captions) else None
        plain.line(str(final) if final else "(no caption)", "title")
        facts = [image_id, row.get("label"), row.get("category")]
        plain.line(" · ".join(str(fact) for fact in facts if fact), "small")
        references = list(row["refs"]) if row.get("refs") is not None else []
        if references:
            with st.popover(f"{len(references)} references", type="tertiary"):
                plain.points([str(reference) for reference in references])
                if row.get("explanation"):
                    plain.line(str(row["explanation"]), "small")


def _steps(key: Key, image_id: str) -> None:
    before, after = data.neighbours(key, image_id)
    with st.container(horizontal=True, gap="xsmall"):
        for label, icon, there in (("Previous", "chevron_left", before),
                                   ("Next", "chevron_right", after)):
            st.button(label, icon=f":material/{icon}:", disabled=there is None, width="stretch",
                      on_click=selection.set_image, args=(there,))


def _matrix(
    heads: pd.DataFrame, layer: int, head: int | None, peak: tuple[int, int] | None
) -> None:
    metric = st.segmented_control("Matrix", _MATRIX, default=_MATRIX[0], required=True,
                                  key="cells", bind=selection.IN_URL,
                                  format_func=lambda name: _SWITCH.get(name, name))
    if heads.empty:
        plain.line("No measures of heads were taken under this condition.", "small")
        return

    def clicked() -> None:
        cells = st.session_state[name]["selection"].get("cell", [])
        if cells:
            selection.set_cell(int(cells[0]["layer"]), str(cells[0]["column"]))

    # A new key for every place: the chart forgets its click, and any cell can be clicked again.
    name = f"matrix-{layer}-{head}"
    st.altair_chart(charts.matrix(heads, metric, layer=layer, head=head), width="content",
                    key=name, on_select=clicked, alt="Every head of every layer as a cell.")
    plain.line(words.word(metric).meaning, "small")
    if peak is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(f"Strongest: layer {peak[0]}, head {peak[1]}", type="tertiary",
                      icon=":material/my_location:", on_click=selection.set_cell,
                      args=(peak[0], str(peak[1])), help=(
                          "The head that makes the largest part of its layer's update of the CLS "
                          "token, over all layers. A first visit opens here."))


def _overlay(
    key: Key, image_id: str, layer: int, peak: tuple[int, int] | None, run: dict[str, Any]
) -> int | None:
    pick, which = st.columns([1, 1.9], vertical_alignment="bottom")
    with pick:
        head = selection.choose_head(
            int(run["n_heads"]), str(peak[1]) if peak else selection.MEAN)
    with which:
        kind = selection.choose_map()
    tensors = data.tensors(key, image_id)
    grid = (int(run["grid_h"]), int(run["grid_w"]))
    if layer == 0:
        st.image(overlays.png(np.asarray(overlays.enlarged(
            tensors.model_input, (_MAP_WIDTH, round(_MAP_WIDTH * grid[0] / grid[1]))))),
            alt="The picture as the model saw it.")
        plain.line("Z^0 is the picture's patches before the first block: it has a caption, and no "
                   "attention yet.", "small")
        return head
    values = tensors.cls_attention if kind == "attention" else tensors.contribution
    _draw(values, tensors.token_norm[layer], tensors.model_input, kind, grid, layer, head)
    return head


def _draw(
    values: overlays.Floats, norms: overlays.Floats, picture: bytes, kind: str,
    grid: tuple[int, int], layer: int, head: int | None,
) -> None:
    place = st.container()
    with st.container(horizontal=True):
        own = st.toggle("Own scale", key="own", bind=selection.IN_URL, help=(
            "Colours from this map's least to its largest value. Off: one scale for all heads "
            "and layers of the picture, so that maps compare."))
        smooth = st.toggle("Smooth", key="smooth", bind=selection.IN_URL)
        skip = st.toggle("Hide outliers", key="hide", bind=selection.IN_URL, help=(
            "Outlier tokens (framed) are far longer than the others and often serve the model as "
            "scratch space. Hidden, they show their neighbours' median."))
    opacity = st.slider("Opacity", 0.0, 1.0, 0.7, 0.05, key="opacity", bind=selection.IN_URL)
    tokens = overlays.head_tokens(values, layer, head)
    shown = overlays.patch_map(tokens, grid)
    marked = overlays.outliers(norms, grid)
    if skip:
        shown = overlays.without(shown, marked)
    scale = overlays.own_scale(shown) if own else overlays.shared_scale(values)
    name = "attention of CLS (share)" if kind == "attention" else "contribution to CLS (length)"
    blended = overlays.blend(picture, shown, scale, opacity=opacity, smooth=smooth,
                             width=_MAP_WIDTH)
    with place:
        st.altair_chart(charts.overlay(blended, shown, scale, name, width=_MAP_WIDTH,
                                       marked=marked), width="content",
                        alt=f"The {kind} map of layer {layer} over the picture.")
        if own:
            plain.line("Own scale: colours do not compare with those of other maps.", "small")


def _ladder(captions: pd.DataFrame, layer: int) -> None:
    against = st.segmented_control("Captions, compared with", ("previous", "final"),
                                   default="previous", required=True, key="against",
                                   bind=selection.IN_URL)
    with st.container(height=500, border=False):
        ladder.show(ladder.rows(captions, against == "final"), layer, selection.set_layer)


def _curves(key: Key, image_id: str, condition: str, top: int, layer: int) -> None:
    stats = data.layer_stats(key, image_id, condition)
    spoken = data.captions(key, image_id, condition)
    shown = [(stats, "attn_to_patches", charts.BLUE), (stats, "delta_attn", charts.ORANGE),
             (spoken, "final_logprob", charts.GREEN)]
    for column, (frame, metric, color) in zip(st.columns(3), shown, strict=True):
        name = f"curve-{metric}-{layer}"
        chart = charts.curve(frame.rename(columns={metric: "value"}), metric, top=top,
                             layer=layer, color=color)

        def clicked(name: str = name) -> None:
            points = st.session_state[name]["selection"].get("point", [])
            if points:
                selection.set_layer(int(points[0]["layer"]))

        column.altair_chart(chart, key=name, on_select=clicked,
                            alt=f"{words.word(metric).label} over layers.")


def _scores(key: Key, image_id: str, condition: str, layer: int) -> None:
    scores = data.scores(key, image_id, condition)
    here = scores[scores["layer"] == layer]
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
