"""How a vision model scores the captions, judge by judge: the paper's Figure 5 and its proofs."""

import math
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.charts import judge as judge_charts
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import display, files
from dashboard.names import intervals, metrics
from dashboard.views import judge_orders
from dashboard.widgets import cards, copy_command, link, menus, navigation
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from store.metrics import CRITERIA
from store.query import Quantity, Selection, Sort
from store.query import judges as judge_queries

_CARDS, _REPLIES = 12, 5
_ALL = "all"


def show(place: Place) -> None:
    """Draw the page."""
    key = place.published
    st.header("Judge")
    with link.notes_above():
        _draw(place, key)


def _draw(place: Place, key: Key) -> None:
    judges = run_data.asked(key, judge_queries.judges, place.condition)
    if judges.empty:
        _none(place.run)
        return
    about = _choose(judges)
    name = str(about["judge"])
    _facts(about)
    curves = run_data.curves(key, place.condition)
    scores = judge_charts.of_judge(curves, "judge", name)
    if scores.empty:
        plain_text.line("No reply of this judge has a score; what came instead stands below.")
    else:
        left, right = st.columns([1.25, 1], gap="medium")
        with left.container(border=True, height="stretch"):
            _figure5(scores)
        with right.container(border=True, height="stretch"):
            _steps(judge_charts.of_judge(curves, "judge_step", name), about["layers"])
    left, right = st.columns([1, 1.6], gap="medium")
    with left:
        _statuses(key, name, place.condition)
    with right:
        _agreement(key, name, place.condition)
    judge_orders.show(key, name, judges, curves, place.condition)
    _by_rise(key, name, place.condition)
    _replies(key, name, place.condition)


def _none(run: Path) -> None:
    plain_text.line("No judge yet: no vision model has scored the captions of this run.")
    plain_text.line(
        "Any OpenAI-compatible endpoint does it, hosted or your own. Put its address for "
        "URL and its model's name for NAME; a key goes into the environment as "
        "PEEL_JUDGE_KEY. With --dry-run it shows the cost and one question, and sends "
        "nothing.",
        "small",
    )
    copy_command.show(
        f"python -m precompute judge {shlex.quote(copy_command.config_of(run))} --run {run.name} "
        "--base-url URL --model NAME"
    )


def _choose(judges: pd.DataFrame) -> dict[str, Any]:
    names = [str(name) for name in judges["judge"]]
    with st.sidebar:
        name = menus.menu(
            "Judge",
            names,
            name="judge",
            more=(
                "Another model, wording, order, choice of layers or limit is another judge. Judges "
                "are never merged."
            ),
        )
    return dict(judges.iloc[names.index(name)])


def _facts(about: dict[str, Any]) -> None:
    layers = ", ".join(str(layer) for layer in about["layers"])
    tokens = (
        ""
        if pd.isna(about["tokens_in"])
        else (f"; {about['tokens_in']:,} tokens in, {about['tokens_out']:,} out")
    )
    votes = int(about["votes"])
    plain_text.line(
        f"Asked as {about['model_asked']}, answered as {about['model_answered']}. "
        f"{about['replies']:,} replies on {about['images']:,} images, "
        f"{votes} {'vote' if votes == 1 else 'votes'} each; layers {layers}{tokens}.",
        "small",
    )


def _figure5(scores: pd.DataFrame) -> None:
    plain_text.line("Score by layer (the paper's Figure 5)", "heading")
    plain_text.line(
        "Means over images; an image counts with the mean of its votes. "
        f"{intervals.sentence(scores)} The judge was not asked about the floor: what it gives "
        "captions that are written without the picture is not known.",
        "meaning",
    )
    chart = display.spec(judge_charts.figure5, scores)
    display.chart(chart, "Score by layer, a line a criterion and one for their mean.")
    files.download_row(chart, _table(scores), "judge-scores")


def _steps(steps: pd.DataFrame, layers: list[int]) -> None:
    plain_text.line("Steps between neighbouring layers", "heading")
    plain_text.line(
        "Score minus that of the judged layer below, image by image; above zero it rises. "
        f"{intervals.sentence(steps, 'Bars', of='step')}",
        "meaning",
    )
    if steps.empty:
        plain_text.line("No image has scores at two neighbouring layers.", "small")
        return
    there = [name for name in CRITERIA if (steps["criterion"] == name).any()]
    default = "mean" if "mean" in there else there[0]
    chosen = menus.menu(
        "Criterion",
        there,
        name="criterion",
        default=default,
        shown=lambda name: CRITERIA[name].label,
        more="\n\n".join(f"{CRITERIA[name].label}: {CRITERIA[name].meaning}" for name in there),
    )
    below = dict(zip(layers[1:], layers, strict=False))
    frame = steps[steps["criterion"] == chosen].sort_values("layer")
    frame = frame.assign(step=[f"{below[layer]} to {layer}" for layer in frame["layer"]])
    chart = display.spec(judge_charts.steps, frame)
    display.chart(chart, "Change of the score from each judged layer to the next.")
    files.download_row(chart, _table(steps), "judge-steps")


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["metric", "criterion", "layer", "n", "mean", "low", "high"]]


