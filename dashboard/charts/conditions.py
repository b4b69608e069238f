"""Charts of conditions, heads and pruning. Pure functions: a frame in, an Altair chart out."""

from itertools import cycle, pairwise

import altair as alt
import pandas as pd

from dashboard.charts import base as base_charts
from dashboard.charts.base import FIT, FIT_X, LEGEND, MARGINS, Chart
from dashboard.names import metrics
from dashboard.names.conditions import ALGORITHMS, LAYER, PAPER_LAYER
from store.interventions import KINDS
from store.schema import NO_HEAD

_OTHERS = (base_charts.PINK, base_charts.AMBER, base_charts.SKY)
_ALGORITHM_COLORS = dict(
    zip(
        ALGORITHMS.values(),
        (base_charts.BLUE, base_charts.SKY, base_charts.GREY, base_charts.AMBER),
        strict=True,
    )
)
_ALGORITHM_SHAPES = dict(
    zip(ALGORITHMS.values(), ("circle", "square", "diamond", "triangle-up"), strict=True)
)
_INTERVAL = (("mean", "mean"), ("low", "95% from"), ("high", "95% to"))


def _kind_colors() -> dict[str, str]:
    return {kind.label: base_charts.PALETTE[kind.color] for kind in KINDS.values() if kind.color}


def _colors(series: list[str]) -> list[str]:
    # A kind keeps its colour whichever stand beside it; another set's mean gets one of its own.
    kinds = _kind_colors()
    free = cycle([color for color in _OTHERS if color not in kinds.values()] or [base_charts.GREY])
    return [kinds[name] if name in kinds else next(free) for name in series]


def sweep(
    frame: pd.DataFrame,
    axis: str,
    *,
    baseline: float | None = None,
    paper: bool = False,
    height: int = 360,
    floor: pd.DataFrame | None = None,
) -> Chart:
    """A measure of the last layer's captions against the layer that is edited (Figure 2).

    Args:
        frame: from `condition_tables.sweep`. Single layers are points on a curve with their
            intervals; ranges edited jointly are horizontal bars over their layers.
        axis: title of the vertical axis.
        baseline: the unedited model's value, for a dashed line.
        paper: number layers as the paper does, from 0.
        height: in pixels, with axes and legend.
        floor: low and high of the last layer's floor, one row, for a grey band; or none.
    """
    floor = pd.DataFrame(columns=["low", "high"]) if floor is None else floor
    kinds = _kind_colors()
    series = sorted(frame["series"].unique(), key=lambda name: (name not in kinds, name))
    frame = frame.assign(first=frame["first"] - paper, last=frame["last"] - paper).sort_values(
        "series", key=lambda names: names.map(series.index), kind="stable"
    )
    single = frame[~frame["joint"]]
    joint = frame[frame["joint"]].assign(
        left=lambda rows: rows["first"] - 0.35, right=lambda rows: rows["last"] + 0.35
    )
    color = alt.Color(
        "series:N",
        sort=series,
        scale=alt.Scale(domain=series, range=_colors(series)),
        legend=alt.Legend(
            title=None,
            orient="top",
            columns=base_charts.columns(series),
            labelLimit=300,
            symbolType="stroke",
            symbolStrokeWidth=3,
            symbolOpacity=1,
            **LEGEND,
        ),
    )
    low, high = int(frame["first"].min()), int(frame["last"].max())
    across = alt.X(
        "first:Q",
        title=PAPER_LAYER if paper else LAYER,
        scale=alt.Scale(domain=[low - 0.5, high + 0.5], nice=False),
        axis=alt.Axis(
            grid=False,
            format="d",
            values=list(range(low, high + 1, max(1, round((high - low) / 13)))),
        ),
    )
    tooltip = [
        alt.Tooltip("condition_id:N", title="condition"),
        *(alt.Tooltip(f"{name}:Q", title=text, format=".4f") for name, text in _INTERVAL),
        alt.Tooltip("n:Q", title="images", format=",d"),
    ]
    value = alt.Y(
        "low:Q",
        title=base_charts.lines(axis),
        scale=base_charts.values(
            frame["mean"], *(rows[end] for rows in (frame, floor) for end in ("low", "high"))
        ),
    )
    one = alt.Chart(single).encode(x=across, color=color)
    over = {"x": alt.X("left:Q"), "x2": alt.X2("right:Q"), "color": color}
    layers = [
        *([] if floor.empty else [base_charts.level(floor, value)]),
        one.mark_area(opacity=0.15).encode(y=value, y2="high:Q"),
        *_curves(one, [name for name in series if (single["series"] == name).any()], tooltip),
        alt.Chart(joint).mark_rect(opacity=0.15, aria=False).encode(y=value, y2="high:Q", **over),
        alt.Chart(joint).mark_rule(strokeWidth=3).encode(y="mean:Q", tooltip=tooltip, **over),
    ]
    if baseline is not None:
        layers.insert(
            0,
            alt.Chart(pd.DataFrame({"mean": [baseline]}))
            .mark_rule(color=base_charts.GREY, strokeDash=[5, 4])
            .encode(y="mean:Q", tooltip=[alt.Tooltip("mean:Q", title="baseline", format=".4f")]),
        )
    return alt.layer(*layers).properties(height=height, **FIT)


