"""Pruning of heads: Algorithm 1 beside its controls (Table 1), and quality by heads pruned."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard.charts import chance_tables, head_tables, pruning_tables
from dashboard.charts import conditions as condition_charts
from dashboard.charts import heads as head_charts
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import display, files
from dashboard.names import metrics
from dashboard.widgets import copy_command, link, making, menus
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from store.query import conditions as condition_queries
from store.query import floor as floor_queries
from store.statistics.intervals import LEAST_IMAGES

_CHOICES = ("softmax", "temperature", "layers")


def show(place: Place) -> None:
    """Draw the page."""
    key = place.published
    st.header("Pruning")
    with link.notes_above():
        _draw(place, key)


def _draw(place: Place, key: Key) -> None:
    changes = run_data.asked(key, condition_queries.changes_of_kind, "prune")
    rows = pruning_tables.pruned(changes)
    if rows.empty:
        if making.instead(place.run, "Pruned models"):
            return
        plain_text.line(
            "This run has no pruned models. A section [[pruning]] in its configuration "
            "makes some; run it again, and only they are computed:"
        )
        copy_command.run_again(place.run)
        return
    rows = _group(rows)
    changes = changes[changes["condition_id"].isin(rows["condition_id"])]
    _method(changes)
    _table(key, rows, changes)
    _curve(key, rows)
    _importance(changes)


def _group(rows: pd.DataFrame) -> pd.DataFrame:
    groups = sorted(rows["group"].unique())
    if len(groups) < 2:
        return rows
    group = menus.menu("Pruning", groups, name="group", look="segments")
    chosen: pd.DataFrame = rows[rows["group"] == group]
    return chosen


def _method(changes: pd.DataFrame) -> None:
    spec = pruning_tables.algorithm(changes)
    sample = spec.get("sample")
    choices = {name: spec[name] for name in _CHOICES if spec.get(name) is not None}
    settings = ", ".join(_setting(name, value) for name, value in choices.items())
    plain_text.line(
        "Algorithm 1 weighs a layer's heads by how much each alone keeps the layer's caption, on "
        f"a sample of {len(sample) if isinstance(sample, list) else 0} images ({settings}). What "
        "follows is measured on images outside the sample, beside as many heads chosen by chance "
        "and those that add least.",
        "small",
    )


def _setting(name: str, value: Any) -> str:
    if isinstance(value, list):
        first, last = min(value), max(value)
        if sorted(value) == list(range(first, last + 1)):
            return f"{name} {first} to {last}"
        return f"{name} {', '.join(map(str, value))}"
    return f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"


def _table(key: Key, rows: pd.DataFrame, changes: pd.DataFrame) -> None:
    st.subheader("Before and after")
    counts = [str(count) for count in sorted(rows["n_pruned"].unique())]
    count = menus.menu(
        "Heads pruned",
        counts,
        name="pruned",
        default=counts[len(counts) // 2],
        look="segments",
    )
    floors = run_data.asked(key, floor_queries.at_last_layer)
    table = pruning_tables.table1(rows, int(count), floors)
    display.table1(table)
    plain_text.line(
        "Before and after are means over the images outside the sample; the interval is of "
        "the difference: bootstrap over images, paired. If it is 0.000 at both ends, no "
        "image's score changed by more. Controls keep as many heads of every layer, scaled alike "
        f"to the sum of Algorithm 1's. {metrics.floor_rows(floors)}",
        "small",
    )
    files.download_row(None, table, "table1")
    _chance(key, rows, changes, int(count))


def _chance(key: Key, rows: pd.DataFrame, changes: pd.DataFrame, n_pruned: int) -> None:
    st.subheader("Did Algorithm 1 beat chance?")
    compared = run_data.asked(key, condition_queries.chance)
    table = chance_tables.beside_chance(rows, compared, n_pruned)
    plain_text.line(chance_tables.beat_chance(table))
    if not table.empty:
        display.chance(table)
        plain_text.line(
            "Each row is a choice of heads minus random heads at equal count, image by image; "
            "the interval is over images and over random choices. p is of a permutation test: how "
            "many of all choices, this one among them, are as good. Each measure is tested by "
            "itself; a measure without a better side has no p. Fewer than "
            f"{LEAST_IMAGES} choices or images tell no interval.",
            "small",
        )
        files.download_row(None, table, "chance")
    plain_text.line(chance_tables.stable(pruning_tables.algorithm(changes)), "small")


def _curve(key: Key, rows: pd.DataFrame) -> None:
    st.subheader("Quality by the number of heads pruned")
    measure = menus.menu(
        "Measure",
        pruning_tables.telling(rows),
        name="quality",
        shown=menus.title,
        more=(
            "Table 1's measures that a pruning changed come first, then the others by their "
            "largest difference over half its interval; those that no pruning changed come last."
        ),
    )
    metric, _, against = measure.partition(":")
    frame = rows[(rows["metric"] == metric) & (rows["against"] == against)]
    floors = run_data.asked(key, floor_queries.at_last_layer)
    floor = floor_queries.of_measure(floors, metric, against)
    chart = display.spec(
        condition_charts.pruning,
        frame,
        metrics.axis(metric, against),
        baseline=float(frame["baseline"].mean()),
        floor=floor,
    )
    display.chart(chart, "The measure against the number of heads pruned.")
    plain_text.line(
        f"{metrics.word(metric).meaning} The dashed line is the unpruned model. Of random "
        "heads every seed is a point; their line is the mean. Points of one number of heads "
        f"stand side by side. {pruning_tables.floor_of_curve(frame, floor, not floors.empty)}",
        "small",
    )
    files.download_row(chart, frame, "pruning")


def _importance(changes: pd.DataFrame) -> None:
    settings = pruning_tables.algorithm(changes)
    frame = head_tables.importance(settings)
    if frame.empty:
        return
    st.subheader("Importance of heads")
    by_null = settings.get("rule") == "above-null"
    plain_text.line(
        "Algorithm 1's weights: a layer's sum to 1, and the heads of least weight go first. "
        + (
            "They are shares of what a head scores above no head at all."
            if by_null
            else "They are the paper's softmax of scores, which a null under all of a layer's "
            'heads would not change; importance = "above-null" weighs by what lies above it.'
        ),
        "small",
    )
    chart = display.spec(condition_charts.head_matrix, frame, "importance", "self")
    display.chart(chart, "The importance of every head.")
    files.download_row(
        chart, frame[["layer", "head", "mean"]].rename(columns={"mean": "importance"}), "importance"
    )
    _null(settings)


def _null(settings: dict[str, Any]) -> None:
    """The scores that the weights are made of, with the line of no head at all."""
    frame = head_tables.above_null(settings)
    if frame.empty:
        return
    plain_text.line("Scores of heads beside no head at all", "heading")
    chart = display.spec(
        head_charts.beside_null,
        frame.drop(columns="verdict"),
        f"{metrics.word(settings['metric']).label} to the layer's own caption",
        "layer",
    )
    display.chart(chart, "The score of every head alone, and of no head, by layer.")
    plain_text.line(
        f"{head_tables.counted(frame)} On Algorithm 1's sample of {len(settings['sample'])} "
        "images; the line is the layer with all its heads off, b_O kept.",
        "small",
    )
    files.download_row(chart, frame, "null")
