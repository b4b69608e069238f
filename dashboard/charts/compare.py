"""Charts of two sides. Pure functions: a frame in, an Altair chart out."""

import altair as alt
import pandas as pd

from dashboard.charts import base as base_charts
from dashboard.charts.base import Chart

_SIDES = ("one", "two")
_HEIGHT = 280  # pixels


def both(
    frame: pd.DataFrame,
    names: tuple[str, str],
    axis: str,
    layer: int,
    floor: pd.DataFrame | None = None,
) -> Chart:
    """Means of both sides over the same images, with their intervals.

    Args:
        frame: of `two_runs_queries.curves`.
        names: of the sides.
        axis: title of the vertical axis.
        layer: the chosen layer of the first side.
        floor: as of `base.bands`, its series a side's name, its layers the first side's.
    """
    sides = [
        frame.assign(
            series=name, mean=frame[side], low=frame[f"{side}_low"], high=frame[f"{side}_high"]
        )
        for side, name in zip(_SIDES, names, strict=True)
    ]
    colors = dict(zip(names, (base_charts.GREY, base_charts.BLUE), strict=True))
    return _with_rules(
        base_charts.bands(pd.concat(sides), axis, height=_HEIGHT, colors=colors, floor=floor),
        layer,
    )


def difference(frame: pd.DataFrame, axis: str, layer: int) -> Chart:
    """The mean of the paired differences with its interval, around zero.

    Args:
        frame: of `two_runs_queries.curves`.
        axis: title of the vertical axis.
        layer: the chosen layer of the first side.
    """
    one = frame.assign(series="difference", mean=frame["difference"])
    chart = base_charts.bands(one, axis, height=_HEIGHT, colors={"difference": base_charts.ORANGE})
    return _with_rules(chart, layer, zero=True)


def _with_rules(chart: Chart, layer: int, zero: bool = False) -> Chart:
    rules = [
        alt.Chart(pd.DataFrame({"layer": [layer]}))
        .mark_rule(color=base_charts.GREY, strokeDash=[4, 3])
        .encode(x="layer:Q")
    ]
    if zero:
        rules.append(
            alt.Chart(pd.DataFrame({"low": [0]}))
            .mark_rule(color=base_charts.GREY, opacity=0.6)
            .encode(y="low:Q")
        )
    for rule in rules:
        chart = chart + rule
    return chart
