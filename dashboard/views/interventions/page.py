"""Edits of the model: what averaging, confusing or removing layers does to the captions."""

import pandas as pd
import streamlit as st

from dashboard.charts import condition_tables
from dashboard.charts import conditions as condition_charts
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import display, files
from dashboard.names import intervals, metrics
from dashboard.names.conditions import resampled
from dashboard.views.interventions import most_changed
from dashboard.widgets import copy_command, link, making, menus, picture
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from store.interventions import KINDS, read_spec
from store.metrics import likeness
from store.query import conditions as condition_queries
from store.query import floor as floor_queries
from store.schema import BASELINE

_PHRASE = 40  # characters of a phrase in a chart
_TABLE = 180  # pixels: five conditions; the rest is scrolled to


def show(place: Place) -> None:
    """Draw the page."""
    key = place.published
    st.header("Interventions")
    with link.notes_above():
        _draw(place, key)


def _draw(place: Place, key: Key) -> None:
    conditions = run_data.asked(key, condition_queries.conditions)
    if conditions.empty:
        if making.instead(place.run, "Edits of the model"):
            return
        plain_text.line(
            "This run has no edited models. A section [[experiments]] in its configuration "
            "names them; run it again, and only they are computed:"
        )
        copy_command.run_again(place.run)
        return
    swept = [kind for kind in condition_tables.swept() if kind in set(conditions["kind"])]
    if swept:
        meanings = [KINDS[kind].meaning for kind in swept]
        instead = resampled(map(read_spec, conditions["spec"]))
        plain_text.line(" ".join([*meanings, instead]), "small")
    metric, against, paper = _measure(key)
    values = run_data.asked(key, condition_queries.at_last_layer, metric, against)
    frame = condition_tables.sweep(conditions, values)
    _figure(key, frame, metric, against, values, paper)
    if swept:
        _changed_words(key, conditions, paper)
    most_changed.show(key, _condition(place, values), metric, against)
    adjusted = run_data.asked(key, condition_queries.adjusted, metric, against)
    _table(conditions, values, adjusted, metrics.axis(metric, against))


def _measure(key: Key) -> tuple[str, str, bool]:
    pairs = condition_tables.measures(run_data.asked(key, condition_queries.sweep_metrics)) or [
        (likeness()[0], BASELINE)
    ]
    left, right = st.columns([1.6, 1], vertical_alignment="bottom")
    with right:
        paper = menus.choose_numbers()
    with left:
        metric, against = menus.measure(
            "Measure of the last layer's captions", pairs, name="measure"
        )
    return metric, against, paper


def _figure(
    key: Key, frame: pd.DataFrame, metric: str, against: str, values: pd.DataFrame, paper: bool
) -> None:
    if frame.empty:
        plain_text.line("No layer was averaged, confused or removed and then measured so.", "small")
        return
    floors = run_data.asked(key, floor_queries.at_last_layer)
    floor = floor_queries.of_measure(floors, metric, against)
    plain_text.line(
        f"{metrics.word(metric).meaning} Curves: one layer edited at a time. Bars: all "
        "layers under the bar at once. "
        f"{intervals.sentence(frame, 'Shades', of='condition')} "
        f"{metrics.floor(floor, curves=False, made=not floors.empty)}",
        "small",
    )
    baseline = None if against == BASELINE else condition_tables.baseline_of(values)
    chart = display.spec(
        condition_charts.sweep,
        frame,
        metrics.axis(metric, against),
        baseline=baseline,
        paper=paper,
        floor=floor,
    )
    display.chart(chart, "The measure against the layer that is edited.")
    files.download_row(chart, frame, "interventions")


def _changed_words(key: Key, conditions: pd.DataFrame, paper: bool) -> None:
    st.subheader("What changed in the words")
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch"):
        plain_text.line(metrics.word("repetition").label, "heading")
        plain_text.line(metrics.word("repetition").meaning, "small")
        values = run_data.asked(key, condition_queries.at_last_layer, "repetition", "self")
        frame = condition_tables.sweep(conditions, values)
        if frame.empty and not making.partly(key.path, "Repetition under edits"):
            plain_text.line(
                "Not measured yet. With repetition among the metrics of [score], this measures it:",
                "small",
            )
            copy_command.show("python -m precompute score")
        elif not frame.empty:
            floor = floor_queries.of_measure(
                run_data.asked(key, floor_queries.at_last_layer), "repetition", "self"
            )
            _small(frame, values, metrics.axis("repetition"), paper, "repetition", floor)
    with right, st.container(border=True, height="stretch"):
        plain_text.line("A phrase", "heading")
        plain_text.line("How often captions contain it, by the layer that is edited.", "small")
        _phrase(key, conditions, paper)


