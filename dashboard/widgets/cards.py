"""Pictures as cards in a grid; each leads to its page."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard.captions import text as caption_text
from dashboard.data.run import Key
from dashboard.widgets import navigation
from dashboard.widgets import text as plain_text
from dashboard.widgets.thumbnail import thumbnail

_CARD = "card-of-a-picture"
# The link lies over its whole card; its word is for screen readers.
_STYLE = f"""<style>
[class*=st-key-{_CARD}] {{position: relative; border-radius: 0.5rem}}
[class*=st-key-{_CARD}]:hover {{box-shadow: 0 0 0 0.3rem rgba(128, 128, 128, 0.16)}}
[class*=st-key-{_CARD}] > .stElementContainer:has(.stPageLink)
    {{position: absolute; inset: 0; width: auto; z-index: 1}}
[class*=st-key-{_CARD}] .stPageLink, [class*=st-key-{_CARD}] .stPageLink :has(a),
[class*=st-key-{_CARD}] .stPageLink a {{height: 100%; width: 100%; background: none}}
[class*=st-key-{_CARD}] .stPageLink a > * {{position: absolute; width: 1px; height: 1px;
    overflow: hidden; clip-path: inset(50%)}}
</style>"""


def show(
    key: Key,
    rows: pd.DataFrame,
    condition: str,
    value: str | None = None,
    under: Mapping[str, str] | None = None,
    place: Mapping[str, str] | None = None,
) -> None:
    """Draw a card an image.

    Args:
        key: the run.
        rows: of `image_queries.filter_images`.
        condition: whose captions they have, and under which the cards open.
        value: what `sort_value` is called; None not to show it.
        under: image_id -> a line below the caption, such as its tags.
        place: where on the image's page the cards lead, as parameters of the link.
    """
    st.html(_STYLE)
    grid = st.grid("auto", min_column_width=150, gap="small")
    for row in rows.astype(object).to_dict("records"):
        image_id = str(row["image_id"])
        with grid.cell(), st.container(gap="xsmall", key=f"{_CARD} {image_id}"):
            st.image(
                thumbnail(key, image_id),
                width="stretch",
                alt=f"Picture {image_id} as the model saw it.",
            )
            plain_text.line(caption_text.text(row["caption"]) or caption_text.NONE, "card")
            if value is not None:
                number = "none" if pd.isna(row["sort_value"]) else f"{row['sort_value']:.3g}"
                plain_text.line(f"{value}: {number}", "small")
            if under and image_id in under:
                plain_text.line(under[image_id], "small")
            navigation.to_image(key, image_id, condition, icon=None, **(place or {}))
