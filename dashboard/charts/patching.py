"""Charts of activation patching. Pure functions: a frame in, an Altair chart out."""

import altair as alt
import pandas as pd

from dashboard.charts import base as base_charts
from dashboard.charts.base import FIT, MARGINS, Chart

SITES = {
    "changed": ("patches that differ", base_charts.ORANGE),
    "rest": ("all other patches", base_charts.BLUE),
    "cls": ("CLS token", base_charts.PINK),
    "attention": ("attention of a block", base_charts.GREEN),
    "mlp": ("MLP of a block", base_charts.AMBER),
}
"""Whole sites: their names in a legend, and their colours, which they keep."""

COLORS = dict(SITES.values())
_SMALL = 92  # pixels of a small map's side
_ACROSS = 7


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of whole sites with their names as `series`, in the legend's order."""
    order = list(SITES)
    rows = frame[frame["site"].isin(order)]
    rows = rows.assign(series=rows["site"].map({site: name for site, (name, _) in SITES.items()}))
    return rows.sort_values(
        ["site", "layer"],
        key=lambda column: column.map(order.index) if column.name == "site" else column,
        ignore_index=True,
    )


def _color(frame: pd.DataFrame, title: str) -> alt.Color:
    most = float(frame["gradient"].abs().max()) or 1.0
    return alt.Color(
        "gradient:Q",
        title=title,
        scale=alt.Scale(domain=[-most, most], range=list(base_charts.DIVERGING)),
        legend=alt.Legend(orient="top", gradientLength=220, format=".2~g", **base_charts.LEGEND),
    )


def _tooltip(position: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("layer:O"),
        alt.Tooltip("position:O", title=position),
        alt.Tooltip("gradient:Q", title="effect by gradient", format=".3f"),
        alt.Tooltip("exact:Q", title="put in", format=".3f"),
    ]


def heads(frame: pd.DataFrame, *, height: int = 360) -> Chart:
    """A cell a layer and head: the effect by gradient; a dot where it was put in as well.

    Args:
        frame: layer, position (the head), gradient, exact.
        height: in pixels, with axes and legend.
    """
    base = alt.Chart(frame).encode(
        x=alt.X("position:O", title="head", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("layer:O", title="layer", sort="descending"),
        tooltip=_tooltip("head"),
    )
    return alt.layer(
        base.mark_rect().encode(color=_color(frame, "effect by gradient")),
        base.transform_filter("isValid(datum.exact)").mark_point(
            filled=True, size=18, color="black", opacity=0.7, aria=False
        ),
    ).properties(height=height, **FIT)


def patches(frame: pd.DataFrame, columns: int) -> Chart:
    """A small map a layer: of every patch, the effect of its state by gradient.

    Args:
        frame: layer, position (the patch), gradient, exact.
        columns: patches in a row of the picture.
    """
    frame = frame.assign(row=frame["position"] // columns, column=frame["position"] % columns)
    small = (
        alt.Chart(frame)
        .mark_rect()
        .encode(
            x=alt.X("column:O", axis=None),
            y=alt.Y("row:O", axis=None),
            color=_color(frame, "effect by gradient"),
            tooltip=_tooltip("patch"),
        )
        .properties(width=_SMALL, height=_SMALL)
    )
    maps: alt.FacetChart = small.facet(
        facet=alt.Facet("layer:O", title="layer"),
        columns=_ACROSS,
        spacing=8,
    ).properties(padding=MARGINS)
    return maps
