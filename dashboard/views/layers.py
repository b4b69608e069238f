"""The whole data set over layers: curves with their bootstrap intervals, by what they answer."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import charts, commands, data, drawn, exporting, figures, plain, selection, words
from dashboard.dataset_words import ABOUT, GLANCE, PARTS, ROOMS, SAID, SETTLES, TITLES
from dashboard.selection import Place
from store import queries

_JUDGES = ("judge.", "judge_step.")  # they have a page of their own


def show(place: Place) -> None:
    """Draw the page."""
    curves = data.curves(place.published, place.condition)
    st.header("Layers")
    with selection.notes_above():
        if curves.empty:
            plain.line("This run has no curves for this condition yet. Publishing it again "
                       "makes them:")
            commands.show("python -m precompute publish")
            return
        curves = curves[~curves["metric"].str.startswith(_JUDGES)]
        plain.line(f"Means over {int(curves['n'].max()):,} images; bands are 95% bootstrap "
                   "intervals over images. Layer 0 is the embedding, before the first block.",
                   "small")
        there = rooms(list(dict.fromkeys(curves["metric"])))
        room = selection.menu("What to see", list(there), name="room", what="the room",
                              look="segments", shown=TITLES.__getitem__)
        plain.line(ABOUT[room], "small")
        if room == "glance":
            _landmarks(place)
        if room == SAID:
            _figure3(place)
        _draw(there[room], curves)
        if room in ("glance", SETTLES):
            _convergence(place, int(data.run_row(place.published)["n_layers"]),
                         only_first=room == "glance")


def rooms(metrics: Sequence[str]) -> dict[str, list[str]]:
    """Which metrics of a run stand in which room; rooms that would be empty are left out.

    Args:
        metrics: of the run's curves. Every one is in a room besides the first, which repeats a few.
    """
    placed = {metric for of in ROOMS.values() for metric in of} | PARTS.keys()
    gains = [metric for metric in metrics if metric.startswith("grounded_gain_")]
    found = {room: [metric for metric in of if metric in metrics] for room, of in ROOMS.items()}
    found["own"] = gains + found["own"]
    found[SAID] = [m for m in metrics if m not in placed and m not in gains]
    firsts = (next((m for m in of if m in metrics), None) for of in GLANCE)
    found["glance"] = [metric for metric in firsts if metric is not None]
    return {room: found.get(room, []) for room in TITLES if found.get(room) or room == SETTLES}


def _landmarks(place: Place) -> None:
    found = data.landmarks(place.published, place.condition)
    if found.empty:
        return
    plain.line("Where things set in", "heading")
    plain.points([
        f"{words.word(row['metric']).label}: {_layer(row['layer'])} (95% interval "
        f"{_layer(row['low'])} to {_layer(row['high'])}); {row['rule']}"
        for row in found.to_dict("records")])
    exporting.download_row(None, found, "landmarks")


def _layer(at: float) -> str:
    return "never" if pd.isna(at) else f"layer {at:.0f}"


def _convergence(place: Place, top: int, *, only_first: bool) -> None:
    found = data.asked(place.published, queries.convergence, place.condition)
    if found.empty:
        plain.line("Where captions settle is known once captions of all layers are scored.",
                   "small")
        return
    metrics = list(dict.fromkeys(found["metric"]))[:1 if only_first else None]
    for pair in (metrics[i:i + 2] for i in range(0, len(metrics), 2)):
        for column, metric in zip(st.columns(2, gap="medium"), pair, strict=False):
            rows = found[found["metric"] == metric]
            there, never = rows.dropna(subset="layer"), rows[rows["layer"].isna()]["n"].sum()
            with column.container(border=True):
                plain.line(words.word(metric).label, "heading")
                plain.line(words.word(metric).meaning
                           + (f" {never:,} images never do." if never else ""), "meaning")
                chart = charts.settled(there, top)
                st.altair_chart(chart, alt=f"{words.word(metric).label}: images by layer.")
                exporting.download_row(chart, rows, metric)


def _figure3(place: Place) -> None:
    shown = figures.figure3(partial(data.asked, place.published),
                            figures.About(place.run.name, place.condition))
    if not shown:
        return
    for column, figure in zip(st.columns(2, gap="medium"), shown, strict=True):
        with column.container(border=True):
            drawn.show(figure)


def _draw(metrics: Sequence[str], curves: pd.DataFrame) -> None:
    for pair in (metrics[i:i + 2] for i in range(0, len(metrics), 2)):
        for column, metric in zip(st.columns(2, gap="medium"), pair, strict=False):
            with column.container(border=True):
                _curve(metric, curves)


def _curve(metric: str, curves: pd.DataFrame) -> None:
    word = words.word(metric)
    plain.line(word.label, "heading")
    plain.line(word.meaning, "meaning")
    if metric in PARTS:
        frame = curves[curves["metric"].isin(PARTS)].assign(
            series=lambda rows: rows["metric"].map(PARTS))
    else:
        frame = curves[curves["metric"] == metric].assign(
            series=lambda rows: rows["against"].replace(words.SERIES))
    chart = charts.bands(frame, word.unit or "value", None if metric in PARTS else "against")
    st.altair_chart(chart, alt=f"{word.label} over layers.")
    exporting.download_row(chart, frame, f"layers-{metric}")
