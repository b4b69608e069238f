"""Pictures as cards in a grid; each leads to its page."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard import data, plain
from dashboard.data import Key


def show(
    key: Key, rows: pd.DataFrame, value: str | None = None, under: Mapping[str, str] | None = None
) -> None:
    """Draw a card an image.

    Args:
        key: the run.
        rows: of `queries.filter_images`.
        value: what `sort_value` is called; None not to show it.
        under: image_id -> a line below the caption, such as its tags.
    """
    grid = st.grid("auto", min_column_width=150, gap="small")
    for row in rows.astype(object).to_dict("records"):
        image_id = str(row["image_id"])
        with grid.cell():
            st.image(data.thumbnail(key, image_id), width="stretch",
                     alt=f"Picture {image_id} as the model saw it.")
            plain.line("(no caption)" if pd.isna(row["caption"]) else row["caption"], "card")
            if value is not None:
                number = "none" if pd.isna(row["sort_value"]) else f"{row['sort_value']:.3g}"
                plain.line(f"{value}: {number}", "small")
            if under and image_id in under:
                plain.line(under[image_id], "small")
            st.page_link(st.session_state["image_page"], label="Open",
                         icon=":material/arrow_forward:",
                         query_params={"run": Path(key.path).name, "image": image_id})