def _curves(one: alt.Chart, series: list[str], tooltip: list[alt.Tooltip]) -> list[alt.Chart]:
    """Lines and points of each series; where they lie on each other, later ones are thinner."""
    layers = []
    for i, name in enumerate(series):
        curve = one.transform_filter(alt.datum.series == name).encode(y="mean:Q")
        layers += [
            curve.mark_line(strokeWidth=max(3.4 - i, 1.2)),
            curve.mark_point(filled=True, size=max(84 - 30 * i, 14), opacity=1).encode(
                tooltip=tooltip
            ),
        ]
    return layers


def head_matrix(frame: pd.DataFrame, metric: str, against: str) -> Chart:
    """A measure of every head over the data set, one cell a head.

    Args:
        frame: layer, head, n, mean, low, high; the null is a column before the heads.
        metric: what is shown; what has two signs gets colours with zero in the middle.
        against: what a score is held against; `self` for all others.
    """
    cell_h = 22 if frame["layer"].nunique() <= 16 else 13
    values = frame["mean"]
    if (values < 0).any():
        end = float(values.abs().quantile(0.99)) or 1.0
        scale = alt.Scale(
            domain=[-end, -end / 2, 0, end / 2, end],
            range=list(base_charts.DIVERGING),
            clamp=True,
            interpolate="rgb",
        )
    else:
        scale = alt.Scale(range=list(base_charts.VIRIDIS), interpolate="rgb")
    title = metrics.axis(metric, against)
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_rect(cornerRadius=2)
        .encode(
            x=alt.X(
                "head:O",
                title="head",
                axis=alt.Axis(
                    orient="top",
                    labelAngle=0,
                    ticks=False,
                    domain=False,
                    labelExpr=f"datum.value == {NO_HEAD} ? 'none' : datum.label",
                ),
            ),
            y=alt.Y("layer:O", title="layer", axis=alt.Axis(ticks=False, domain=False)),
            color=alt.Color(
                "mean:Q",
                title=title,
                scale=scale,
                legend=alt.Legend(
                    orient="bottom",
                    gradientLength=240,
                    gradientThickness=9,
                    titleLimit=400,
                    tickCount=3,
                    format=".2~g",
                ),
            ),
            tooltip=[
                alt.Tooltip("layer:O"),
                alt.Tooltip("head:O"),
                *(alt.Tooltip(f"{name}:Q", title=text, format=".3~g") for name, text in _INTERVAL),
                alt.Tooltip("n:Q", title="images", format=",d"),
            ],
        )
        .properties(height=cell_h * frame["layer"].nunique(), autosize=FIT_X, padding=MARGINS)
    )
    return chart


def trust(frame: pd.DataFrame, *, height: int = 320) -> Chart:
    """What the gradient foretells of removing a head, against what removing it did.

    Both axes are the same, so that a slope is seen as it is; on the dashed line the two agree.

    Args:
        frame: layer, head, foretold, measured (means over images, nats a token), n.
        height: in pixels, with axes and legend.
    """
    ends = _around(pd.concat([frame["foretold"], frame["measured"]]))
    line = pd.DataFrame({"foretold": ends, "measured": ends})
    diagonal = (
        alt.Chart(line)
        .mark_line(color=base_charts.GREY, strokeDash=[5, 4], clip=True)
        .encode(x="foretold:Q", y="measured:Q")
    )
    points = (
        alt.Chart(frame)
        .mark_point(filled=True, size=48, color=base_charts.BLUE, opacity=0.75)
        .encode(
            x=alt.X(
                "foretold:Q",
                title="foretold by the gradient (nats a token)",
                scale=alt.Scale(domain=ends, nice=False),
                axis=alt.Axis(tickCount=6, format=".2~g"),
            ),
            y=alt.Y(
                "measured:Q",
                title="measured (nats a token)",
                scale=alt.Scale(domain=ends, nice=False),
                axis=alt.Axis(format=".2~g"),
            ),
            tooltip=[
                alt.Tooltip("layer:O"),
                alt.Tooltip("head:O"),
                alt.Tooltip("foretold:Q", format=".3~g"),
                alt.Tooltip("measured:Q", format=".3~g"),
                alt.Tooltip("n:Q", title="images measured"),
            ],
        )
    )
    return alt.layer(diagonal, points).properties(height=height, **FIT)


