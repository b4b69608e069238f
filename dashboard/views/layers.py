"""The whole data set over layers: curves with their bootstrap intervals, by what they answer."""

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard.charts import base as charts
from dashboard.data import run as data
from dashboard.figures import files as exporting
from dashboard.figures import paper as figures
from dashboard.figures import show as drawn
from dashboard.names import landmarks as landmark_words
from dashboard.names import metrics as words
from dashboard.names.sections import ABOUT, GLANCE, PARTS, SETTLES, TITLES, by_section
from dashboard.widgets import copy_command as commands
from dashboard.widgets import link as selection
from dashboard.widgets import text as plain
from dashboard.widgets.link import Place
from store.metrics import CAPTION_SECTION
from store.query import images as queries

Cards = list[Callable[[], None]]
_JUDGES = ("judge.", "judge_step.")  # they have a page of their own


def show(place: Place) -> None:
    """Draw the page."""
    curves = data.curves(place.published, place.condition)
    st.header("Layers")
    with selection.notes_above():
        if curves.empty:
            plain.line(
                "This run has no curves for this condition yet. Publishing it again makes them:"
            )
            commands.show("python -m precompute publish")
            return
        curves = curves[~curves["metric"].str.startswith(_JUDGES)]
        plain.line(
            f"Means over {int(curves['n'].max()):,} images; bands are 95% bootstrap "
            "intervals over images. Layer 0 is the embedding, before the first block; CLS "
            "is the token that stands for the whole picture.",
            "small",
        )
        if curves["layer"].nunique() == 1:
            _one_layer(place, curves)
            return
        there = by_section(list(dict.fromkeys(curves["metric"])))
        section = selection.menu(
            "What to see",
            list(there),
            name="section",
            look="segments",
            shown=TITLES.__getitem__,
        )
        plain.line(ABOUT[section], "small")
        if section == GLANCE:
            _landmarks(place)
        marks = landmark_words.marks(
            data.landmarks(place.published, place.condition), set(curves["metric"])
        )
        cards: Cards = [partial(_curve, metric, curves, marks) for metric in there[section]]
        if section == CAPTION_SECTION:
            cards = [*_figure3(place), *cards]
        if section in (GLANCE, SETTLES):
            cards += _convergence(place, only_first=section == GLANCE)
        _grid(cards)


def _one_layer(place: Place, curves: pd.DataFrame) -> None:
    plain.line(
        f"Under {place.condition} layer {curves['layer'].iloc[0]} alone was decoded, so "
        "there are no curves. These are its numbers; the page Compare sets them beside the "
        "baseline's."
    )
    table = pd.DataFrame(
        {
            "measure": [
                words.title(metric, against)
                for metric, against in zip(curves["metric"], curves["against"], strict=True)
            ],
            "mean": curves["mean"],
            "95% from": curves["low"],
            "95% to": curves["high"],
            "unit": [words.word(metric).unit for metric in curves["metric"]],
            "images": curves["n"],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        column_config={
            name: st.column_config.NumberColumn(format="%.3f")
            for name in ("mean", "95% from", "95% to")
        },
    )
    exporting.download_row(None, curves, "layers")


def _landmarks(place: Place) -> None:
    landmarks = data.landmarks(place.published, place.condition)
    if landmarks.empty:
        return
    plain.line("Where things set in", "heading")
    plain.facts(landmark_words.where(landmarks))
    with st.expander("Every measure, and the exact rules"):
        plain.points(landmark_words.rules(landmarks))
        exporting.download_row(None, landmarks, "landmarks")


def _grid(cards: Cards) -> None:
    """Draw cards two a row, all of a row alike in height."""
    for pair in (cards[i : i + 2] for i in range(0, len(cards), 2)):
        for column, card in zip(st.columns(2, gap="medium"), pair, strict=False):
            with column.container(border=True, height="stretch"):
                card()


def _convergence(place: Place, *, only_first: bool) -> Cards:
    settled = data.asked(place.published, queries.convergence, place.condition)
    if settled.empty:
        plain.line(
            "Where captions settle is known once captions of all layers are scored.", "small"
        )
        return []
    metrics = list(dict.fromkeys(settled["metric"]))[: 1 if only_first else None]
    top = int(data.run_row(place.published)["n_layers"])
    return [
        partial(_settled, settled[settled["metric"] == metric], metric, top) for metric in metrics
    ]


def _settled(rows: pd.DataFrame, metric: str, top: int) -> None:
    there, never = rows.dropna(subset="layer"), rows[rows["layer"].isna()]["n"].sum()
    word = words.word(metric)
    plain.line(word.label, "heading")
    plain.line(word.meaning + (f" {never:,} images never do." if never else ""), "meaning")
    chart = drawn.spec(charts.settled, there, top)
    drawn.chart(chart, f"{word.label}: images by layer.")
    exporting.download_row(chart, rows, metric)


def _figure3(place: Place) -> Cards:
    shown = drawn.made(
        place.published, figures.figure3, figures.About(place.run.name, place.condition)
    )
    return [partial(drawn.show, figure) for figure in shown]


def _curve(metric: str, curves: pd.DataFrame, marks: Sequence[tuple[int, str]]) -> None:
    word = words.word(metric)
    plain.line(word.label, "heading")
    plain.line(word.meaning, "meaning")
    if metric in PARTS:
        frame = curves[curves["metric"].isin(PARTS)].assign(
            series=lambda rows: rows["metric"].map(PARTS)
        )
    else:
        frame = curves[curves["metric"] == metric].assign(
            series=lambda rows: rows["against"].replace(words.SERIES)
        )
    chart = drawn.spec(
        charts.bands,
        frame,
        word.unit or "value",
        None if metric in PARTS else "against",
        marks=marks,
    )
    drawn.chart(chart, f"{word.label} over layers.")
    exporting.download_row(chart, frame, f"layers-{metric}")
