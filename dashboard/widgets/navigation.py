"""The ways to the pages. Each takes the selection along, which Streamlit's own menu would drop."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.navigation.page import Page

from dashboard.data.run import Key
from store.schema import BASELINE

SHARED: Final = ("run", "condition", "versus", "with_run", "image", "layer", "head", "numbers")
"""Parameters of the link that mean the same on every page."""

_KEPT = ("versus", "with_run", "numbers")

_COMPONENT = st.components.v2.component(
    "peel_navigation",
    html="<span></span>\n",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def show(pages: Sequence[Page], here: Page, run: str | None) -> None:
    """Draw a link to each page.

    What else a page has in its link is its own: going back there finds it as it was left.

    Args:
        pages: of the menu, in order.
        here: the one that is shown.
        run: the name of the run that is shown; a link without it would mean another run once
            there are more.
    """
    query = st.query_params.to_dict()
    if run is not None:
        _COMPONENT(key="navigation", data={"asked": query.get("run"), "run": run})
        query["run"] = run
    shared = {name: query[name] for name in SHARED if name in query}
    left = st.session_state.setdefault("left", {})
    left[here.url_path] = {name: value for name, value in query.items() if name not in shared}
    for page in pages:
        st.page_link(
            page,
            query_params=shared | left.get(page.url_path, {}),
            help=page.help or None,
            width="stretch",
        )


def to_image(
    key: Key,
    image_id: str,
    condition: str,
    icon: str | None = ":material/arrow_forward:",
    **place: str | None,
) -> None:
    """Draw the link that opens a picture on its page, as it is shown here.

    What the link has of the shared selection goes along, besides another picture's layer and head.

    Args:
        key: the run.
        image_id: the picture.
        condition: the one under which it is shown here.
        icon: before the word.
        **place: what else the page is to show, such as layer and head; None takes out what would
            go along.
    """
    st.page_link(
        st.session_state["image_page"],
        label="Open",
        icon=icon,
        query_params=image_query(key, image_id, condition, **place),
    )


def image_query(key: Key, image_id: str, condition: str, **place: str | None) -> dict[str, str]:
    """The parameters of the link that `to_image` draws."""
    here = st.query_params.to_dict()
    query = {name: here[name] for name in _KEPT if here.get(name) not in (None, condition)}
    query |= {"run": Path(key.path).name, "image": image_id}
    if condition != BASELINE:
        query["condition"] = condition
    return {name: value for name, value in (query | place).items() if value is not None}
