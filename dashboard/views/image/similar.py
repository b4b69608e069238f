"""Pictures whose captions change at the same layers as one's."""

from pathlib import Path

import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import metrics
from dashboard.widgets import cards, notes
from dashboard.widgets import text as plain_text
from store.query import Likeness, Selection

MEANING = (
    "Captions that change at the same layers, whatever their words: 0 changes at the same "
    "layers by the same shares, 1 at none of them."
)
_SHOWN = 6


def order(key: Key, condition: str, image_id: str) -> Likeness | None:
    """The order of images by likeness to one; None if the run's captions were not scored."""
    metric = run_data.change_metric(key, condition)
    return None if metric is None else Likeness(image_id, metric)


def beside(key: Key, image_id: str, condition: str) -> None:
    """Draw an image's tags and note, and the images that are like it, each to be opened."""
    with st.expander("Tags and note", icon=":material/sell:"):
        notes.show(key, image_id)
    like = st.expander(
        "Similar pictures: their captions change at the same layers",
        icon=":material/grid_view:",
        key="similar",
        on_change="rerun",
    )
    if like.open:
        with like:
            _strip(key, image_id, condition)


def _strip(key: Key, image_id: str, condition: str) -> None:
    by = order(key, condition, image_id)
    if by is None:
        plain_text.line(
            "The captions of this condition were not scored against those of the layer "
            "below: python -m precompute score does it.",
            "small",
        )
        return
    rows = run_data.page(key, Selection(condition=condition), by, _SHOWN + 1, 0)
    rows = rows[(rows["image_id"] != image_id) & rows["sort_value"].notna()][:_SHOWN]
    if rows.empty:
        plain_text.line("This picture's caption never changes, or no other one's does.", "small")
        return
    plain_text.line(f"{MEANING} By {metrics.title(by.metric, 'previous')}.", "small")
    cards.show(key, rows, condition, "distance", notes.under(key, list(rows["image_id"])))
    st.page_link(
        st.session_state["images_page"],
        label="All pictures in this order",
        icon=":material/arrow_forward:",
        query_params={"run": Path(key.path).name, "condition": condition, "similar_to": image_id},
    )
