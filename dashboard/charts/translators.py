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
    shown = [frame[end] for end in ("low", "mean", "high")]
    if floor is not None:
        shown += [floor[end] for end in ("low", "high")]
    ends = pd.concat(shown).dropna()
    least = float(ends.min())
    height = _STRIP * (float(ends.max()) - least or 1.0)
    top = least - height
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
        low, high = _widest([int(layer) for layer in here["layer"]])
        word = pd.DataFrame(
            {
                "layer": [(max(low - 0.5, first) + min(high + 0.5, last)) / 2],
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


def _widest(layers: Sequence[int]) -> tuple[int, int]:
    """The first and last of the longest run of neighbouring layers; the first run of several.

    >>> _widest([0, 1, 4, 5, 6, 9])
    (4, 6)
    """
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    longest = max(runs, key=len)
    return longest[0], longest[-1]


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
