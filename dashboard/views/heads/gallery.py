"""The head gallery (Figure 6): map and caption of every head of a layer, for one picture."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.captions import text as caption_text
from dashboard.charts import colour_bar, maps
from dashboard.charts import heads as head_charts
from dashboard.charts.maps import Scale
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import display, files
from dashboard.figures import paper as paper_figures
from dashboard.figures.files import Spec
from dashboard.figures.head_gallery import Cell, around, gallery, head_cell
from dashboard.names import metrics
from dashboard.names.towers import TOWERS
from dashboard.widgets import making, menus, picture, two_captions
from dashboard.widgets import text as plain_text
from dashboard.widgets.thumbnail import thumbnail
from store.metrics import head_columns, likeness
from store.query import conditions as condition_queries
from store.schema import BASELINE, NO_HEAD


def show(key: Key, image_id: str, condition: str) -> None:
    """Draw the gallery of one picture and a layer of choice.

    Args:
        key: the run.
        image_id: the picture.
        condition: the one that is chosen; under another than the baseline a note tells that
            heads were read under the baseline alone.
    """
    st.subheader("The caption of each head of a layer")
    layers = [
        int(layer)
        for layer in run_data.asked(key, condition_queries.layers_with_head_captions)["layer"]
    ]
    if not layers:
        if making.partly(key.path, "What each head says"):
            return
        plain_text.line(
            "No head was read by itself. A section [heads] in the configuration names the "
            "layers whose heads are.",
            "small",
        )
        return
    if condition != BASELINE:
        plain_text.line(f"Of the baseline: heads were not read under {condition}.", "note")
    pick, captions_at = st.columns([1, 3], gap="medium", vertical_alignment="top")
    with pick:
        names = [str(layer) for layer in layers]
        layer = int(
            menus.menu(
                "Layer",
                names,
                name="heads_at",
                default=names[-1],
                look="segments",
            )
        )
        st.image(thumbnail(key, image_id), width=130, alt="The picture as the model saw it.")
    texts = picture.texts_by_layer(key, image_id, BASELINE)
    below, here = texts.get(layer - 1, ""), texts.get(layer, "")
    with captions_at:
        plain_text.line(
            "A head's caption is read from the state in which only this head of the layer "
            "attends; that of no head from the state in which none does, and what it says the "
            "residual connection carries past the heads. Words that the layer's own caption does "
            "not have are marked.",
            "small",
        )
        two_captions.side_by_side(
            below, here, (f"the layer below, Z^{layer - 1}", f"this layer, Z^{layer}")
        )
    frame = _frame(key, image_id, layer)
    tensors, legend = run_data.tensors(key, image_id), TOWERS[run_data.class_token(key)].legend
    grid = maps.grid_of(tensors)
    scale = maps.shared_scale(tensors.attention, grid)
    cells = _cards(key, image_id, grid, scale, layer, frame, here)
    colour_bar.show(scale, f"{legend}; one scale for all heads and layers of the picture")
    pictures = [
        *around(thumbnail(key, image_id), layer, {layer - 1: below, layer: here}),
        *cells,
    ]
    files.download_row(
        _figure(key, image_id, layer, pictures, scale, legend),
        frame.assign(image_id=image_id, layer=layer),
        "gallery",
    )
    _beside_null(key, layer)
    _through(key, image_id, layer)


def _beside_null(key: Key, layer: int) -> None:
    """Likeness of every head's caption to the layer's over the data set, and the null's line."""
    measures = run_data.asked(key, condition_queries.head_metrics)
    held = set(measures.loc[measures["against"] == BASELINE, "metric"])
    metric = next((name for name in likeness() if name in held), None)
    if metric is None:
        return
    frame = run_data.asked(key, condition_queries.head_curve, metric, BASELINE)
    frame = frame[frame["layer"] == layer]
    if not (frame["head"] == NO_HEAD).any():
        return
    plain_text.line("Over the data set, beside no head at all", "heading")
    title = metrics.title(metric, BASELINE).replace("the baseline", "the layer's own caption")
    chart = display.spec(
        head_charts.beside_null, frame, f"{title} ({metrics.word(metric).unit})", "head"
    )
    display.chart(chart, "The score of each head alone, and of no head.")
    plain_text.line(
        f"How much of layer {layer}'s own caption each head alone keeps, mean over "
        f"{paper_figures.images(frame)}. The line is the layer with all its heads off: what lies "
        "on it adds nothing to what the residual connection carries, and what lies below it, "
        "alone, leads away. Bars and band are 95% bootstrap intervals over images, pointwise.",
        "small",
    )
    files.download_row(chart, frame, "null")


