"""Frames as charts. Pure functions: a frame in, an Altair chart out."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboard.names import metrics
from store.interventions import Color

BLUE, ORANGE, GREEN, PINK, SKY, AMBER, GREY = (
    "#2b8cc4",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
    "#808080",
)
"""Okabe and Ito's colours, told apart by every kind of eye; the blue lighter, for dark pages."""

PALETTE: Mapping[Color, str] = {
    "blue": BLUE,
    "orange": ORANGE,
    "green": GREEN,
    "pink": PINK,
    "sky": SKY,
    "amber": AMBER,
    "grey": GREY,
}

_AGAINST = {
    "final": BLUE,
    "previous": ORANGE,
    "reference": GREEN,
    "shuffled": PINK,
    "label": AMBER,
    "baseline": GREY,
    "self": BLUE,
}
_SERIES = {metrics.SERIES[name]: color for name, color in _AGAINST.items()} | {
    metrics.WHOLE: BLUE,
    metrics.ATTENTION: ORANGE,
    metrics.MLP: GREEN,
}
"""A series keeps its colour whichever others stand beside it."""

VIRIDIS = (
    "#440154",
    "#472d7b",
    "#3b528b",
    "#2c728e",
    "#21918c",
    "#28ae80",
    "#5ec962",
    "#addc30",
    "#fde725",
)
"""From low to high, for what has one sign."""

DIVERGING = ("#b35806", "#f1a340", "#f2e6d8", "#998ec3", "#542788")
"""Orange below zero, violet above, pale in the middle."""

Chart = alt.Chart | alt.LayerChart | alt.FacetChart

FIT_X = alt.AutoSizeParams(type="fit-x", contains="padding")
"""The chart takes the width it is given; its height is that of the plot."""

MARGINS = {"top": 4, "bottom": 0, "left": 0, "right": 4}
"""Pixels around a chart. Named, all four: a page adds 20 below what names none."""

FIT: dict[str, Any] = {
    "autosize": alt.AutoSizeParams(type="fit", contains="padding"),
    "padding": MARGINS,
}
"""The chart takes the width it is given; its height is that of all, axes and legend included, so
that charts side by side end at one line."""

LEGEND: dict[str, Any] = {"offset": 6, "padding": 0, "titlePadding": 3, "rowPadding": 1}
"""A legend above a plot, close to it: pixels."""

_LEGEND_CHARACTERS = 31
_TITLE_CHARACTERS = 40
_SAME = 1e-9
_ENDS = ("low", "high")


def columns(names: Sequence[str]) -> int:
    """Of a legend: two names stand side by side only if they fit a phone's width."""
    return 2 if sum(sorted(map(len, names))[-2:]) <= _LEGEND_CHARACTERS else 1


def lines(title: str) -> str | list[str]:
    """The title of a vertical axis; a long one with its unit on a line of its own.

    >>> lines("BERTScore (F1)"), lines("Likeness of all the answers, in ROUGE-L (0 to 1)")
    ('BERTScore (F1)', ['Likeness of all the answers, in ROUGE-L', '(0 to 1)'])
    """
    name, bracket, unit = title.rpartition(" (")
    return [name, f"({unit}"] if bracket and len(title) > _TITLE_CHARACTERS else title


def values(*shown: "pd.Series[float]") -> alt.Scale:
    """A scale that fits what is shown; around numbers that are all the same, one with some room."""
    ends = pd.concat(shown).dropna()
    low, high = (float(ends.min()), float(ends.max())) if len(ends) else (0.0, 1.0)
    if high - low > _SAME * max(1.0, abs(high)):
        return alt.Scale(zero=False)
    margin = abs(low) / 10 or 0.1
    return alt.Scale(domain=[low - margin, high + margin], zero=False)


