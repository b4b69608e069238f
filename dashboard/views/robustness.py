"""What breaks a story: pictures with noise, holes, disorder or an attack, layer by layer."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.captions import text as caption_text
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import display, files, robustness
from dashboard.figures.paper import About
from dashboard.names import broken, intervals, metrics
from dashboard.widgets import copy_command, link, making, menus, navigation, two_captions
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from dashboard.widgets.thumbnail import thumbnail
from store.interventions import read_spec
from store.query import broken as broken_queries
from store.query import conditions as condition_queries
from store.schema import BASELINE

_PER_PAGE = 8


def show(place: Place) -> None:
    """Draw the page."""
    key = place.published
    st.header("Robustness")
    with link.notes_above():
        _draw(place, key)


def _draw(place: Place, key: Key) -> None:
    conditions = robustness.readable(run_data.asked(key, broken_queries.conditions))
    if conditions.empty:
        if making.instead(place.run, "Broken pictures"):
            return
        plain_text.line(
            "This run has no broken pictures. A section [[experiments]] with conditions such as "
            "gaussian_noise@3, occlude:50, shuffle-patches:0 or pgd:eps=4 and all_layers = true "
            "asks for them; run it again, and only they are computed:"
        )
        copy_command.run_again(place.run)
        return
    pairs = robustness.measures(run_data.asked(key, broken_queries.measures))
    if not pairs:
        plain_text.line(
            "The broken pictures of this run were read at the last layer alone: all_layers = true "
            "in their experiment gives curves. The page Interventions has what there is."
        )
        return
    way, measure, paper = _choose(conditions, pairs)
    plain_text.line(metrics.word(measure[0]).meaning, "small")
    about = About(place.run.name, BASELINE, paper, run_data.class_token(key))
    figures = display.made(key, robustness.robustness, about, measure, way)
    if figures:
        with st.container(border=True):
            display.show(figures[0])
    else:
        plain_text.line("This way of breaking pictures was read at the last layer alone.", "small")
    mine = [
        condition
        for condition, spec in zip(conditions["condition_id"], conditions["spec"], strict=True)
        if broken.way(read_spec(spec)) == way
    ]
    _differences(key, conditions, measure)
    _parting(key, conditions)
    condition = place.condition if place.condition in set(conditions["condition_id"]) else mine[-1]
    _first(key, condition)


def _choose(
    conditions: pd.DataFrame, pairs: list[tuple[str, str]]
) -> tuple[str, tuple[str, str], bool]:
    left, middle, right = st.columns([1.2, 1.4, 1], vertical_alignment="bottom")
    with left:
        way = menus.menu("Broken by", robustness.ways(conditions), name="way")
    with middle:
        measure = menus.measure("Measure", pairs, name="measure")
    with right:
        paper = menus.choose_numbers()
    return way, measure, paper


def _names(conditions: pd.DataFrame) -> dict[str, str]:
    return {
        condition: broken.name(read_spec(spec))
        for condition, spec in zip(conditions["condition_id"], conditions["spec"], strict=True)
    }


def _differences(key: Key, conditions: pd.DataFrame, measure: tuple[str, str]) -> None:
    """What broken pictures change at the last layer, paired with the clean ones."""
    metric, against = measure
    if against == BASELINE:
        return  # the measure is itself of the pair
    rows = run_data.asked(key, condition_queries.adjusted, metric, against)
    rows = rows[rows["condition_id"].isin(conditions["condition_id"])].reset_index(drop=True)
    if rows.empty:
        return
    st.subheader("At the last layer, against the clean picture")
    plain_text.line(
        f"{metrics.title(metric, against)}: broken minus clean, image by image. "
        f"{intervals.adjusted('the conditions of this run')}",
        "small",
    )
    table = pd.DataFrame(
        {
            "broken by": rows["condition_id"].map(_names(conditions)),
            "difference": rows["difference"],
            "95% from": rows["change_low"],
            "95% to": rows["change_high"],
            intervals.EFFECT: [
                intervals.effect(low, high, p)
                for low, high, p in zip(
                    rows["change_low"], rows["change_high"], rows["adjusted_p"], strict=True
                )
            ],
            "adjusted p": rows["adjusted_p"],
            "condition": rows["condition_id"],
        }
    )
    _table(table, ["difference", "95% from", "95% to", "adjusted p"])
    files.download_row(None, table, "robustness-differences")


def _parting(key: Key, conditions: pd.DataFrame) -> None:
    rows = run_data.asked(key, broken_queries.divergence)
    rows = rows[rows["condition_id"].isin(conditions["condition_id"])]
    if rows.empty:
        return
    st.subheader("Where stories part")
    plain_text.line(
        "A story parts where a layer's caption is not the clean picture's of that layer, word for "
        "word; it parts for good where no layer from there up says the same again. Early captions "
        "change at a touch and may come together again: a first layer that differs does not say "
        "that meaning is lost there. Layers are medians over the pictures that have one.",
        "small",
    )
    table = pd.DataFrame(
        {
            "broken by": rows["condition_id"].map(_names(conditions)),
            "images": rows["n"],
            "first parts at layer": rows["first"],
            "another last caption": rows["for_good"],
            "parts for good at layer": rows["lasting"],
            "condition": rows["condition_id"],
        }
    )
    _table(table, ["first parts at layer", "parts for good at layer"], "%.1f")
    files.download_row(None, table, "divergence")


def _table(table: pd.DataFrame, numbers: list[str], digits: str = "%.3f") -> None:
    columns = {name: st.column_config.NumberColumn(format=digits) for name in numbers}
    st.dataframe(table, hide_index=True, column_config=columns)


def _first(key: Key, condition: str) -> None:
    """Images ranked by how early they break."""
    st.subheader("Which pictures break first")
    plain_text.line(f"Condition {condition}; the sidebar chooses another one.")
    counts = run_data.asked(key, broken_queries.divergence).set_index("condition_id")["n"]
    total = int(counts.get(condition, 0))
    if not total:
        plain_text.line("It was read at the last layer alone; all_layers = true ranks them.")
        return
    plain_text.line(
        "By the layer from which all captions differ; pictures whose last caption is the clean "
        "one's come last. Shown are the last layer's captions. On the page Images the filter "
        "lasting_divergence_layer < 5 under this condition finds the first, and divergence_layer "
        "what differs at all.",
        "small",
    )
    rows_at = st.container()
    number = menus.pages(math.ceil(total / _PER_PAGE), "ranked")
    rows = run_data.asked(
        key, broken_queries.first_to_break, condition, _PER_PAGE, (number - 1) * _PER_PAGE
    )
    with rows_at:
        for row in rows.astype(object).to_dict("records"):
            _row(key, row, condition)


def _row(key: Key, row: Mapping[Any, Any], condition: str) -> None:
    picture, text = st.columns([1, 8], vertical_alignment="center", gap="small")
    image_id, never = str(row["image_id"]), pd.isna(row["layer"])
    picture.image(
        thumbnail(key, image_id), width=88, alt=f"Picture {image_id} as the model saw it."
    )
    with text:
        two_captions.side_by_side(
            caption_text.text(row["before"]),
            caption_text.text(row["after"]),
            ("clean", "broken: the same" if never else f"broken: apart from layer {row['layer']}"),
        )
        place = {} if never else {"layer": str(row["layer"])}
        navigation.to_image(key, image_id, condition, **place)