@st.cache_data(max_entries=16, show_spinner=False)
def _figure(
    key: Key, image_id: str, layer: int, _pictures: list[Cell], _scale: Scale, _legend: str
) -> Spec:
    # The pictures are those of what is named; the figure took a third of a rerun.
    return files.spec(gallery(_pictures, _scale, _legend))


def _frame(key: Key, image_id: str, layer: int) -> pd.DataFrame:
    """One row a head, the null first: text, final_logprob, scores (`metric:against`), effect."""
    frame = run_data.asked(key, condition_queries.head_captions, image_id, layer)
    scores = run_data.asked(key, condition_queries.head_scores, image_id, layer)
    effects = run_data.asked(key, condition_queries.head_effects, image_id)
    if not scores.empty:
        wide = (
            scores.assign(name=scores["metric"] + ":" + scores["against"])
            .pivot(index="head", columns="name", values="value")
            .reset_index()
        )
        frame = frame.merge(wide, on="head", how="left")
    effects = effects[effects["layer"] == layer].drop(columns="layer")
    return frame.merge(effects, on="head", how="left")


def _cards(
    key: Key,
    image_id: str,
    grid: tuple[int, int],
    scale: Scale,
    layer: int,
    frame: pd.DataFrame,
    here: str,
) -> list[Cell]:
    tensors = run_data.tensors(key, image_id)
    metric = next((name for name in likeness() if f"{name}:{BASELINE}" in frame), None)
    made = []
    cells = st.grid("auto", min_column_width=145, gap="small")
    for row in frame.astype(object).to_dict("records"):
        head = int(row["head"])
        text = caption_text.text(row["text"])
        made.append(head_cell(tensors, grid, scale, layer, head, text))
        with cells.cell():
            whose = made[-1].title
            st.image(
                made[-1].picture, width="stretch", alt=f"Attention of {whose} of layer {layer}."
            )
            plain_text.line(whose, "heading")
            two_captions.caption(here, text)
            plain_text.line("; ".join(_facts(row, metric)), "small")
    return made


def _facts(row: Mapping[Any, Any], metric: str | None) -> list[str]:
    facts = []
    for against in (BASELINE, "previous") if metric else ():
        value = row.get(f"{metric}:{against}")
        if value is not None and not pd.isna(value):
            to = "this layer" if against == BASELINE else metrics.AGAINST[against]
            facts.append(f"{metrics.word(str(metric)).label} to {to} {value:.2f}")
    for name in head_columns("head_effect"):
        value = row.get(name)
        if value is not None and not pd.isna(value):
            # A minus sign and not a hyphen, at which a line may end.
            facts.append(
                f"{metrics.word(name).label.lower()} {value:+.2g}".replace("-", "\N{MINUS SIGN}")
            )
    return facts


def _through(key: Key, image_id: str, layer: int) -> None:
    """Final captions of models in which this layer has only, or lacks, some heads."""
    names = tuple(run_data.asked(key, condition_queries.conditions_of_heads, layer)["condition_id"])
    if not names:
        return
    plain_text.line("Carried through all layers above", "heading")
    final = run_data.asked(key, condition_queries.final_captions, image_id, (BASELINE, *names))
    by = dict(zip(final["condition_id"], final["text"].map(caption_text.text), strict=True))
    for name in names:
        if name in by:
            two_captions.side_by_side(
                by.get(BASELINE, ""), by[name], ("final caption, baseline", name)
            )
    files.download_row(None, final, "heads-final")