def _layer_ticks(top: int, first: int = 0) -> alt.Axis:
    shown = list(range(first, top + 1, max(1, round((top - first) / 13))))
    # Count and least step as well: by those it assumes for whole numbers, Vega thins values out.
    return alt.Axis(
        values=shown,
        tickCount=len(shown),
        tickMinStep=0.5,
        grid=False,
        format="d",
        labelOverlap=False,
    )


def layer_axis(top: int, first: int = 0, title: str = metrics.LAYER_AXIS) -> alt.X:
    """The horizontal axis of layers, `first` to `top`."""
    return alt.X(
        "layer:Q",
        title=title,
        scale=alt.Scale(domain=[first, top], nice=False, padding=6),
        axis=_layer_ticks(top, first),
    )


def bands(
    frame: pd.DataFrame,
    axis: str,
    heading: str | None = None,
    *,
    height: int = 280,
    first: int = 0,
    colors: Mapping[str, str] = _SERIES,
    across: str = metrics.LAYER_AXIS,
    marks: Sequence[tuple[int, str]] = (),
    floor: pd.DataFrame | None = None,
) -> Chart:
    """Data-set means over layers with their intervals, one colour a series.

    Args:
        frame: layer, series, mean, low, high, n; series in the order of the legend. Where `low`
            and `high` are not there, too few images were, and there is no band.
        axis: title of the vertical axis, with the unit.
        heading: title of the legend, if there are several series.
        height: in pixels, with axes and legend.
        first: the layer where the horizontal axis starts.
        colors: of the series.
        across: title of the horizontal axis.
        marks: layers that are marked by a quiet rule, and what is there.
        floor: of `store.query.floor.band`, with `series`: a grey band under each series of its
            name, and its mean as a dotted line in the colour of the series.
    """
    if floor is not None:
        floor = floor[floor["series"].isin(frame["series"]) & floor["layer"].isin(frame["layer"])]
    else:
        floor = pd.DataFrame(columns=["layer", "series", "mean", "low", "high", "n", "towers"])
    series = list(dict.fromkeys(frame["series"]))
    top = int(frame["layer"].max())
    legend = (
        alt.Legend(
            title=heading,
            orient="top",
            labelLimit=300,
            symbolOpacity=1,
            symbolSize=60,
            titleOrient="top",
            columns=columns(series),
            **LEGEND,
        )
        if len(series) > 1
        else None
    )
    base = alt.Chart(frame).encode(
        x=layer_axis(top, first, across),
        color=alt.Color(
            "series:N",
            sort=series,
            legend=legend,
            scale=alt.Scale(domain=series, range=[colors.get(name, SKY) for name in series]),
        ),
    )
    tooltip = [
        alt.Tooltip("series:N", title="series"),
        alt.Tooltip("layer:Q", title="layer"),
        *(
            alt.Tooltip(f"{name}:Q", title=text, format=".4f")
            for name, text in (("mean", "mean"), ("low", "95% from"), ("high", "95% to"))
        ),
        alt.Tooltip("n:Q", title="images", format=",d"),
    ]
    ends = [frame["mean"], *(rows[end] for rows in (frame, floor) for end in _ENDS)]
    value = alt.Y("low:Q", title=axis, scale=values(*ends))
    return alt.layer(
        *_floor(floor, base, value),
        base.mark_area(opacity=0.18).encode(y=value, y2="high:Q"),
        base.mark_line(strokeWidth=1.8).encode(y="mean:Q"),
        base.mark_point(filled=True, size=32, opacity=1).encode(y="mean:Q", tooltip=tooltip),
        *_marked(frame, [mark for mark in marks if first <= mark[0] <= top], first, top),
    ).properties(height=height, **FIT)


