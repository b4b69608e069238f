"""A histogram over which an interval is dragged: what passes a filter is coloured."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.charts.base import BLUE, MARGINS
from dashboard.names import metrics

_NAME = "interval"
_DIGITS = Context(prec=4)


@dataclass(frozen=True)
class Bounds:
    """An interval; None is an open end."""

    low: float | None = None
    high: float | None = None


def chart(frame: pd.DataFrame, bounds: Bounds, unit: str, *, height: int = 70) -> dict[str, Any]:
    """How many images have which value; those within the bounds are coloured.

    Written in Vega-Lite: Altair takes 20 ms for the same, and a page has one for each filter.

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
    start = [max(low, least), min(high, most)]
    brush: dict[str, Any] = {"name": _NAME, "select": {"type": "interval", "encodings": ["x"]}}
    # A brush over all bars would be in the hand's way: a drag would move it.
    if (low > least or high < most) and start[0] < start[1]:
        brush["value"] = {"x": start}
    few = {"grid": False, "tickCount": 5}
    low_end, high_end, n = (
        {"field": name, "type": "quantitative"} for name in ("low", "high", "n")
    )
    return {
        "data": {"values": frame[["low", "high", "n", "passes"]].to_dict("records")},
        "mark": {"type": "bar", "binSpacing": 1},
        "params": [brush],
        "encoding": {
            "x": {**low_end, "bin": "binned", "title": unit, "axis": few},
            "x2": {"field": "high"},
            "y": {**n, "title": "images", "axis": {**few, "tickCount": 2, "format": "d"}},
            "color": {"condition": {"test": "datum.passes", "value": BLUE}, "value": "#b9b9b9"},
            "tooltip": [
                {**low_end, "title": "from", "format": ".4g"},
                {**high_end, "title": "to", "format": ".4g"},
                {**n, "title": "images"},
            ],
        },
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": MARGINS,
    }


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

    st.vega_lite_chart(
        spec=chart(frame, bounds, metrics.word(metric).unit or "value"),
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
