"""Curves of readers, and what can be said of every layer. Pure functions."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboard.charts import base
from dashboard.names import metrics
from dashboard.names.translators import NAMES, NATIVE, PRESENT, READ, TUNED, UNSHOWN

COLORS = {
    NATIVE: base.BLUE,
    TUNED: base.ORANGE,
    NAMES["jacobian"]: base.GREEN,
    NAMES["bias"]: base.AMBER,
    NAMES["others"]: base.PINK,
    NAMES["permuted"]: base.GREY,
    NAMES["untrained"]: base.SKY,
    NAMES["zero"]: "#8c6bb1",
}
_STATES = {READ: base.BLUE, PRESENT: base.ORANGE, UNSHOWN: base.GREY}
_STRIP = 0.09
"""Height of the strip, of the range of the curves; and as far below them."""


def present(
    frame: pd.DataFrame,
    states: pd.DataFrame,
    axis: str,
    *,
    first: int = 0,
    across: str = metrics.LAYER_AXIS,
    marks: Sequence[tuple[int, str]] = (),
    floor: pd.DataFrame | None = None,
) -> base.Chart:
    """The native and the tuned reader over layers, and below them what is said of each layer.

    Args:
        frame: layer, series, mean, low, high, n.
        states: layer, state (of `dashboard.names.translators`).
        axis: title of the vertical axis.
        first: the layer where the horizontal axis starts.
        across: title of the horizontal axis.
        marks: layers that are marked by a quiet rule, and what is there.
        floor: as of `base.bands`, under the native reader.
    """
    chart = base.bands(
        frame,
        axis,
        "read by",
        height=320,
        first=first,
        colors=COLORS,
        across=across,
        marks=marks,
        floor=floor,
    )
    ends = frame[["low", "mean", "high"]].stack()
    if floor is not None and len(floor):
        ends = pd.concat([ends, floor[["low", "high"]].stack()])
    height = _STRIP * (float(ends.max()) - float(ends.min()) or 1.0)
    top = float(ends.min()) - height
    return alt.layer(*chart.layer, *_strip(states, top, height, first)).properties(
        height=320, **base.FIT
    )


def _strip(states: pd.DataFrame, top: float, height: float, first: int) -> list[alt.Chart]:
    """A box a layer below the curves, and its word once a run of like ones."""
    last = int(states["layer"].max())
    boxes = states.assign(
        left=(states["layer"] - 0.5).clip(lower=first),
        right=(states["layer"] + 0.5).clip(upper=last),
        top=top,
        bottom=top - height,
    )
    drawn = []
    for state, color in _STATES.items():
        here = boxes[boxes["state"] == state]
        if here.empty:
            continue
        drawn.append(
            alt.Chart(here)
            .mark_rect(color=color, opacity=0.55, stroke="white", strokeWidth=0.5)
            .encode(
                x="left:Q",
                x2="right:Q",
                y="top:Q",
                y2="bottom:Q",
                tooltip=[alt.Tooltip("layer:Q"), alt.Tooltip("state:N", title="here")],
            )
        )
        runs = here.groupby((here["layer"].diff() != 1).cumsum())["layer"].agg(["min", "max"])
        widest = runs.loc[(runs["max"] - runs["min"]).idxmax()]
        word = pd.DataFrame(
            {
                "layer": [(max(widest["min"] - 0.5, first) + min(widest["max"] + 0.5, last)) / 2],
                "at": [top - height / 2],
                "state": [state],
            }
        )
        drawn.append(
            alt.Chart(word)
            .mark_text(fontSize=11, color="black")
            .encode(x="layer:Q", y="at:Q", text="state:N")
        )
    return drawn


def lines(
    frame: pd.DataFrame,
    value: str,
    axis: str,
    heading: str,
    *,
    first: int = 0,
    across: str = metrics.LAYER_AXIS,
    zero: bool = False,
) -> base.Chart:
    """One line a series over layers, its interval in the tooltip alone: bands would lie on others.

    Args:
        frame: layer, series, mean, low, high, n.
        value: the column that is drawn.
        axis: title of the vertical axis.
        heading: title of the legend.
        first: the layer where the horizontal axis starts.
        across: title of the horizontal axis.
        zero: whether a rule stands at 0.
    """
    shown = list(dict.fromkeys(frame["series"]))
    curves = alt.Chart(frame).encode(
        x=base.layer_axis(int(frame["layer"].max()), first, across),
        y=alt.Y(f"{value}:Q", title=axis, scale=base.values(frame[value])),
        color=alt.Color(
            "series:N",
            sort=shown,
            scale=alt.Scale(domain=shown, range=[COLORS.get(name, base.SKY) for name in shown]),
            legend=alt.Legend(
                title=heading,
                orient="top",
                titleOrient="top",
                labelLimit=300,
                columns=base.columns(shown),
                **base.LEGEND,
            ),
        ),
    )
    tooltip = [
        alt.Tooltip("series:N"),
        alt.Tooltip("layer:Q"),
        *(
            alt.Tooltip(f"{name}:Q", title=text, format=".4f")
            for name, text in (("mean", "mean"), ("low", "95% from"), ("high", "95% to"))
        ),
        alt.Tooltip("n:Q", title="images", format=",d"),
    ]
    rule = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=base.GREY).encode(y="at:Q")
    return alt.layer(
        *([rule] if zero else []),
        curves.mark_line(strokeWidth=1.8),
        curves.mark_point(filled=True, size=30, opacity=1).encode(tooltip=tooltip),
    ).properties(height=340, **base.FIT)
