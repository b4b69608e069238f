"""A histogram over which an interval is dragged: what passes a filter is coloured."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.charts.base import BLUE, FIT_X, MARGINS, Chart
from dashboard.names import metrics

_NAME = "interval"
_DIGITS = Context(prec=4)


@dataclass(frozen=True)
class Bounds:
    """An interval; None is an open end."""

    low: float | None = None
    high: float | None = None


def chart(frame: pd.DataFrame, bounds: Bounds, unit: str, *, height: int = 70) -> Chart:
    """How many images have which value; those within the bounds are coloured.

    Args:
        frame: low, high, n of the bins.
        bounds: the interval of the filter; it is drawn as a brush that can be moved.
        unit: of the horizontal axis.
        height: in pixels.
    """
    middle = (frame["low"] + frame["high"]) / 2
    low, high = _ends(bounds)
    frame = frame.assign(passes=(middle >= low) & (middle <= high))
    least, most = float(frame["low"].min()), float(frame["high"].max())
    start: Any = {"x": [max(low, least), min(high, most)]}
    # A brush over all bars would be in the hand's way: a drag would move it.
    drawn = (low > least or high < most) and start["x"][0] < start["x"][1]
    brush = alt.selection_interval(
        name=_NAME, encodings=["x"], value=start if drawn else alt.Undefined
    )
    bars: alt.Chart = (
        alt.Chart(frame)
        .mark_bar(binSpacing=1)
        .encode(
            x=alt.X("low:Q", bin="binned", title=unit, axis=alt.Axis(grid=False, tickCount=5)),
            x2="high:Q",
            y=alt.Y("n:Q", title="images", axis=alt.Axis(grid=False, tickCount=2, format="d")),
            color=alt.condition("datum.passes", alt.value(BLUE), alt.value("#b9b9b9")),
            tooltip=[
                alt.Tooltip("low:Q", title="from", format=".4g"),
                alt.Tooltip("high:Q", title="to", format=".4g"),
                alt.Tooltip("n:Q", title="images"),
            ],
        )
        .add_params(brush)
        .properties(height=height, autosize=FIT_X, padding=MARGINS)
    )
    return bars


def show(
    frame: pd.DataFrame,
    bounds: Bounds,
    metric: str,
    *,
    key: str,
    alt: str,
    brushed: Callable[[Bounds], None],
) -> None:
    """Draw the histogram; a drag over it tells the interval.

    Args:
        frame: as of `chart`.
        bounds: as of `chart`.
        metric: whose unit the axis names.
        key: of the chart; another interval is another chart, so that its brush starts there.
        alt: the chart in words.
        brushed: what to do with a new interval.
    """
    if frame.empty:
        st.html("<div>No image has this number.</div>")
        return
    name = f"{key} {bounds.low} {bounds.high}"

    def dragged() -> None:
        event = st.session_state[name]
        dragged_to = interval(event, frame)
        # A brush that is drawn at an interval comes back rounded to pixels: that is no new one.
        if _ends_of(event) and not _alike(dragged_to, bounds, frame):
            brushed(dragged_to)

    st.altair_chart(
        chart(frame, bounds, metrics.word(metric).unit or "value"),
        key=name,
        alt=alt,
        on_select=dragged,
        selection_mode=_NAME,
    )


def interval(event: Any, frame: pd.DataFrame) -> Bounds:
    """The bounds of a brush, four digits each; an end at the end of the bars is open.

    Args:
        event: what Streamlit tells of the selection.
        frame: the bars.
    """
    ends = _ends_of(event)
    if not ends:
        return Bounds()
    low, high = (float(_DIGITS.create_decimal_from_float(float(end))) for end in sorted(ends))
    near = _hair(frame)
    return Bounds(
        low if low > frame["low"].min() + near else None,
        high if high < frame["high"].max() - near else None,
    )


def _ends_of(event: Any) -> list[float]:
    return list(event["selection"].get(_NAME, {}).get("low") or [])


def _hair(frame: pd.DataFrame) -> float:
    """What a hand cannot tell apart: about a pixel of the axis."""
    return float(frame["high"].max() - frame["low"].min()) / 200


def _alike(one: Bounds, two: Bounds, frame: pd.DataFrame) -> bool:
    """Whether two intervals lie over the same bars; beyond the bars there is nothing to tell."""
    least, most = float(frame["low"].min()), float(frame["high"].max())
    (a, b), (c, d) = ((max(low, least), min(high, most)) for low, high in (_ends(one), _ends(two)))
    return abs(a - c) <= _hair(frame) and abs(b - d) <= _hair(frame)


def _ends(bounds: Bounds) -> tuple[float, float]:
    return (
        -math.inf if bounds.low is None else bounds.low,
        math.inf if bounds.high is None else bounds.high,
    )
