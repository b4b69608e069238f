"""Frames as charts. Pure functions: a frame in, an Altair chart out."""

import base64
from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard import words
from dashboard.overlays import INFERNO, Scale
from store.predicates import Predicate

BLUE, ORANGE, GREEN, PINK, SKY, AMBER, GREY = (
    "#2b8cc4", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#808080")
"""Okabe and Ito's colours, told apart by every kind of eye; the blue lighter, for dark pages."""

_AGAINST = {"final": BLUE, "previous": ORANGE, "reference": GREEN, "shuffled": PINK,
            "label": AMBER, "baseline": GREY, "self": BLUE}
_SERIES = {words.AGAINST[name]: color for name, color in _AGAINST.items()} | {
    words.WHOLE: BLUE, words.ATTENTION: ORANGE, words.MLP: GREEN}
"""A series keeps its colour whichever others stand beside it."""

VIRIDIS = ("#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962",
           "#addc30", "#fde725")
"""From low to high, for what has one sign."""

DIVERGING = ("#b35806", "#f1a340", "#f2e6d8", "#998ec3", "#542788")
"""Orange below zero, violet above, pale in the middle."""

Chart = alt.Chart | alt.LayerChart | alt.FacetChart

FIT_X = alt.AutoSizeParams(type="fit-x", contains="padding")
"""The chart takes the width it is given; its height is that of the plot."""

_PAD = alt.AutoSizeParams(type="pad", contains="content")
"""The plot keeps its size, and title, axes and legend come on top of it."""

_LEGEND_CHARACTERS = 35
MEAN = "mean"
_CELL_AXIS: dict[str, Any] = {"ticks": False, "domain": False, "labelFlush": False,
                              "labelBound": False, "labelPadding": 4, "labelOverlap": True}
_MATRIX_WIDTH = 262  # pixels; with its axis the third of a page that it has
_GAP = " "  # an empty column that sets the mean apart from the heads


def _layer_ticks(top: int, first: int = 0) -> alt.Axis:
    shown = list(range(first, top + 1, max(1, round((top - first) / 13))))
    # Count and least step as well: by those it assumes for whole numbers, Vega thins values out.
    return alt.Axis(values=shown, tickCount=len(shown), tickMinStep=0.5, grid=False, format="d",
                    labelOverlap=False)


def _layer_axis(top: int, first: int = 0) -> alt.X:
    return alt.X("layer:Q", title=words.LAYER_AXIS,
                 scale=alt.Scale(domain=[first, top], nice=False, padding=6),
                 axis=_layer_ticks(top, first))


def _rule(layer: int) -> alt.Chart:
    rule: alt.Chart = alt.Chart(pd.DataFrame({"layer": [layer]})).mark_rule(
        color=GREY, strokeDash=[4, 3]).encode(x="layer:Q")
    return rule


def curve(
    frame: pd.DataFrame, metric: str, *, top: int, layer: int, color: str = BLUE,
    height: int = 130,
) -> Chart:
    """One image's measure over layers, with a rule at the chosen layer; points can be chosen.

    Args:
        frame: layer, value.
        metric: what the value is.
        top: L.
        layer: the chosen layer.
        color: of line and points.
        height: in pixels.
    """
    frame = frame[["layer", "value"]].dropna()
    base = alt.Chart(frame).encode(
        x=_layer_axis(top), y=alt.Y("value:Q", title=words.word(metric).unit,
                                    scale=alt.Scale(zero=metric in ("delta_attn",), nice=True)),
        tooltip=[alt.Tooltip("layer:Q", title="layer"),
                 alt.Tooltip("value:Q", title=words.word(metric).label, format=".4f")])
    pick = alt.selection_point(name="point", fields=["layer"], nearest=True, on="click",
                               toggle=False)
    layers = [base.mark_line(color=color, strokeWidth=1.8),
              base.mark_point(color=color, filled=True, size=42, opacity=1).add_params(pick),
              _rule(layer)]
    if metric == "delta_attn":
        layers.insert(0, alt.Chart(pd.DataFrame({"value": [0]})).mark_rule(
            color=GREY, opacity=0.5).encode(y="value:Q"))
    return alt.layer(*layers).properties(
        height=height, autosize=FIT_X,
        title=alt.TitleParams(words.word(metric).label, anchor="start", frame="group"))


def bands(
    frame: pd.DataFrame, axis: str, heading: str | None = None, *, height: int = 180,
    first: int = 0, colors: Mapping[str, str] = _SERIES,
) -> Chart:
    """Data-set means over layers with their bootstrap intervals, one colour a series.

    Args:
        frame: layer, series, mean, low, high, n; series in the order of the legend.
        axis: title of the vertical axis, with the unit.
        heading: title of the legend, if there are several series.
        height: in pixels.
        first: the layer where the horizontal axis starts.
        colors: of the series.
    """
    series = list(dict.fromkeys(frame["series"]))
    top = int(frame["layer"].max())
    # Legends do not wrap: two names side by side only if they fit a phone's width.
    side_by_side = sum(sorted(map(len, series))[-2:]) <= _LEGEND_CHARACTERS
    legend = alt.Legend(title=heading, orient="top", labelLimit=300, symbolOpacity=1,
                        symbolSize=60, titleOrient="top", columns=2 if side_by_side else 1,
                        ) if len(series) > 1 else None
    base = alt.Chart(frame).encode(
        x=_layer_axis(top, first),
        color=alt.Color("series:N", sort=series, legend=legend, scale=alt.Scale(
            domain=series, range=[colors.get(name, SKY) for name in series])))
    tooltip = [alt.Tooltip("series:N", title="series"), alt.Tooltip("layer:Q", title="layer"),
               *(alt.Tooltip(f"{name}:Q", title=text, format=".4f") for name, text in (
                   ("mean", "mean"), ("low", "95% from"), ("high", "95% to"))),
               alt.Tooltip("n:Q", title="images", format=",d")]
    value = alt.Y("low:Q", title=axis, scale=alt.Scale(zero=False))
    return alt.layer(
        base.mark_area(opacity=0.18).encode(y=value, y2="high:Q"),
        base.mark_line(strokeWidth=1.8).encode(y="mean:Q"),
        base.mark_point(filled=True, size=32, opacity=1).encode(y="mean:Q", tooltip=tooltip),
    ).properties(height=height, autosize=FIT_X)


def histogram(frame: pd.DataFrame, predicate: Predicate, *, height: int = 60) -> Chart:
    """How many images have which value; the images that pass are coloured.

    Args:
        frame: low, high, n.
        predicate: its threshold gets a rule.
        height: in pixels.
    """
    middle = (frame["low"] + frame["high"]) / 2
    frame = frame.assign(passes=(middle > predicate.threshold) == predicate.upward)
    quantity = predicate.quantity
    bars = alt.Chart(frame).mark_bar(binSpacing=1).encode(
        x=alt.X("low:Q", bin="binned", title=words.word(quantity.metric).unit or "value",
                axis=alt.Axis(grid=False, tickCount=5)), x2="high:Q",
        y=alt.Y("n:Q", title="images", axis=alt.Axis(grid=False, tickCount=2, format="d")),
        color=alt.condition("datum.passes", alt.value(BLUE), alt.value("#b9b9b9")),
        tooltip=[alt.Tooltip("low:Q", title="from", format=".4g"),
                 alt.Tooltip("high:Q", title="to", format=".4g"),
                 alt.Tooltip("n:Q", title="images")])
    rule = alt.Chart(pd.DataFrame({"low": [predicate.threshold]})).mark_rule(
        color=ORANGE, strokeWidth=2).encode(x="low:Q")
    return alt.layer(bars, rule).properties(height=height, autosize=FIT_X)


def settled(frame: pd.DataFrame, top: int, *, height: int = 150) -> Chart:
    """How many images settle at which layer.

    Args:
        frame: layer, n.
        top: L.
        height: in pixels.
    """
    frame = frame.assign(low=frame["layer"] - 0.5, high=frame["layer"] + 0.5)
    bars: alt.Chart = alt.Chart(frame).mark_bar(color=BLUE, binSpacing=2).encode(
        x=alt.X("low:Q", bin="binned", title=words.LAYER_AXIS, axis=_layer_ticks(top),
                scale=alt.Scale(domain=[-0.5, top + 0.5], nice=False)), x2="high:Q",
        y=alt.Y("n:Q", title="images", axis=alt.Axis(tickCount=4, format="d")),
        tooltip=[alt.Tooltip("layer:Q", title="layer"), alt.Tooltip("n:Q", title="images")],
    ).properties(height=height, autosize=FIT_X)
    return bars


def matrix(
    heads: pd.DataFrame, metric: str, *, layer: int, head: int | None
) -> Chart:
    """Every head of every layer as one cell, the mean over heads set apart at the left.

    Args:
        heads: layer, head and the metric.
        metric: a column of `head_stat`.
        layer: the chosen layer.
        head: the chosen head; None for the mean.

    Returns:
        A chart whose selection `cell` gives `layer` and `column` (a head's number, or "mean").
    """
    mean = heads.groupby("layer", as_index=False)[metric].mean().assign(column=MEAN)
    cells = pd.concat([mean, heads.assign(column=heads["head"].astype(str))])[
        ["layer", "column", metric]].rename(columns={metric: "value"})
    chosen = (cells["layer"] == layer) & (cells["column"] == (MEAN if head is None else str(head)))
    cells = cells.assign(chosen=chosen.astype(int))
    columns = [MEAN, _GAP, *map(str, sorted(heads["head"].unique()))]
    cell = min(26, _MATRIX_WIDTH // len(columns))
    chart: alt.Chart = alt.Chart(cells).mark_rect(cornerRadius=2, cursor="pointer").encode(
        x=alt.X("column:O", sort=columns, title="head", scale=alt.Scale(domain=columns),
                axis=alt.Axis(orient="top", labelAngle=0, **_CELL_AXIS)),
        y=alt.Y("layer:O", title="layer (Z^l)", axis=alt.Axis(**_CELL_AXIS)),
        color=alt.Color(
            "value:Q", title=words.word(metric).axis, scale=_matrix_scale(cells, metric),
            legend=alt.Legend(orient="bottom", gradientLength=max(cell * len(columns), 180),
                              gradientThickness=9, titleLimit=400, tickCount=4, padding=0)),
        stroke=alt.condition("datum.chosen", alt.value(ORANGE), alt.value(None)),
        strokeWidth=alt.condition("datum.chosen", alt.value(3), alt.value(0)),
        order=alt.Order("chosen:Q"),
        tooltip=[alt.Tooltip("layer:O", title="layer"), alt.Tooltip("column:O", title="head"),
                 alt.Tooltip("value:Q", title=words.word(metric).label, format=".4f")],
    ).add_params(
        alt.selection_point(name="cell", fields=["layer", "column"], toggle=False)
    ).properties(width=cell * len(columns), height=(cell if len(heads) < 300 else 13)
                 * cells["layer"].nunique(), autosize=_PAD)
    return chart


def _matrix_scale(cells: pd.DataFrame, metric: str) -> alt.Scale:
    values = cells["value"].dropna()
    if metric in ("contribution_share", "gradient", "without") and len(values):
        # Zero is the middle, and one wild cell does not take the colours from all others.
        end = float(np.quantile(values.abs(), 0.99)) or 1.0
        return alt.Scale(domain=[-end, -end / 2, 0, end / 2, end], range=list(DIVERGING),
                         clamp=True, interpolate="rgb")
    return alt.Scale(range=list(VIRIDIS), interpolate="rgb")


def overlay(
    picture: bytes, values: NDArray[np.floating], scale: Scale, title: str, *,
    width: int, marked: NDArray[np.bool_],
) -> Chart:
    """A blended picture with its colour bar, the value of each patch under the cursor.

    Args:
        picture: PNG of `overlays.blend`, `width` pixels wide.
        values: [rows, columns], what the colours show.
        scale: the colours' ends.
        title: what is shown, with its unit.
        width: in pixels.
        marked: [rows, columns], patches that get a frame (outlier tokens).
    """
    rows, columns = values.shape
    height = round(width * rows / columns)
    y, x = np.mgrid[0:rows, 0:columns]
    frame = pd.DataFrame({
        "x": x.ravel(), "x2": x.ravel() + 1, "y": y.ravel(), "y2": y.ravel() + 1,
        "value": values.ravel().astype(float), "marked": marked.ravel()})
    across: dict[str, Any] = {"scale": alt.Scale(domain=[0, columns], nice=False), "axis": None}
    down: dict[str, Any] = {"scale": alt.Scale(domain=[rows, 0], nice=False), "axis": None}
    url = "data:image/png;base64," + base64.b64encode(picture).decode()
    image = alt.Chart(pd.DataFrame({"x": [0], "y": [0], "url": [url]})).mark_image(
        width=width, height=height, align="left", baseline="top", aspect=False,
    ).encode(x=alt.X("x:Q", **across), y=alt.Y("y:Q", **down), url="url:N")
    patches = alt.Chart(frame).mark_rect(fillOpacity=0).encode(
        x=alt.X("x:Q", **across), x2="x2:Q", y=alt.Y("y:Q", **down), y2="y2:Q",
        fill=_colour_bar(scale, title, width),
        stroke=alt.condition("datum.marked", alt.value("#ffffff"), alt.value(None)),
        tooltip=[alt.Tooltip("y:Q", title="row"), alt.Tooltip("x:Q", title="column"),
                 alt.Tooltip("value:Q", title=title, format=".5f")])
    return alt.layer(image, patches).properties(
        width=width, height=height, autosize=_PAD)


def _colour_bar(scale: Scale, title: str, width: int) -> alt.Fill:
    stops: list[Any] = list(np.linspace(scale.low, scale.high, len(INFERNO)))
    number = "format(datum.value, '.3~g')"
    last = f"'≥ ' + {number}" if scale.clipped else number
    return alt.Fill(
        "value:Q", title=title,
        scale=alt.Scale(domain=stops, range=list(INFERNO), clamp=True, interpolate="rgb"),
        legend=alt.Legend(
            orient="bottom", gradientLength=width, gradientThickness=10, gradientOpacity=1,
            padding=0, titleLimit=width, values=[scale.low, stops[3], stops[6], scale.high],
            labelExpr=f"datum.value >= {scale.high * 0.999} ? {last} : {number}"))