def _phrase(key: Key, conditions: pd.DataFrame, paper: bool) -> None:
    phrase = menus.text(
        "Words of a caption",
        name="phrase",
        icon=":material/search:",
        placeholder="such as black and white",
    ).strip()
    if not phrase:
        example = _example(key)
        if example:
            st.button(
                f"Try “{plain_text.label(example)}”",
                type="tertiary",
                on_click=link.write,
                kwargs={"phrase": example},
            )
        return
    counts = run_data.asked(key, condition_queries.phrase_share, phrase)
    values = condition_tables.shares(counts)
    frame = condition_tables.sweep(conditions, values)
    if counts["found"].any() and not frame.empty:
        short = phrase if len(phrase) <= _PHRASE else f"{phrase[:_PHRASE]}…"
        _small(
            frame.assign(phrase=phrase), values, f"captions with “{short}” (share)", paper, "phrase"
        )
        _paired(counts)
    else:
        plain_text.line(
            f"No caption of the last layer contains “{phrase[:200]}” under any condition.", "small"
        )


def _paired(counts: pd.DataFrame) -> None:
    table = condition_tables.paired_shares(counts)
    if table.empty:
        return
    plain_text.line(
        "Against the unedited model's captions of the same images: how many gained the phrase and "
        "lost it, and the difference of shares with its paired 95% interval, "
        "pointwise: each row by itself, largest first. Bands of the chart are each condition's "
        "alone.",
        "small",
    )
    st.dataframe(
        table.rename(
            columns={
                "condition_id": "condition",
                "pairs": "images",
                "low": "95% from",
                "high": "95% to",
            }
        ),
        hide_index=True,
        height=_TABLE,
        column_config={
            name: st.column_config.NumberColumn(format="%.3f")
            for name in ("difference", "95% from", "95% to")
        },
    )


def _example(key: Key) -> str:
    """The last words of some caption; empty if there is none."""
    image_id = run_data.first_image(key)
    if image_id is None:
        return ""
    final = picture.final_caption(run_data.captions(key, image_id, BASELINE))
    return " ".join(final.split()[-3:])[:_PHRASE]


def _small(
    frame: pd.DataFrame,
    values: pd.DataFrame,
    axis: str,
    paper: bool,
    name: str,
    floor: pd.DataFrame | None = None,
) -> None:
    chart = display.spec(
        condition_charts.sweep,
        frame,
        axis,
        paper=paper,
        height=300,
        baseline=condition_tables.baseline_of(values),
        floor=floor,
    )
    display.chart(chart, f"{axis} against the layer that is edited.")
    files.download_row(chart, frame, name)


def _condition(place: Place, values: pd.DataFrame) -> str | None:
    if place.condition != BASELINE:
        return place.condition
    edited = values[values["condition_id"] != BASELINE]
    least = edited.nsmallest(1, "mean")["condition_id"].tolist()
    return str(least[0]) if least else None


def _table(
    conditions: pd.DataFrame, values: pd.DataFrame, adjusted: pd.DataFrame, axis: str
) -> None:
    st.subheader("All conditions")
    compared = [] if adjusted.empty else ["difference", intervals.EFFECT, "adjusted_p"]
    adjusted[intervals.EFFECT] = [
        intervals.effect(low, high, p)
        for low, high, p in zip(
            adjusted["change_low"], adjusted["change_high"], adjusted["adjusted_p"], strict=True
        )
    ]
    plain_text.line(
        "The interval is of the condition's own mean; the difference is from the baseline, image "
        "by image, and its own interval decides whether an effect is shown. "
        f"{intervals.adjusted(f'the {len(adjusted):,} conditions below')}"
        if compared
        else intervals.sentence(values, "Intervals", of="condition"),
        "small",
    )
    table = (
        conditions.merge(values, on="condition_id", how="left")
        .merge(adjusted, on="condition_id", how="left")
        .assign(kind=conditions["kind"].map({kind: words.label for kind, words in KINDS.items()}))
        .rename(columns={"mean": axis})
    )
    shown = [name for name in ("heads", "source") if table[name].str.len().any()]
    st.dataframe(
        table[
            ["condition_id", "kind", axis, "low", "high", *compared, "n", "layers", *shown]
        ].rename(
            columns={
                "condition_id": "condition",
                "low": "95% from",
                "high": "95% to",
                "adjusted_p": "adjusted p",
                "n": "images",
                "source": "mean states of",
            }
        ),
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format="%.3f")
            for name in (axis, "95% from", "95% to", "difference", "adjusted p")
        },
    )
    files.download_row(None, table, "conditions")
