"""What a newcomer meets above the pictures: what this is, one picture, and four questions."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st
from numpy.lib.stride_tricks import sliding_window_view
from streamlit.navigation.page import Page

from dashboard.charts import maps
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import provenance
from dashboard.names.conditions import edit_name
from dashboard.reader.payload import BOX_METRIC
from dashboard.views.images import presets
from dashboard.widgets import picture
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import MEAN, Place
from dashboard.widgets.thumbnail import thumbnail
from store.interventions import read_spec
from store.query import Predicate, Quantity, Selection, Sort, by_layer, format_predicates
from store.query import one_image as one_image_queries
from store.schema import BASELINE

_LATE = "Late correction"  # a preset
_LOOKED_THROUGH = 12  # candidates for the picture
_CHANGES = 4  # so many different captions are shown, and more make no better picture
_DEPTH = 2 / 3  # of the tower: by then, or a little before, the decoder is sure and still wrong


@dataclass(frozen=True)
class Example:
    """The picture of the introduction.

    Attributes:
        image_id: which.
        layer: from which on its caption is the final one; the last if that is not known.
    """

    image_id: str
    layer: int


@dataclass(frozen=True)
class _Way:
    question: str
    page: Page
    query: dict[str, str]


def show(place: Place) -> None:
    """Draw it; nothing for a run without a picture."""
    key = place.published
    about = run_data.run_row(key)
    example = _example(key, int(about["n_layers"]))
    if example is None:
        return
    with st.container(border=True):
        picture_at, text = st.columns([1, 4.2], gap="medium", vertical_alignment="center")
        with picture_at:
            st.image(
                thumbnail(key, example.image_id),
                width=200,
                alt=f"Picture {example.image_id} as the model saw it.",
            )
        with text:
            plain_text.line("What does each layer of a vision transformer see?", "title")
            plain_text.line(_introduced(about, run_data.count(key, Selection())))
            plain_text.line(
                f"{_trajectory(key, example)} Questions to begin with:".strip(), "small"
            )
            with st.container(gap=None, key="questions"):
                # A link to the page that is open would be drawn as if one had gone there.
                st.html(
                    "<style>.st-key-questions a:not(:hover) {background: none}"
                    ".st-key-questions a p {font-weight: inherit; white-space: normal}"
                    "</style>"
                )
                for way in _ways(place, example, int(about["n_layers"])):
                    st.page_link(
                        way.page,
                        label=way.question,
                        icon=":material/arrow_forward:",
                        query_params=way.query,
                    )


def _introduced(about: dict[str, Any], n: int) -> str:
    if nearest := provenance.nearest(about["info"]):
        return (
            f"A model of pictures and texts was stopped at every one of its {about['n_layers']} "
            f"layers, in {n:,} pictures of {about['dataset']}. {nearest}"
        )
    return (
        f"A captioner was stopped at every one of its {about['n_layers']} layers and wrote what "
        f"it saw by then, in {n:,} pictures of {about['dataset']}. Go through the layers: "
        "where it looked, what it wrote, and when its caption became right."
    )


def _ways(place: Place, example: Example, top: int) -> list[_Way]:
    """The questions, as far as the run can answer them."""
    run, key = {"run": place.run.name}, place.published
    image, images = st.session_state["image_page"], st.session_state["images_page"]
    one = run | {"image": example.image_id}
    there = one | {"layer": str(example.layer), "head": MEAN}
    looked_at = {"patch": _looked_at(key, example), "cells": BOX_METRIC}
    ways = [
        _Way("At which layer does this picture's caption become right?", image, there),
        _Way("Which heads look at what it names?", image, there | looked_at),
    ]
    for layer in range(round(_DEPTH * top), -1, -1):
        wrong = presets.sure_but_wrong(key, BASELINE, layer).predicates
        if wrong and run_data.count(key, Selection(wrong)):
            ways.append(
                _Way(
                    f"Of which pictures is the decoder sure and wrong at layer {layer}?",
                    images,
                    run | {"filter": format_predicates(wrong)},
                )
            )
            break
    reworded = run_data.asked(key, one_image_queries.reworded, example.image_id, "mean")
    for edit in reworded.head(1).itertuples():
        averaged = edit_name(str(edit.condition_id), read_spec(edit.spec))
        ways.append(
            _Way(
                f"What does averaging {averaged} do to this caption?",
                image,
                one | {"condition": str(edit.condition_id)},
            )
        )
    return ways


@st.cache_data(max_entries=16, show_spinner=False)
def _example(key: Key, top: int) -> Example | None:
    """A picture whose caption was wrong for long and is right in the end.

    If there is none, one that settled late; where that is not known, the first. Of several, one
    whose captions change, and of those the one whose last caption is surest.
    """
    late = next(preset for preset in presets.presets(key, BASELINE, top) if preset.name == _LATE)
    known, gain, settles = (
        run_data.quantities(key),
        presets.gain_of(key),
        Quantity("convergence_layer"),
    )
    by = Sort(settles, True) if settles.metric in known else None
    right = [Predicate(Quantity(gain, "shuffled", top), ">", 0.0)] if gain else []
    if "repetition:self" in known:
        right.append(Predicate(Quantity("repetition", "self", top), "<=", 0.0))
    pages = (
        run_data.page(key, Selection(predicates), by, _LOOKED_THROUGH, 0)
        for predicates in ((*late.predicates, *right), tuple(right), ())
    )
    rows = next((rows for rows in pages if not rows.empty), None)
    if rows is None:
        return None
    said = run_data.asked(key, by_layer.texts, tuple(rows["image_id"]), BASELINE)
    changes = said.groupby("image_id")["text"].nunique().clip(upper=_CHANGES)
    sure = said[said["layer"] == top].set_index("image_id")["mean_logprob"]
    ranked = rows.assign(
        changes=rows["image_id"].map(changes), sure=rows["image_id"].map(sure)
    ).sort_values(["changes", "sure"], ascending=False, kind="stable")
    image_id, layer = str(ranked["image_id"].iloc[0]), ranked["sort_value"].iloc[0]
    return Example(image_id, top if by is None or pd.isna(layer) else int(layer))


def _trajectory(key: Key, example: Example) -> str:
    """What a few layers say of the picture: those at which its caption changed last."""
    texts = picture.texts_by_layer(key, example.image_id, BASELINE)
    layers = sorted(texts)
    turns = [
        layer for i, layer in enumerate(layers) if i == 0 or texts[layer] != texts[layers[i - 1]]
    ]
    if not turns:
        return ""
    *before, last = turns
    said = [f"at layer {layer} “{texts[layer]}”" for layer in before[-_CHANGES + 1 :]]
    before_that = f"{', '.join(said)} and " if said else ""
    return f"Of this picture it wrote {before_that}from layer {last} on “{texts[last]}”."


def _looked_at(key: Key, example: Example) -> str:
    """The box, a third of the picture high and wide, that contributes most at the layer."""
    tensors = run_data.tensors(key, example.image_id)
    rows, columns = maps.grid_of(tensors)
    given = maps.patch_map(
        maps.head_tokens(tensors.contribution, max(example.layer, 1), None), (rows, columns)
    )
    high, wide = max(rows // 3, 1), max(columns // 3, 1)
    sums = sliding_window_view(given, (high, wide)).sum((2, 3))
    top, left = divmod(int(sums.argmax()), sums.shape[1])
    first, last = top * columns + left, (top + high - 1) * columns + left + wide - 1
    return str(first) if first == last else f"{first}-{last}"