def _floor(floor: pd.DataFrame, curves: alt.Chart, value: alt.Y) -> list[alt.Chart]:
    """Grey bands of the floor, with the scales of the curves; nothing where there is none."""
    if floor.empty:
        return []
    base = curves.properties(data=floor)
    opacity = 0.28 if floor["series"].nunique() == 1 else 0.14  # several lie on each other
    tooltip = [
        alt.Tooltip("series:N", title="floor of"),
        alt.Tooltip("layer:Q", title="layer"),
        alt.Tooltip("low:Q", title="lowest end of 95%", format=".4f"),
        alt.Tooltip("high:Q", title="highest end of 95%", format=".4f"),
        alt.Tooltip("towers:Q", title="permuted towers"),
        alt.Tooltip("n:Q", title="images", format=",d"),
    ]
    return [
        base.mark_area(opacity=opacity).encode(
            y=value, y2="high:Q", color=alt.value(GREY), detail="series:N", tooltip=tooltip
        ),
        base.mark_line(strokeWidth=1.2, strokeDash=[1, 3]).encode(y="mean:Q"),
    ]


def in_sight(floor: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """The floor of one layer if a chart can show it, else no row.

    If it lies further off than three times what the values span, they would be one line.

    Args:
        floor: low and high, one row or none.
        frame: low and high of all that is drawn.
    """
    low, high = float(frame["low"].min()), float(frame["high"].max())
    off = max(low - floor["high"].min(), floor["low"].max() - high) if len(floor) else 0
    return floor[:0] if off > 3 * (high - low) else floor


def level(floor: pd.DataFrame, value: alt.Y) -> alt.Chart:
    """The floor of one layer as a grey band across a chart.

    Args:
        floor: low and high, one row.
        value: the vertical axis.
    """
    tooltip = [alt.Tooltip(f"{end}:Q", title=f"floor, {end}", format=".4f") for end in _ENDS]
    band: alt.Chart = (
        alt.Chart(floor[list(_ENDS)])
        .mark_rect(color=GREY, opacity=0.28, aria=False)
        .encode(y=value, y2="high:Q", tooltip=tooltip)
    )
    return band


def _marked(
    frame: pd.DataFrame, marks: Sequence[tuple[int, str]], first: int, top: int
) -> list[alt.Chart]:
    """Rules with their words, which stand where the curves leave room."""
    layers = []
    shown = frame[["low", "mean", "high"]]
    middle = (shown.min().min() + shown.max().max()) / 2
    for i, (layer, what) in enumerate(marks):
        left = layer - first > (top - first) / 2  # of the rule: towards the middle of the plot
        end = layer + (top - first) / (-3 if left else 3)
        beside = frame.loc[frame["layer"].between(min(layer, end), max(layer, end)), "mean"]
        down = beside.mean() > middle
        at = alt.Chart(pd.DataFrame({"layer": [layer], "what": [what]})).encode(x="layer:Q")
        layers += [
            at.mark_rule(color=GREY, strokeDash=[2, 3]),
            at.mark_text(
                color=GREY,
                fontSize=11,
                align="right" if left else "left",
                dx=-4 if left else 4,
                baseline="bottom" if down else "top",
                dy=(-1 if down else 1) * (3 + 14 * i),
            ).encode(y=alt.value("height" if down else 0), text="what:N"),
        ]
    return layers


def settled(frame: pd.DataFrame, top: int, *, height: int = 280) -> Chart:
    """How many images settle at which layer.

    Args:
        frame: layer, n.
        top: L.
        height: in pixels, with axes and legend.
    """
    frame = frame.assign(low=frame["layer"] - 0.5, high=frame["layer"] + 0.5)
    bars: alt.Chart = (
        alt.Chart(frame)
        .mark_bar(color=BLUE, binSpacing=2)
        .encode(
            x=alt.X(
                "low:Q",
                bin="binned",
                title=metrics.LAYER_AXIS,
                axis=_layer_ticks(top),
                scale=alt.Scale(domain=[-0.5, top + 0.5], nice=False),
            ),
            x2="high:Q",
            y=alt.Y("n:Q", title="images", axis=alt.Axis(tickCount=4, format="d")),
            tooltip=[alt.Tooltip("layer:Q", title="layer"), alt.Tooltip("n:Q", title="images")],
        )
        .properties(height=height, **FIT)
    )
    return bars