def _statuses(key: Key, judge: str, condition: str) -> None:
    st.subheader("How replies came out")
    st.dataframe(run_data.asked(key, judge_queries.statuses, judge, condition), hide_index=True)
    plain_text.line(
        "Where a reply failed it has no score: refused, without text (empty), cut off "
        "(truncated), no JSON (unreadable), incomplete (partial), about other layers, or off the "
        "menu. Scores written as text (quoted) count.",
        "small",
    )


def _agreement(key: Key, judge: str, condition: str) -> None:
    st.subheader("Agreement")
    agreement = run_data.asked(key, judge_queries.agreement, condition)
    pairs = agreement[(agreement["judge"] == judge) | (agreement["other"] == judge)]
    if pairs.empty:
        plain_text.line("With other judges: there is no other judge of the same captions.", "small")
    else:
        plain_text.line(
            "With other judges: the first vote of each on the same image, layer and "
            "criterion. Kappa weighs differences by their square; 1 is full agreement, 0 "
            "that of chance.",
            "small",
        )
        other = pairs["other"].where(pairs["judge"] == judge, pairs["judge"])
        st.dataframe(
            pd.DataFrame(
                {
                    "with": other,
                    "criterion": [CRITERIA[name].label for name in pairs["criterion"]],
                    "n": pairs["n"],
                    "equal": pairs["equal"],
                    "weighted kappa": pairs["kappa"],
                }
            ),
            hide_index=True,
            column_config={
                "equal": st.column_config.NumberColumn(format="percent"),
                "weighted kappa": st.column_config.NumberColumn(format="%.2f"),
            },
        )
    _with_bertscore(key, judge, condition)


def _with_bertscore(key: Key, judge: str, condition: str) -> None:
    there = [
        against
        for against in ("reference", "final")
        if f"bertscore:{against}" in run_data.quantities(key)
    ]
    if not there:
        plain_text.line("With BERTScore: this run has none.", "small")
        return
    plain_text.line(
        "With BERTScore: rank correlation (Spearman) of the judge's mean. Over all layers "
        "both may rise with the layer; within one layer only the images differ. None: one of the "
        "two is the same for all images there.",
        "small",
    )
    correlations = pd.concat(
        [
            run_data.asked(
                key, judge_queries.rank_correlation, judge, "bertscore", against, condition
            ).assign(against=metrics.AGAINST[against])
            for against in there
        ]
    )
    correlations["layer"] = [
        "all" if pd.isna(layer) else str(layer) for layer in correlations["layer"]
    ]
    table = correlations.pivot(index="against", columns="layer", values="correlation")
    table = table[list(dict.fromkeys(correlations["layer"]))]
    st.dataframe(
        table.rename(columns=lambda layer: "all layers" if layer == "all" else f"layer {layer}"),
        column_config={"against": "BERTScore against"}
        | {
            name: st.column_config.NumberColumn(format="%.2f")
            for name in ("all layers", *(f"layer {n}" for n in table.columns))
        },
    )


def _by_rise(key: Key, judge: str, condition: str) -> None:
    st.subheader("Images by rise")
    quantity = Quantity(f"judge_rise.{judge}")
    plain_text.line(metrics.word(quantity.metric).meaning, "small")
    if quantity.name not in run_data.quantities(key):
        plain_text.line("No image has scores of both.", "small")
        return
    most = menus.menu("Order", ("largest", "least"), name="rise", look="segments") == "largest"
    rows = run_data.page(key, Selection(condition=condition), Sort(quantity, most), _CARDS, 0)
    cards.show(key, rows[rows["sort_value"].notna()], condition, "rise")


def _replies(key: Key, judge: str, condition: str) -> None:
    st.subheader("Replies as they came")
    counts = run_data.asked(key, judge_queries.statuses, judge, condition)
    options = [_ALL, *counts["status"]]
    with st.container(width=220):
        chosen = menus.menu("Status", options, name="status")
    status = None if chosen == _ALL else str(chosen)
    n = int(
        counts["replies"].sum()
        if status is None
        else counts.loc[counts["status"] == status, "replies"].sum()
    )
    pages = max(math.ceil(n / _REPLIES), 1)
    rows_at = st.container()
    number = menus.pages(pages, "replies")
    rows = run_data.asked(
        key, judge_queries.replies, judge, status, _REPLIES, (number - 1) * _REPLIES, condition
    )
    with rows_at:
        for row in rows.astype(object).to_dict("records"):
            _reply(key, row, condition)


def _reply(key: Key, row: dict[Any, Any], condition: str) -> None:
    def field(name: str) -> str:
        return "?" if pd.isna(row[name]) else str(row[name])

    with st.container(border=True):
        head, link_at = st.columns([8, 1], vertical_alignment="center")
        with head:
            plain_text.line(f"{row['image_id']} · vote {row['vote'] + 1} · {row['status']}")
            plain_text.line(
                f"asked {field('model_asked')}, answered {field('model_answered')}; tokens "
                f"{field('tokens_in')} in, {field('tokens_out')} out; {field('at')}",
                "small",
            )
        with link_at:
            navigation.to_image(key, str(row["image_id"]), condition)
        text = "(no text)" if pd.isna(row["text"]) or not row["text"] else str(row["text"])
        plain_text.line(text, "reply")
        if not pd.isna(row["length"]) and row["length"] > judge_queries.TEXT_SHOWN:
            plain_text.line(
                f"The first {judge_queries.TEXT_SHOWN:,} of {row['length']:,} characters; "
                "python -m precompute export gives all.",
                "small",
            )
