"""The whole data set over layers: curves with their bootstrap intervals."""

import pandas as pd
import streamlit as st

from dashboard import charts, data, plain, words
from dashboard.selection import Place

_ROOMS = (
    ("Where it looks", ("attn_to_patches", "delta_attn", "map_shift", "attn_entropy")),
    ("Who moves the state", ("attn_share", "patch_attn_share", "resid_norm", "cos_prev")),
    ("How sure it is of its words", ("final_logprob", "mean_logprob")),
)
_NORMS = ("update_norm", "attn_norm", "mlp_norm")


def show(place: Place) -> None:
    """Draw the page."""
    curves = data.curves(place.published, place.condition)
    st.header("Layers")
    if curves.empty:
        plain.line("This run has no curves for this condition yet. Publish it again: "
                   "python -m precompute publish.")
        return
    n = int(curves["n"].max())
    plain.line(f"Means over {n} images; bands are 95% bootstrap intervals over images. "
               f"Layer 0 is the embedding, before the first block.", "small")
    scored = curves[curves["against"].notna()]
    plainly = curves[curves["against"].isna()]
    _say(scored)
    for heading, metrics in _ROOMS:
        st.subheader(heading)
        grid = st.columns(2, gap="medium")
        shown = [metric for metric in metrics if (plainly["metric"] == metric).any()]
        for i, metric in enumerate(shown):
            with grid[i % 2]:
                _draw(metric, plainly[plainly["metric"] == metric].assign(
                    series=words.word(metric).label))
        if "attn_share" in metrics:
            _norms(plainly)


def _say(scored: pd.DataFrame) -> None:
    if scored.empty:
        return
    st.subheader("What it says")
    grid = st.columns(2, gap="medium")
    for i, (metric, frame) in enumerate(scored.groupby("metric")):
        with grid[i % 2]:
            _draw(str(metric), frame.assign(series=[
                f"against {words.AGAINST.get(name, name)}" for name in frame["against"]]))


def _norms(curves: pd.DataFrame) -> None:
    frame = curves[curves["metric"].isin(_NORMS)]
    if frame.empty:
        return
    labels = {"update_norm": "the whole update", "attn_norm": "attention", "mlp_norm": "MLP"}
    frame = frame.assign(series=frame["metric"].map(labels))
    st.markdown("##### What a layer adds to the CLS token")
    plain.line("Length of the update, and of the two parts that make it.", "small")
    st.altair_chart(charts.bands(frame, "vector length"), alt="Norms of updates over layers.")


def _draw(metric: str, frame: pd.DataFrame) -> None:
    st.markdown(f"##### {words.word(metric).label}")
    plain.line(words.word(metric).meaning, "small")
    st.altair_chart(charts.bands(frame, words.word(metric).unit or "value"),
                    alt=f"{words.word(metric).label} over layers.")
