"""Trials of maps as charts. Pure functions: a frame in, an Altair chart out."""

import altair as alt
import pandas as pd

from dashboard.charts import base as base_charts
from dashboard.charts.base import Chart
from dashboard.names import maps as map_names

_COLORS = dict(
    zip(
        map_names.KINDS.values(),
        (
            base_charts.BLUE,
            base_charts.ORANGE,
            base_charts.SKY,
            base_charts.GREY,
            base_charts.GREEN,
            base_charts.PINK,
            base_charts.AMBER,
        ),
        strict=False,
    )
)


def gains(frame: pd.DataFrame, axis: str) -> Chart:
    """What maps gain over chance by layer, a colour a kind, with 95% intervals.

    Args:
        frame: map, layer, gain, low, high, n, of one measure.
        axis: title of the vertical axis.
    """
    shown = frame.assign(series=frame["map"].map(map_names.KINDS))
    order = [name for name in map_names.KINDS.values() if name in set(shown["series"])]
    shown["series"] = pd.Categorical(shown["series"], order)
    shown = shown.sort_values(["series", "layer"]).astype({"series": str, "layer": int})
    base = alt.Chart(shown).encode(
        x=alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("series:N", sort=order),
        color=alt.Color(
            "series:N",
            sort=order,
            scale=alt.Scale(domain=order, range=[_COLORS[name] for name in order]),
            legend=alt.Legend(
                title=None, orient="top", labelLimit=320, columns=2, **base_charts.LEGEND
            ),
        ),
    )
    tooltip = [
        alt.Tooltip("series:N", title="map"),
        alt.Tooltip("layer:O", title="layer"),
        *(
            alt.Tooltip(f"{name}:Q", title=text, format=".3f")
            for name, text in (("gain", "gain"), ("low", "95% from"), ("high", "95% to"))
        ),
        alt.Tooltip("n:Q", title="pictures", format=",d"),
    ]
    zero = alt.Chart(pd.DataFrame({"gain": [0.0]}))
    value = alt.Y("gain:Q", title=axis)
    return alt.layer(
        zero.mark_rule(color=base_charts.GREY, strokeDash=[4, 3], aria=False).encode(y=value),
        base.mark_rule(strokeWidth=2, aria=False).encode(y=alt.Y("low:Q", title=axis), y2="high:Q"),
        base.mark_point(filled=True, size=42, opacity=1).encode(y=value, tooltip=tooltip),
    ).properties(height=300, **base_charts.FIT)
