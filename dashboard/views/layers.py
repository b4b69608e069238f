"""The whole data set over layers: curves with their bootstrap intervals."""

from functools import partial

import pandas as pd
import streamlit as st

from dashboard import charts, data, drawn, exporting, figures, plain, selection, words
from dashboard.selection import Place
from store import queries
from store.schema import CAPTION_METRICS, LAYER_METRICS

_GROUNDING = ("answer_accuracy", "answer_bertscore", "answer_rouge_l", "label", "uniqueness",
              "repetition")
_PROXY = ("n_nouns", "noun_depth")
_JUDGES = ("judge.", "judge_step.")  # they have a page of their own
_ROOMS = (
    ("From abstract to concrete, without a judge", _PROXY),
    ("Where it looks", ("attn_to_patches", "delta_attn", "map_shift", "attn_entropy")),
    ("Who moves the state", (
        "update_norm", "attn_share", "resid_norm", "cos_prev", "patch_update_norm",
        "patch_attn_share")),
    ("How sure it is of its words", ("final_logprob", "mean_logprob", "n_tokens")),
)
_PARTS = {"update_norm": words.WHOLE, "attn_norm": words.ATTENTION, "mlp_norm": words.MLP}
"""One chart: what a layer adds, and the two parts that make it."""


def show(place: Place) -> None:
    """Draw the page."""
    curves = data.curves(place.published, place.condition)
    st.header("Layers")
    selection.show_notes()
    if curves.empty:
        plain.line("This run has no curves for this condition yet. Publish it again: "
                   "python -m precompute publish.")
        return
    curves = curves[~curves["metric"].str.startswith(_JUDGES)]
    n = int(curves["n"].max())
    plain.line(f"Means over {n} images; bands are 95% bootstrap intervals over images. "
               f"Layer 0 is the embedding, before the first block.", "small")
    scored = sorted(set(curves["metric"]) - {*CAPTION_METRICS, *LAYER_METRICS})
    gains = tuple(metric for metric in scored if metric.startswith("grounded_gain_"))
    likeness = tuple(m for m in scored if m not in {*gains, *_GROUNDING, *_PROXY})
    _landmarks(place)
    _convergence(place, int(data.run_row(place.published)["n_layers"]))
    _figure3(place)
    for heading, metrics in (
        ("What it says", likeness),
        ("Whether it says it of this picture", (*gains, *_GROUNDING)),
        *_ROOMS,
    ):
        shown = [metric for metric in metrics if (curves["metric"] == metric).any()]
        if shown:
            st.subheader(heading)
        for pair in (shown[i:i + 2] for i in range(0, len(shown), 2)):
            for column, metric in zip(st.columns(2, gap="medium"), pair, strict=False):
                with column:
                    _draw(metric, curves)


def _landmarks(place: Place) -> None:
    found = data.landmarks(place.published, place.condition)
    if found.empty:
        return
    st.subheader("Where things set in")
    st.dataframe(pd.DataFrame({
        "what": [words.word(metric).label for metric in found["metric"]],
        "layer": found["layer"],
        "95% interval": [f"{low} to {high}" for low, high in zip(
            found["low"], found["high"], strict=True)],
        "rule": found["rule"],
    }), hide_index=True, column_config={"rule": st.column_config.TextColumn(width="large")})


def _convergence(place: Place, top: int) -> None:
    found = data.asked(place.published, queries.convergence, place.condition)
    if found.empty:
        return
    st.subheader("Where the captions of an image settle")
    metrics = list(dict.fromkeys(found["metric"]))
    for column, metric in zip(st.columns(len(metrics), gap="medium"), metrics, strict=True):
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


def _draw(metric: str, curves: pd.DataFrame) -> None:
    word = words.word(metric)
    with st.container(border=True):
        plain.line(word.label, "heading")
        if metric == "update_norm":
            frame = curves[curves["metric"].isin(_PARTS)].assign(
                series=lambda rows: rows["metric"].map(_PARTS))
        else:
            frame = curves[curves["metric"] == metric].assign(
                series=lambda rows: rows["against"].replace(words.AGAINST))
        plain.line(word.meaning, "meaning")
        st.altair_chart(charts.bands(frame, word.unit or "value", _heading(metric)),
                        alt=f"{word.label} over layers.")


def _heading(metric: str) -> str | None:
    return None if metric in _PARTS else "against"
