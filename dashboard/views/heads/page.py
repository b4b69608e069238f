"""Heads: what each does over the data set, and the caption of each for one picture at one layer."""

import streamlit as st

from dashboard.charts import condition_tables, head_tables
from dashboard.charts import conditions as condition_charts
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import display, files
from dashboard.figures import paper as paper_figures
from dashboard.names import intervals, metrics
from dashboard.names.towers import TOWERS
from dashboard.views.heads import gallery
from dashboard.widgets import copy_command, link, making, menus
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from store.metrics import head_columns, head_menu
from store.query import conditions as condition_queries
from store.schema import BASELINE


def show(place: Place) -> None:
    """Draw the page."""
    key = place.published
    with st.sidebar:
        image_id = menus.choose_image(key)
    st.header("Heads")
    plain_text.line(
        TOWERS[run_data.class_token(key)].reads,
        "small",
    )
    with link.notes_above():
        _data_set(key, place.condition)
        _trust(key, place.condition)
        if image_id is not None:
            gallery.show(key, image_id, place.condition)


_CURSE = (
    "Of many heads those that look largest were also lucky (the winner's curse): 'shrunk' takes "
    "off what luck explains, drawing each mean towards those of all heads by its share of noise, "
    "and ranks by it. Intervals are pointwise, each for a head by itself."
)


def _data_set(key: Key, condition: str) -> None:
    st.subheader("Over the data set")
    measures = run_data.asked(key, condition_queries.head_metrics, condition)
    if condition != BASELINE and measures.empty:
        plain_text.line(
            f"Of the baseline: heads were not measured under {condition}. An experiment "
            "with capture = true measures them.",
            "note",
        )
        condition = BASELINE
        measures = run_data.asked(key, condition_queries.head_metrics)
    elif condition != BASELINE:
        plain_text.line(f"Under {condition}.", "small")
    if measures.empty:
        if making.instead(key.path, "Means of heads"):
            return
        plain_text.line("No means of heads yet: publishing again makes them.", "small")
        copy_command.show("python -m precompute publish")
        return
    pairs = list(zip(measures["metric"], measures["against"], strict=True))
    first = [pair for pair in ((name, "self") for name in head_menu()) if pair in pairs]
    pairs = [*first, *sorted(set(pairs) - set(first))]
    metric, against = menus.measure("Heads by", pairs, name="heads_by")
    frame = run_data.asked(key, condition_queries.head_curve, metric, against, condition)
    effects = metric in head_columns("head_effect")  # their table has more columns
    left, right = st.columns([1, 1.6] if effects else [1.7, 1], gap="large")
    with left:
        chart = display.spec(condition_charts.head_matrix, frame, metric, against)
        display.chart(chart, "Every head of every layer as a cell.")
        files.download_row(chart, frame, "heads")
    with right:
        plain_text.line(metrics.word(metric).meaning, "small")
        plain_text.line(
            f"Largest in size; means over {paper_figures.images(frame)}. "
            f"{intervals.sentence(frame, 'Intervals', of='head')}",
            "small",
        )
        table = condition_tables.largest_heads(
            frame, metrics.word(metric).unit, 10, effects=effects
        )
        two_digits = st.column_config.NumberColumn(format="%.2f")
        st.dataframe(
            table,
            hide_index=True,
            height="content",
            column_config={
                **dict.fromkeys([table.columns[2], "shrunk"], two_digits),
                **{name: st.column_config.Column(width=58) for name in ("layer", "head", "adj. p")},
            },
        )
        if "shrunk" in table:
            plain_text.line(_CURSE, "small")
        if "adj. p" in table:
            plain_text.line(intervals.adjusted("all heads"), "small")


def _trust(key: Key, condition: str) -> None:
    frame = run_data.asked(key, condition_queries.foretold)
    if frame.empty:
        return
    st.subheader("How far the gradient can be trusted")
    if condition != BASELINE:
        plain_text.line(
            "Of the baseline: heads were removed from the unedited model alone.", "note"
        )
    row = run_data.asked(key, condition_queries.spread, "head_effect_rank_correlation").iloc[0]
    if row["n"]:
        plain_text.line(
            f"{head_tables.trusted(run_data.asked(key, condition_queries.foretelling))} Within a "
            f"single image the rank correlation is {row['middle']:.2f} in the median, "
            f"{row['low']:.2f} to {row['high']:.2f} in the middle half of {int(row['n'])} images.",
            "small",
        )
    plain_text.line(
        "Each point is a head. Which heads were removed was decided once, by the gradient on "
        "images that are not among these and by chance, so that no head looks large because it "
        "was chosen for it. On the dashed line the gradient is right.",
        "small",
    )
    square, _ = st.columns(2)
    with square:
        chart = display.spec(condition_charts.trust, frame, height=420)
        display.chart(chart, "What the gradient foretells against what was measured.")
        files.download_row(chart, frame, "gradient")
