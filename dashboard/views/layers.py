"""The whole data set over layers: curves with their bootstrap intervals, by what they answer."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard.charts import base as base_charts
from dashboard.data import run as run_data
from dashboard.figures import display, files
from dashboard.figures import paper as paper_figures
from dashboard.names import intervals, metrics, provenance
from dashboard.names import landmarks as landmark_names
from dashboard.names.sections import (
    ABOUT,
    ATTENTION,
    GLANCE,
    OF_STATES,
    READERS,
    SETTLES,
    TITLES,
    by_section,
)
from dashboard.names.towers import TOWERS
from dashboard.views import layers_translators as reader_views
from dashboard.widgets import copy_command, link, making, menus
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from store.metrics import CAPTION_SECTION
from store.query import floor as floor_queries
from store.query import images as image_queries
from store.statistics.intervals import LEAST_IMAGES

Cards = list[Callable[[], None]]
_JUDGES = ("judge.", "judge_step.")  # they have a page of their own


def show(place: Place) -> None:
    """Draw the page."""
    curves = run_data.curves(place.published, place.condition)
    st.header("Layers")
    with link.notes_above():
        if curves.empty:
            if making.instead(place.run, "Curves over layers"):
                return
            plain_text.line(
                "This run has no curves for this condition yet. Publishing it again makes them:"
            )
            copy_command.show("python -m precompute publish")
            return
        curves = curves[~curves["metric"].str.startswith(_JUDGES)]
        if curves["layer"].nunique() == 1:
            plain_text.line(intervals.sentence(curves, "Intervals", of="measure"), "small")
            _one_layer(place, curves)
            return
        tower = TOWERS[run_data.class_token(place.published)]
        translated = reader_views.translators(place)
        there = by_section(list(dict.fromkeys(curves["metric"])), readers=bool(translated))
        left, right = st.columns([3.4, 1])
        with left:
            section = menus.menu(
                "What to see",
                list(there),
                name="section",
                look="segments",
                shown=TITLES.__getitem__,
            )
        if section == READERS:
            plain_text.line(ABOUT[section], "small")
            reader_views.show(place, translated)
            return
        with right:
            band, curves = _bands(place, curves)
        plain_text.line(
            f"Means over {int(curves['n'].max()):,} images. "
            f"{intervals.sentence(curves, band=band)}{_without(curves)} Layer 0 is the embedding, "
            f"before the first block. {tower.states}",
            "small",
        )
        if nearest := provenance.nearest(run_data.run_row(place.published)["info"]):
            plain_text.line(nearest, "small")
        plain_text.line(f"{ABOUT[section]} {tower.no_a if section == ATTENTION else ''}", "small")
        if section == GLANCE:
            _landmarks(place)
        marks = landmark_names.marks(
            run_data.landmarks(place.published, place.condition), set(curves["metric"])
        )
        floors = run_data.asked(place.published, floor_queries.band)
        floor = floors[floors["metric"].isin(there[section])]
        of_captions = None if section in OF_STATES else not floors.empty
        if sentence := metrics.floor(floor, made=of_captions):
            plain_text.line(sentence, "small")
        cards: Cards = [
            partial(_curve, metric, curves, marks, floor, tower.parts) for metric in there[section]
        ]
        if section == CAPTION_SECTION:
            cards = [*_figure3(place), *cards]
        if section in (GLANCE, SETTLES):
            cards += _convergence(place, only_first=section == GLANCE)
        _grid(cards)


def _bands(place: Place, curves: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Draw the choice of bands; which, and the curves with them."""
    band = menus.menu(
        "Bands",
        intervals.BANDS,
        name="bands",
        look="segments",
        more=(
            "A pointwise band holds the true mean of each layer in 95% of data sets; somewhere on "
            "a curve of many layers it is left more often. A simultaneous one holds the whole "
            "curve in 95%: it is for what is said of the shape."
        ),
    )
    if band == intervals.BANDS[0]:
        return band, curves
    bands = run_data.asked(place.published, image_queries.bands, place.condition)
    return band, curves.drop(columns=["low", "high"]).merge(
        bands, how="left", on=["layer", "metric", "against"]
    )


