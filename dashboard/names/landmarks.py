"""Where things set in, in a newcomer's words. Pure functions: a frame in, sentences out."""

import re
from collections.abc import Collection
from typing import Any

import pandas as pd

from dashboard.names import metrics
from store.metrics import GAIN, ONSET, gains


def where(landmarks: pd.DataFrame) -> list[tuple[str, str]]:
    """Landmarks in a newcomer's words: what sets in, and where.

    Args:
        landmarks: of `image_queries.landmarks`. Grounding, which several measures show, is a
            single row: by the first of `gains`.
    """
    grounding = landmarks["metric"].str.startswith(ONSET)
    by = landmarks[grounding].set_index("metric")
    lines = [
        (metrics.word(row["metric"]).label, f"{span(row)}. {metrics.word(row['metric']).meaning}")
        for row in landmarks[~grounding].to_dict("records")
    ]
    if by.empty:
        return lines
    first = next(
        (name for name in (_onset(gain) for gain in gains()) if name in by.index),
        by.index[0],
    )
    others = by.drop(index=first)["layer"]
    word = metrics.word(first)
    what, _, metric = word.label.partition(", ")
    more = (
        ""
        if others.empty
        else f" By {len(others)} other measures: layer {others.min():.0f} to {others.max():.0f}."
    )
    there = span(by.loc[first].to_dict(), f", by {metric}")
    return [*lines, (what, f"{there}. {word.meaning}{more}")]


def _onset(gain: str) -> str:
    return f"{ONSET}{gain.removeprefix(GAIN)}"


def span(row: dict[Any, Any], by: str = "") -> str:
    """The layer of a landmark with its interval, in words."""
    interval = (
        "too few images for an interval"
        if pd.isna(row["low"])
        else f"95% interval {row['low']:.0f} to {row['high']:.0f}"
    )
    return f"layer {row['layer']:.0f}{by} ({interval})"


def rules(landmarks: pd.DataFrame) -> list[str]:
    """Every landmark with its interval and its exact rule, a sentence or two each."""
    return [
        f"{metrics.word(row['metric']).label}: {span(row)}. The rule: {_in_words(row['rule'])}."
        for row in landmarks.to_dict("records")
    ]


def _in_words(rule: str) -> str:
    """A rule of the store with the names of its metrics as menus write them."""
    return re.sub(r"\b[a-z]+_\w+", lambda match: metrics.word(match[0]).label, rule)


def marks(landmarks: pd.DataFrame, curves: Collection[str]) -> list[tuple[int, str]]:
    """Where the decoder is sure and grounding sets in, as `base_charts.bands` marks it.

    Args:
        landmarks: of `image_queries.landmarks`.
        curves: metrics of the run; grounding is that of the first of `gains` among them.
    """
    gain = next((gain for gain in gains() if gain in curves), None)
    shown = ("confidence_onset", _onset(gain) if gain else None)
    return [
        (int(row["layer"]), metrics.word(row["metric"]).label.partition(",")[0])
        for row in landmarks.to_dict("records")
        if row["metric"] in shown
    ]