def _around(values: "pd.Series[float]") -> list[float]:
    """The ends of an axis with all values within, none at its edge."""
    low, high = float(values.min()), float(values.max())
    margin = (high - low) / 20 or abs(low) / 10 or 1.0
    return [low - margin, high + margin]


def pruning(
    frame: pd.DataFrame,
    axis: str,
    *,
    baseline: float,
    height: int = 400,
    floor: pd.DataFrame | None = None,
) -> Chart:
    """Quality against the number of heads pruned, beside the controls.

    Args:
        frame: n_pruned, algorithm, seed, n, baseline, edited, low, high (of the difference).
        axis: title of the vertical axis.
        baseline: the unpruned model's value.
        height: in pixels, with axes and legend.
        floor: low and high of the last layer's floor, one row, for a grey band where it is in
            sight; or none.
    """
    frame = frame.assign(
        low=frame["low"] + frame["baseline"], high=frame["high"] + frame["baseline"]
    )
    none = pd.DataFrame(columns=["low", "high"])
    floor = none if floor is None else base_charts.in_sight(floor, frame)
    shown = [name for name in ALGORITHMS.values() if name in set(frame["algorithm"])]
    legend = alt.Legend(
        title=None,
        orient="top",
        columns=base_charts.columns(shown),
        symbolOpacity=1,
        symbolSize=60,
        **LEGEND,
    )
    colors, shapes = (
        alt.Scale(domain=shown, range=[looks[name] for name in shown])
        for looks in (_ALGORITHM_COLORS, _ALGORITHM_SHAPES)
    )
    color = alt.Color("algorithm:N", sort=shown, legend=legend, scale=colors)
    shape = alt.Shape("algorithm:N", sort=shown, legend=legend, scale=shapes)
    counts = sorted(frame["n_pruned"].unique().tolist())
    # Side by side, so that intervals do not hide each other.
    step = 0.08 * min((b - a for a, b in pairwise(counts)), default=1)
    frame["at"] = frame["n_pruned"] + step * (
        frame["algorithm"].map(shown.index) - (len(shown) - 1) / 2
    )
    base = alt.Chart(frame).encode(
        x=alt.X(
            "at:Q",
            title="heads pruned",
            axis=alt.Axis(grid=False, format="d", values=counts),
            scale=alt.Scale(zero=False, padding=16),
        ),
        color=color,
    )
    tooltip = [
        alt.Tooltip("algorithm:N"),
        alt.Tooltip("seed:N"),
        alt.Tooltip("n_pruned:Q", title="heads pruned"),
        alt.Tooltip("edited:Q", title="pruned", format=".4f"),
        alt.Tooltip("low:Q", title="95% from", format=".4f"),
        alt.Tooltip("high:Q", title="95% to", format=".4f"),
        alt.Tooltip("n:Q", title="images"),
    ]
    value = alt.Y(
        "low:Q",
        title=base_charts.lines(axis),
        scale=base_charts.values(
            frame["edited"], *(rows[end] for rows in (frame, floor) for end in ("low", "high"))
        ),
    )
    return alt.layer(
        *([] if floor.empty else [base_charts.level(floor, value)]),
        alt.Chart(pd.DataFrame({"edited": [baseline]}))
        .mark_rule(color=base_charts.GREY, strokeDash=[5, 4])
        .encode(y="edited:Q", tooltip=[alt.Tooltip("edited:Q", title="unpruned", format=".4f")]),
        base.mark_line(strokeWidth=1.8).encode(
            y=alt.Y("mean(edited):Q", title=base_charts.lines(axis))
        ),
        base.mark_rule(opacity=0.5, aria=False).encode(y=value, y2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            y="edited:Q", tooltip=tooltip, shape=shape
        ),
    ).properties(height=height, **FIT)
