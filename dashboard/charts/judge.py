"""Judges' scores as charts. Pure functions: a frame in, an Altair chart out."""

import altair as alt
import pandas as pd

from dashboard.charts import base as base_charts
from dashboard.charts.base import Chart
from dashboard.names import metrics
from store.metrics import CRITERIA

_HEIGHT, _MENU = 360, 75
"""Pixels; beside each other, one below a menu, the charts end at one line."""

COLORS = {
    CRITERIA[name].label: color
    for name, color in (
        ("mean", base_charts.GREY),
        ("entities", base_charts.BLUE),
        ("specificity", base_charts.ORANGE),
        ("information", base_charts.GREEN),
        ("correspondence", base_charts.PINK),
    )
}


def of_judge(curves: pd.DataFrame, kind: str, judge: str) -> pd.DataFrame:
    """The curves of one judge with the criterion's words as `series`, their mean first.

    Args:
        curves: of `image_queries.curves`.
        kind: `judge` for scores, `judge_step` for steps between layers.
        judge: whose.
    """
    order = ["mean", *(name for name in CRITERIA if name != "mean")]
    frames = [
        curves[curves["metric"] == f"{kind}.{judge}.{name}"].assign(
            criterion=name, series=CRITERIA[name].label
        )
        for name in order
    ]
    return pd.concat(frames, ignore_index=True)


def figure5(scores: pd.DataFrame, across: str = metrics.LAYER_AXIS) -> Chart:
    """The paper's Figure 5: scores by layer, a colour a criterion, with intervals.

    Args:
        scores: of `of_judge`.
        across: title of the horizontal axis.
    """
    return base_charts.bands(
        scores,
        "score (1 to 5)",
        height=_HEIGHT + _MENU,
        colors=COLORS,
        first=int(scores["layer"].min()),
        across=across,
    )


def orders(frame: pd.DataFrame) -> Chart:
    """One criterion's scores by layer, a colour an order in which the captions were shown.

    Args:
        frame: of `of_judge`, of several judges, with the order as `series`.
    """
    series = list(dict.fromkeys(frame["series"]))
    colors = dict(
        zip(series, (base_charts.BLUE, base_charts.ORANGE, base_charts.GREEN), strict=False)
    )
    return base_charts.bands(
        frame,
        "specificity (1 to 5)",
        "captions shown",
        height=_HEIGHT,
        colors=colors,
        first=int(frame["layer"].min()),
    )


def steps(frame: pd.DataFrame) -> Chart:
    """By how much the score changes from each judged layer to the next, with intervals.

    Args:
        frame: of `of_judge`, one criterion, with `step`, the names of the two layers.
    """
    base = alt.Chart(frame).encode(
        x=alt.X(
            "step:N",
            sort=None,
            title="from layer to layer",
            axis=alt.Axis(labelAngle=0, grid=False, labelOverlap=True, labelFlush=False),
        ),
        tooltip=[
            alt.Tooltip("step:N", title="step"),
            alt.Tooltip("mean:Q", title="mean", format=".3f"),
            alt.Tooltip("low:Q", title="95% from", format=".3f"),
            alt.Tooltip("high:Q", title="95% to", format=".3f"),
            alt.Tooltip("n:Q", title="images", format=",d"),
        ],
    )
    zero = alt.Chart(pd.DataFrame({"low": [0]})).mark_rule(color=base_charts.GREY).encode(y="low:Q")
    color = COLORS[str(frame["series"].iloc[0])]
    return alt.layer(
        zero,
        base.mark_rule(color=color, strokeWidth=2, aria=False).encode(
            y=alt.Y("low:Q", title="change of score (points)"), y2="high:Q"
        ),
        base.mark_point(color=color, filled=True, size=70, opacity=1).encode(y="mean:Q"),
    ).properties(height=_HEIGHT, **base_charts.FIT)
