"""Which maps of this model may be read as "where it looked", and which may not."""

import pandas as pd
import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import believed, display, files
from dashboard.figures.paper import About
from dashboard.names import maps as map_names
from dashboard.widgets import copy_command, link, making, menus
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from store.query import maps as map_queries


def show(place: Place) -> None:
    """Draw the page."""
    key = place.published
    st.header("Maps")
    with link.notes_above():
        _draw(place, key)


def _draw(place: Place, key: Key) -> None:
    trials = run_data.asked(key, map_queries.trials)
    if trials.empty:
        if making.instead(place.run, "Trials of maps"):
            return
        plain_text.line(
            "No map of this run was tried: that it shows where the model looked is not known. "
            "Sections [faithfulness] and [word_maps] of the configuration try them; run it again, "
            "and only they are computed:"
        )
        copy_command.run_again(place.run)
        _words(key)
        return
    verdicts = run_data.asked(key, map_queries.verdicts)
    plain_text.line("Which maps of this model may be read as “where it looked”?", "heading")
    plain_text.points(map_names.summary(verdicts))
    _table(verdicts)
    plain_text.line(f"{believed.HOW} {believed.RULE}", "small")
    _measure(key, place, trials)
    _words(key)
    _permuted(trials)


def _table(verdicts: pd.DataFrame) -> None:
    shown = verdicts[verdicts["map"] != "random"]
    layers = sorted(int(n) for n in shown["layer"].unique())
    said = shown.set_index(["map", "layer"])["verdict"]
    plain_text.table(
        ["map", *(f"layer {layer}" for layer in layers)],
        {
            "What the trials say": [
                [
                    name,
                    *(map_names.VERDICTS.get(said.get((kind, layer), ""), "-") for layer in layers),
                ]
                for kind, name in map_names.KINDS.items()
                if kind in set(shown["map"])
            ]
        },
    )


def _measure(key: Key, place: Place, trials: pd.DataFrame) -> None:
    ids = [f"{measure}:{fill}" for measure, fill in believed.measures(trials)]
    chosen = menus.menu("Measure", ids, name="trial", shown=_title)
    measure, _, fill = chosen.partition(":")
    about = About(place.run.name, class_token=run_data.class_token(key))
    figure = believed.figure(trials, about, measure, fill)
    chart = files.spec(figure.chart)  # type: ignore[arg-type]
    display.chart(chart, f"{figure.title}, by layer, a colour a kind of map.")
    files.download_row(figure.chart, figure.frame, figure.name)
    if floor := map_names.floor(trials):
        plain_text.line(floor, "small")


def _title(measure: str) -> str:
    name, _, fill = measure.partition(":")
    return map_names.MEASURES[name] + (f", {map_names.FILLS[fill]} in their place" if fill else "")


def _words(key: Key) -> None:
    """How far the maps of single words agree with taking groups of patches away."""
    checked = run_data.asked(key, map_queries.checked)
    if checked.empty:
        return
    st.subheader("Maps of single words, checked without gradients")
    plain_text.line(
        "Groups of patches are taken away (mean colour) and each word's loss is ranked beside what "
        "its map has in the group: 1 is the same order, 0 none.",
        "small",
    )
    named = checked.rename(columns={"mean": "gain"})
    plain_text.table(
        ["state", "rank correlation", "pictures"],
        {
            "Final captions": [
                [f"Z^{int(row['state'])}", map_names.interval(row), str(int(row["n"]))]
                for _, row in named.iterrows()
            ]
        },
    )


def _permuted(trials: pd.DataFrame) -> None:
    rows = map_names.same_weights(trials)
    if rows.empty:
        return
    st.subheader("Do maps depend on the weights?")
    plain_text.line(
        "Rank correlation of each map with that of a tower whose blocks have permuted weights, "
        "from the top down; in the last column all of them and the embeddings. A map of attention "
        "below the permuted blocks is the same by definition. What stays near 1 in the last "
        "column would show the picture, not what the model learnt.",
        "small",
    )
    depths = sorted(int(n) for n in rows["blocks"].unique())
    groups = {}
    for kind, name in map_names.KINDS.items():
        of_kind = rows[rows["map"] == kind]
        if of_kind.empty:
            continue
        cells = {
            (int(r["layer"]), int(r["blocks"])): map_names.interval(r)
            for _, r in of_kind.iterrows()
        }
        groups[name] = [
            [f"layer {layer}", *(cells.get((layer, depth), "-") for depth in depths)]
            for layer in sorted(int(n) for n in of_kind["layer"].unique())
        ]
    plain_text.table(
        ["", *(f"top {depth} block{'s' * (depth > 1)}" for depth in depths[:-1]), "all"], groups
    )
