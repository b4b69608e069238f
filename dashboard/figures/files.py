"""Figures and tables as files: CSV, SVG and PNG, made only when they are asked for."""

from typing import Any

import pandas as pd
import streamlit as st
import vl_convert

from dashboard.charts.base import Chart

_WIDTH = 640  # pixels of a figure that on the page takes the width it is given
_MARGIN = 8
_PNG_SCALE = 2


Spec = dict[str, Any]
"""A chart as Vega-Lite."""

Figure = Chart | Spec | str
"""A chart, or a picture that is SVG already."""


def spec(chart: Chart | Spec) -> Spec:
    """A chart as Vega-Lite."""
    return chart if isinstance(chart, dict) else chart.to_dict()


def svg(chart: Figure) -> str:
    """A figure as SVG, on white; nothing is fetched, whatever its text says."""
    if isinstance(chart, str):
        return chart
    return vl_convert.vegalite_to_svg(_on_paper(chart), allowed_base_urls=[])


def png(chart: Figure) -> bytes:
    """A figure as PNG, two pixels a point."""
    if isinstance(chart, str):
        return vl_convert.svg_to_png(chart, scale=_PNG_SCALE)
    return vl_convert.vegalite_to_png(_on_paper(chart), scale=_PNG_SCALE, allowed_base_urls=[])


def _on_paper(chart: Chart | Spec) -> Spec:
    return {"width": _WIDTH, **spec(chart), "padding": _MARGIN}


def download_row(chart: Figure | None, frame: pd.DataFrame, name: str) -> None:
    """Draw small buttons that give a figure and its numbers as files.

    Texts stay as they are, as in `store.query.export`; only the export of the Images page, which
    holds what others wrote, keeps a spreadsheet from running them as formulas
    (`store.query.image_export`).

    Args:
        chart: the figure; None for a table alone.
        frame: the numbers.
        name: of the files, without an ending; also the buttons' key, so one a page.
    """
    files: list[tuple[str, str, Any]] = [("CSV", "text/csv", lambda: frame.to_csv(index=False))]
    if chart is not None:
        files += [
            ("SVG", "image/svg+xml", lambda: svg(chart)),
            ("PNG", "image/png", lambda: png(chart)),
        ]
    with st.container(horizontal=True, gap="xsmall", horizontal_alignment="right"):
        for kind, mime, made in files:
            st.download_button(
                kind,
                made,
                f"peel-{name}.{kind.lower()}",
                mime,
                key=f"{name}-{kind}",
                type="tertiary",
                icon=":material/download:",
                on_click="ignore",
            )
