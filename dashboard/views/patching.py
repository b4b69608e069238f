"""What carries the difference between two pictures: states of the one put into the other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.captions import text as caption_text
from dashboard.charts import base as base_charts
from dashboard.charts import patching as patching_charts
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import display, files
from dashboard.figures import patching as patching_figures
from dashboard.figures.paper import About
from dashboard.widgets import copy_command, link, making, menus, two_captions
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from store.query import patching as patching_queries
from store.schema import BASELINE

_SIDES = {"a": "first", "b": "second"}


def show(place: Place) -> None:
    """Draw the page."""
    key = place.published
    st.header("Patching")
    with link.notes_above():
        _draw(place, key)


def _draw(place: Place, key: Key) -> None:
    pairs = run_data.asked(key, patching_queries.pairs)
    if pairs.empty:
        if making.instead(place.run, "Patching between pictures"):
            return
        plain_text.line(
            "This run has no pairs of pictures. A section [patching] in its configuration names a "
            "folder with pairs.csv, such as pairs = “precompute/demo/pairs”; run it again, and "
            "only they are computed:"
        )
        copy_command.run_again(place.run)
        return
    plain_text.line(
        "Two pictures that differ in one thing. What the tower computes of the one is put into "
        "the other, one place at a time: where that turns the caption into the other's, the place "
        "carries the difference. It shows what is enough to carry it, here and for this caption; "
        "not that nothing else does, nor what it does in other pictures.",
        "small",
    )
    about = About(place.run.name, BASELINE, False, run_data.class_token(key))
    for figure in display.made(key, patching_figures.patching, about):
        with st.container(border=True):
            display.show(figure)
    _trust(key)
    st.subheader("One pair")
    row = _choose(pairs)
    _two_pictures(key, row)
    if pd.isna(row["span_a"]):
        plain_text.line("Both pictures have the same final caption: there is nothing to put over.")
    else:
        _maps(key, str(row["pair"]))
    _stories(key, str(row["pair"]))


def _trust(key: Key) -> None:
    rows = run_data.asked(key, patching_queries.trust)
    if rows.empty:
        return
    words = {"top": "the largest by the gradient", "random": "drawn from the others"}
    several = {"head": "heads", "patch": "patches"}
    said = [
        f"{several[site]}, {words[chosen]}, {rank:.2f}"
        for site, chosen, rank in zip(rows["site"], rows["chosen"], rows["rank"], strict=True)
    ]
    plain_text.line(
        "Maps below are by the gradient (attribution patching), a guess to first order. How well "
        "it ranks what putting in does, Spearman's rho within a way of a pair, mean over "
        f"{int(rows['n'].max())} ways: {'; '.join(said)}. 1 is the same order, 0 none.",
        "small",
    )


def _choose(pairs: pd.DataFrame) -> Mapping[Any, Any]:
    rows = {str(row["pair"]): row for row in pairs.astype(object).to_dict("records")}

    def shown(pair: str) -> str:
        what = f", {rows[pair]['changed']}" if rows[pair]["changed"] else ""
        return f"{pair}{what}: {rows[pair]['final_a']} / {rows[pair]['final_b']}"

    return rows[menus.menu("Pair", list(rows), name="pair", shown=shown)]


def _two_pictures(key: Key, row: Mapping[Any, Any]) -> None:
    seen = run_data.asked(key, patching_queries.pictures, str(row["pair"])).iloc[0]
    for column, side in zip(st.columns(2, gap="medium"), _SIDES, strict=True):
        with column:
            if seen[f"picture_{side}"] is None:
                plain_text.line("This picture is none that can be shown.", "small")
            else:
                st.image(
                    seen[f"picture_{side}"],
                    width=224,
                    alt=f"The {_SIDES[side]} picture of the pair as the model saw it.",
                )
            given = row[f"caption_{side}"]
            plain_text.line(f"{side}: {row[f'final_{side}']}", "card")
            if given:
                plain_text.line(f"of the file: {given}", "small")


def _stories(key: Key, pair: str) -> None:
    with st.container(border=True):
        plain_text.line("Both stories, layer by layer", "heading")
        for row in run_data.asked(key, patching_queries.stories, pair).itertuples():
            two_captions.side_by_side(
                caption_text.text(row.a),
                caption_text.text(row.b),
                (f"layer {row.layer}, a", f"layer {row.layer}, b"),
            )


def _maps(key: Key, pair: str) -> None:
    side = menus.menu(
        "Which picture is patched",
        list(_SIDES),
        name="patched",
        look="segments",
        shown=lambda s: f"{s}, with states of {'b' if s == 'a' else 'a'}",
    )
    effects = run_data.asked(key, patching_queries.effects, pair, side)
    whole = patching_charts.curves(
        effects.assign(mean=effects["exact"], low=np.nan, high=np.nan, n=1)
    )
    left, right = st.columns([1.5, 1], gap="medium")
    with left, st.container(border=True, height="stretch"):
        plain_text.line("Whole sites of this pair", "heading")
        chart = display.spec(
            base_charts.bands,
            whole,
            patching_figures.EFFECT,
            height=340,
            first=int(whole["layer"].min()),
            colors=patching_charts.COLORS,
        )
        display.chart(chart, "The effect of whole sites of this pair by layer.")
        files.download_row(chart, whole, "patching-sites")
    with right, st.container(border=True, height="stretch"):
        plain_text.line("Heads", "heading")
        rows = effects[effects["site"] == "head"].reset_index(drop=True)
        chart = display.spec(patching_charts.heads, rows)
        display.chart(chart, "The effect of every head by gradient; dots were put in as well.")
        plain_text.line("A dot: this head was put in as well; its tooltip has both.", "small")
        files.download_row(chart, rows, "patching-heads")
    with st.container(border=True):
        plain_text.line("Patches, layer by layer", "heading")
        plain_text.line(
            "Of every patch, what putting its state Z^l over would do, by the gradient; "
            "layer 0 is the embeddings. Where the rank correlation above is low, that is "
            "no more than a hint: exact_top under [patching] puts in more of them, and tooltips "
            "have what was.",
            "small",
        )
        rows = effects[effects["site"] == "patch"].reset_index(drop=True)
        chart = display.spec(patching_charts.patches, rows, int(run_data.run_row(key)["grid_w"]))
        display.chart(chart, "The effect of every patch's state by gradient, a map a layer.")
        files.download_row(chart, rows, "patching-patches")