def _without(curves: pd.DataFrame) -> str:
    """Which curves have no such band although they have images: those of a score of the set."""
    bare = curves.groupby("metric", sort=False)["low"].apply(lambda low: low.isna().all())
    enough = curves.groupby("metric", sort=False)["n"].max() >= LEAST_IMAGES
    names = [metrics.word(str(name)).label for name in bare.index[bare & enough]]
    return f" Without such a band: {', '.join(names)}." if names else ""


def _one_layer(place: Place, curves: pd.DataFrame) -> None:
    plain_text.line(
        f"Under {place.condition} layer {curves['layer'].iloc[0]} alone was decoded, so "
        "there are no curves. These are its numbers; the page Compare sets them beside the "
        "baseline's."
    )
    table = pd.DataFrame(
        {
            "measure": [
                metrics.title(metric, against)
                for metric, against in zip(curves["metric"], curves["against"], strict=True)
            ],
            "mean": curves["mean"],
            "95% from": curves["low"],
            "95% to": curves["high"],
            "unit": [metrics.word(metric).unit for metric in curves["metric"]],
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
    files.download_row(None, curves, "layers")


def _landmarks(place: Place) -> None:
    landmarks = run_data.landmarks(place.published, place.condition)
    if landmarks.empty:
        return
    plain_text.line("Where things set in", "heading")
    plain_text.facts(landmark_names.where(landmarks))
    with st.expander("Every measure, and the exact rules"):
        plain_text.points(landmark_names.rules(landmarks))
        files.download_row(None, landmarks, "landmarks")


def _grid(cards: Cards) -> None:
    """Draw cards two a row, all of a row alike in height."""
    for pair in (cards[i : i + 2] for i in range(0, len(cards), 2)):
        for column, card in zip(st.columns(2, gap="medium"), pair, strict=False):
            with column.container(border=True, height="stretch"):
                card()


def _convergence(place: Place, *, only_first: bool) -> Cards:
    settled = run_data.asked(place.published, image_queries.convergence, place.condition)
    if settled.empty:
        plain_text.line(
            "Where captions settle is known once captions of all layers are scored.", "small"
        )
        return []
    scored = list(dict.fromkeys(settled["metric"]))[: 1 if only_first else None]
    top = int(run_data.run_row(place.published)["n_layers"])
    return [
        partial(_settled, settled[settled["metric"] == metric], metric, top) for metric in scored
    ]


def _settled(rows: pd.DataFrame, metric: str, top: int) -> None:
    there, never = rows.dropna(subset="layer"), rows[rows["layer"].isna()]["n"].sum()
    word = metrics.word(metric)
    plain_text.line(word.label, "heading")
    plain_text.line(word.meaning + (f" {never:,} images never do." if never else ""), "meaning")
    chart = display.spec(base_charts.settled, there, top)
    display.chart(chart, f"{word.label}: images by layer.")
    files.download_row(chart, rows, metric)


def _figure3(place: Place) -> Cards:
    shown = display.made(
        place.published, paper_figures.figure3, paper_figures.About(place.run.name, place.condition)
    )
    return [partial(display.show, figure) for figure in shown]


def _curve(
    metric: str,
    curves: pd.DataFrame,
    marks: Sequence[tuple[int, str]],
    floor: pd.DataFrame,
    parts: Mapping[str, str],
) -> None:
    word = metrics.word(metric)
    plain_text.line(word.label, "heading")
    plain_text.line(word.meaning, "meaning")
    if metric in parts:
        frame = curves[curves["metric"].isin(parts)].assign(
            series=lambda rows: rows["metric"].map(parts)
        )
    else:
        frame = curves[curves["metric"] == metric].assign(
            series=lambda rows: rows["against"].replace(metrics.SERIES)
        )
    chart = display.spec(
        base_charts.bands,
        frame,
        word.unit or "value",
        None if metric in parts else "against",
        marks=marks,
        floor=floor[floor["metric"] == metric].assign(
            series=lambda rows: rows["against"].replace(metrics.SERIES)
        ),
    )
    display.chart(chart, f"{word.label} over layers.")
    files.download_row(chart, frame, f"layers-{metric}")
