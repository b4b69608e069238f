"""The one selection that drives every page and lives in the link.

Widgets carry it: their keys are the parameters of the URL. What other pages share as well (image,
layer, head, what is compared with) is in the URL alone, where it stays from page to page. A value
in a link that does not exist falls back to the default, and a note says so.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

from dashboard import data, plain, words
from dashboard.data import Key
from store.errors import NotPublished
from store.runs import read_run
from store.schema import BASELINE

IN_URL: Final = "query-params"
MAPS = ("attention", "contribution")
MEAN = "mean"
_NUMBERS = ("ours, from 1", "the paper's, from 0")
_LISTED = 4  # so many runs are shown in full; more are a menu


@dataclass(frozen=True)
class Place:
    """Where the pages look.

    Attributes:
        run: the run's folder.
        key: its newest generation; None if nothing is published yet.
        condition: which edits of the model.
    """

    run: Path
    key: Key | None
    condition: str

    @property
    def published(self) -> Key:
        """The newest generation.

        Raises:
            NotPublished: there is none; the error says what to do.
        """
        return self.key or data.key_of(self.run)


def note_unknown(name: str, known: Collection[str], what: str) -> None:
    """Say so if the link names something that does not exist.

    To be called before the widget of that name, which clears the parameter.
    """
    asked = st.query_params.get(name)
    if asked is not None and asked not in known:
        st.session_state.setdefault("notes", []).append(
            f"The link names {what} “{asked[:80]}”, which is not here; the default is shown.")


def show_notes() -> None:
    """Show the notes of this rerun; they are gone afterwards."""
    for note in st.session_state.pop("notes", []):
        plain.line(note, "note")


@contextmanager
def notes_above() -> Iterator[None]:
    """Show the notes that the widgets inside make, above them."""
    place = st.container()
    yield
    with place:
        show_notes()


def choose_run() -> Place | None:
    """Draw run and condition in the sidebar; None if there is no run at all."""
    runs = {run.name: run for run in data.runs()}
    if not runs:
        return None
    with st.sidebar:
        note_unknown("run", runs, "the run")
        if len(st.query_params.get_all("run")) > 1:
            # A card's link names the run for who opens it in a new tab; within the session
            # Streamlit adds it a second time. Setting the value makes it one again.
            st.session_state["run"] = st.query_params["run"]
        if "run_named" not in st.session_state and "run" not in st.query_params:
            # A default would be left out of the link, and mean another run once there are more.
            # Both: the state alone does not reach the link before the widget exists, and the
            # link cannot be set once it does.
            st.session_state["run"] = st.query_params["run"] = next(iter(runs))
        st.session_state["run_named"] = True
        if len(runs) <= _LISTED:
            name = st.radio("Run", list(runs), index=None, key="run", bind=IN_URL)
        else:
            name = st.selectbox("Run", list(runs), index=None, key="run", bind=IN_URL)
        run = runs[name or next(iter(runs))]
        _certificate(run)
        try:
            key = data.key_of(run)
        except NotPublished:
            return Place(run, None, BASELINE)
        known = data.conditions(key)
        if len(known) < 2:
            return Place(run, key, BASELINE)
        note_unknown("condition", known, "the condition")
        condition = st.selectbox(
            "Condition", known, key="condition", bind=IN_URL,
            help="Which edit of the model: in the baseline nothing is edited.")
    return Place(run, key, condition)


def menu(
    label: str, ids: Sequence[str], *, name: str, what: str, default: str | None = None,
    shown: Callable[[str], str] = str,
) -> str:
    """Draw a menu whose parameter of the link holds ids, not what the menu calls them.

    The link decides and other pages keep it; a bound widget would write its labels there.

    Args:
        label: of the menu.
        ids: what can be chosen; at least one.
        name: of the parameter and of the widget.
        what: in words, for the note of an unknown value.
        default: what the link leaves out; the first of the ids without it.
        shown: an id in words.
    """
    default = default if default in ids else ids[0]
    note_unknown(name, ids, what)
    asked = st.query_params.get(name)
    st.session_state[name] = asked if asked in ids else default

    def chosen() -> None:
        link(**{name: None if st.session_state[name] == default else st.session_state[name]})

    return str(st.selectbox(label, ids, key=name, format_func=shown, on_change=chosen))


def choose_numbers() -> bool:
    """Draw the choice of how layers are numbered; whether it is as the paper does."""
    return st.segmented_control(
        "Layers in numbers that are", _NUMBERS, default=_NUMBERS[0], required=True,
        key="numbers", bind=IN_URL) == _NUMBERS[1]


def link(**values: str | None) -> None:
    """Write parameters of the link that no widget is bound to; None takes one away.

    All in one step: each is an entry of the browser's history.
    """
    here = st.query_params.to_dict()
    names = {name: value for name, value in values.items() if value != here.get(name)}
    if written := {name: value for name, value in names.items() if value is not None}:
        st.query_params.update(written)
    for name in names.keys() - written.keys():
        del st.query_params[name]


def choose_image(key: Key) -> str | None:
    """Draw the field of the image's id; the image to show, or None if the run has none."""
    first = data.first_image(key)
    if first is None:
        return None
    # The link holds it, so that it goes along to the other pages.
    asked = st.session_state["image"] = st.query_params.get("image", "").strip()
    st.text_input("Image id", key="image", placeholder=first, on_change=_typed)
    if asked and data.image(key, asked) is None:
        st.session_state.setdefault("notes", []).append(
            f"There is no image “{asked[:80]}” in this run; the first one is shown.")
        asked = ""
    return asked or first


def _typed() -> None:
    # Another picture starts at its own strongest cell.
    link(image=st.session_state["image"].strip() or None, layer=None, head=None, patch=None)


def set_image(image_id: str) -> None:
    """Move to an image and stay at the cell; from callbacks only."""
    link(image=image_id, patch=None)


def _certificate(run: Path) -> None:
    # A passed one is quiet; the Runs page shows it in full.
    parity = read_run(run).get("parity")
    if not parity or not parity.get("passed"):
        label, icon, color = words.certificate(parity)
        st.badge(label, icon=icon, color=color, help=(
            "Whether the run's numbers are the model's own; the page Runs has the details."))
