"""Charts of heads beside the null, the layer with all its heads off. Pure functions."""

import altair as alt
import pandas as pd

from dashboard.charts import base as base_charts
from dashboard.charts.base import FIT, Chart
from store.schema import NO_HEAD

NULL = "no head"
"""What the null is called."""

_INTERVAL = (("mean", "mean"), ("low", "95% from"), ("high", "95% to"))


def beside_null(frame: pd.DataFrame, axis: str, across: str, *, height: int = 280) -> Chart:
    """A score of every head as a point, and that of the null as a line.

    Args:
        frame: layer, head (`NO_HEAD` of the null), mean, low, high, n. The null's interval is a
            band; heads have theirs as bars where it is not NaN.
        axis: title of the vertical axis, with the unit.
        across: `head` for the heads of one layer, `layer` for those of several.
        height: in pixels, with axes and legend.
    """
    null, heads = frame[frame["head"] == NO_HEAD], frame[frame["head"] != NO_HEAD]
    places = sorted(int(place) for place in heads[across].unique())
    ends = [places[0] - 0.5, places[-1] + 0.5]
    if across == "head":  # the same at all of them
        null = pd.concat([null.assign(at=end) for end in ends])
    else:
        null = null.assign(at=null["layer"].astype(float))
    x = alt.X(
        "at:Q",
        title=across,
        scale=alt.Scale(domain=ends, nice=False),
        axis=alt.Axis(grid=False, format="d", values=places),
    )
    color = alt.Color(
        "what:N",
        sort=["a head alone", NULL],
        scale=alt.Scale(
            domain=["a head alone", NULL], range=[base_charts.BLUE, base_charts.ORANGE]
        ),
        legend=alt.Legend(title=None, orient="top", symbolOpacity=1, **base_charts.LEGEND),
    )
    y = alt.Y(
        "mean:Q",
        title=base_charts.lines(axis),
        scale=base_charts.values(frame["low"], frame["high"], frame["mean"]),
    )
    tooltip = [
        alt.Tooltip("layer:O"),
        alt.Tooltip("whose:N", title="head"),
        *(alt.Tooltip(f"{name}:Q", title=text, format=".4f") for name, text in _INTERVAL),
        alt.Tooltip("n:Q", title="images", format=",d"),
    ]
    points = alt.Chart(
        heads.assign(at=heads[across], what="a head alone", whose=heads["head"].astype(str))
    ).encode(x=x, color=color)
    line = alt.Chart(null.assign(what=NULL, whose=NULL)).encode(x=x, color=color)
    return alt.layer(
        line.mark_area(opacity=0.18).encode(
            y=alt.Y("low:Q", title=base_charts.lines(axis)), y2="high:Q"
        ),
        line.mark_line(strokeWidth=1.8).encode(y=y, tooltip=tooltip),
        points.mark_rule(opacity=0.5, aria=False).encode(y="low:Q", y2="high:Q"),
        points.mark_point(filled=True, size=48, opacity=0.8).encode(y=y, tooltip=tooltip),
    ).properties(height=height, **FIT)
