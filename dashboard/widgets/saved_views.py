"""Views under a name: a link that a lab comes back to, kept beside the runs."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

import streamlit as st
from streamlit.navigation.page import Page

from dashboard.widgets import notes
from dashboard.widgets import text as plain_text
from dashboard.widgets.parameters import PARAMETERS
from store import notes as kept
from store.notes import NotesDamaged, View

_NAME = "name of a view"


def show(pages: Sequence[Page], here: Page) -> None:
    """Draw the views that have a name, and a field that names this one.

    Args:
        pages: those that a view may be of.
        here: the one that is shown.
    """
    place = st.popover("Saved views", width="stretch", key="saved_views", on_change="rerun")
    if not place.open:  # nobody waits for a file that is seldom looked into
        return
    with place:
        try:
            views = kept.views(notes.file())
        except NotesDamaged as error:
            plain_text.line(str(error), "small")
            return
        known = {page.url_path: page for page in pages}
        for i, view in enumerate(views):
            if view.page in known:
                _one(known[view.page], view, i)
        _name_this(here)


def _one(page: Page, view: View, i: int) -> None:
    link_at, away = st.columns([5, 1], vertical_alignment="center")
    # The file may come from elsewhere: of its query only what links have.
    query = {name: value for name, value in parse_qsl(view.query) if name in PARAMETERS}
    link_at.page_link(page, label=plain_text.label(view.name), query_params=query)
    away.button(
        "",
        icon=":material/close:",
        key=f"forget view {i}",
        type="tertiary",
        help="Take this view away.",
        disabled=not notes.writable(),
        on_click=lambda: notes.keep(lambda: kept.forget_view(notes.file(), view.name)),
    )


def _name_this(here: Page) -> None:
    query = urlencode(st.query_params.to_dict())

    def typed() -> None:
        name = st.session_state[_NAME]
        if name.strip():
            notes.keep(lambda: kept.save_view(notes.file(), View(name, here.url_path, query)))
        st.session_state[_NAME] = ""

    st.text_input(
        "Save this view as",
        key=_NAME,
        max_chars=kept.VIEW_LENGTH,
        on_change=typed,
        disabled=not notes.writable(),
        placeholder="a name, then Enter",
        help="What the address bar has: run, picture, filters, layer. Kept beside the runs, for "
        "all who open this folder; a name that is there already is given anew.",
    )
