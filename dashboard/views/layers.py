"""The whole data set over layers: curves with their bootstrap intervals."""

import pandas as pd
import streamlit as st

from dashboard import charts, data, plain, selection, words
from dashboard.selection import Place
from store.schema import CAPTION_METRICS, LAYER_METRICS

_ROOMS = (
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
    n = int(curves["n"].max())
    plain.line(f"Means over {n} images; bands are 95% bootstrap intervals over images. "
               f"Layer 0 is the embedding, before the first block.", "small")
    scored = sorted(set(curves["metric"]) - {*CAPTION_METRICS, *LAYER_METRICS})
    for heading, metrics in (("What it says", tuple(scored)), *_ROOMS):
        shown = [metric for metric in metrics if (curves["metric"] == metric).any()]
        if shown:
            st.subheader(heading)
        for pair in (shown[i:i + 2] for i in range(0, len(shown), 2)):
            for column, metric in zip(st.columns(2, gap="medium"), pair, strict=False):
                with column:
                    _draw(metric, curves)


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
