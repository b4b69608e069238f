"""A figure on a page: its picture or table, its caption, its files."""

import streamlit as st

from dashboard import condition_frames, exporting, plain
from dashboard.figures import Figure


def show(figure: Figure) -> None:
    """Draw a figure where it is called."""
    plain.line(figure.title, "heading")
    if figure.chart is None:
        table = condition_frames.readable(figure.frame)
        st.dataframe(table, hide_index=True, height="content", column_config={
            name: st.column_config.NumberColumn(format="%.3f")
            for name in table.select_dtypes("float").columns})
    elif isinstance(figure.chart, str):
        plain.picture(figure.chart, figure.title)
    else:
        st.altair_chart(figure.chart, alt=f"{figure.title}. {figure.caption}")
    plain.line(figure.caption, "small")
    exporting.download_row(figure.chart, figure.frame, figure.name)
