"""The one selection that drives every page and lives in the link.

A parameter of the link holds a short id, never the label of a menu: labels are reworded. It is in
the URL alone, where it stays from page to page; a choice writes it there, which is one step of the
browser's history. A value that does not exist falls back to the default, and a note says so.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from dashboard.data import run as data
from dashboard.data.run import Key
from dashboard.names import metrics as words
from dashboard.widgets import text as plain
from store.disk.runs import read_run
from store.errors import NotPublished
from store.schema import BASELINE

MEAN = "mean"
NONE = "none"  # compared with nothing
_NUMBERS = {"ours": "ours, from 1", "paper": "the paper's, from 0"}
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


def note_unknown(
    name: str, known: Collection[str], what: str, instead: str = "the default"
) -> None:
    """Say so if the link names something that does not exist.

    Args:
        name: of the parameter.
        known: its values.
        what: it in words: "the measure".
        instead: what is shown in place of an unknown one.
    """
    asked = st.query_params.get(name)
    # The Image page compares with none; where that is no choice it is no mistake either.
    if asked is not None and asked != NONE and asked not in known:
        note(f"The link names {what} “{asked[:80]}”, which is not here; {instead} is shown.")


def note(text: str) -> None:
    """Keep a note for `show_notes`."""
    st.session_state.setdefault("notes", []).append(text)


def show_notes() -> None:
    """Show the notes of this rerun; they are gone afterwards."""
    for line in st.session_state.pop("notes", []):
        plain.line(line, "note")


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
        run = runs[
            menu(
                "Run",
                list(runs),
                name="run",
                what="the run",
                always=True,
                look="radio" if len(runs) <= _LISTED else "select",
            )
        ]
        _certificate(run)
        try:
            key = data.key_of(run)
        except NotPublished:
            return Place(run, None, BASELINE)
        known = data.conditions(key)
        if len(known) < 2:
            note_unknown("condition", known, "the condition", BASELINE)
            return Place(run, key, BASELINE)
        condition = menu(
            "Condition",
            known,
            name="condition",
            what="the condition",
            told="Which edit of the model: in the baseline nothing is edited.",
        )
    return Place(run, key, condition)


def menu(
    label: str,
    ids: Sequence[str],
    *,
    name: str,
    what: str,
    default: str | None = None,
    shown: Callable[[str], str] = str,
    look: Literal["select", "segments", "radio"] = "select",
    told: str | None = None,
    always: bool = False,
    resets: Sequence[str] = (),
) -> str:
    """Draw a choice of one, whose parameter of the link holds an id.

    Args:
        label: of the menu.
        ids: what can be chosen; at least one.
        name: of the parameter and of the widget.
        what: in words, for the note of an unknown value.
        default: what the link leaves out; the first of the ids without it.
        shown: an id in words.
        look: a menu, or all choices side by side, or below each other.
        told: behind a question mark.
        always: the link has the default, too.
        resets: parameters that mean nothing any more after another choice, such as a page.
    """
    default = default if default is not None and default in ids else ids[0]
    note_unknown(name, ids, what, shown(default))
    asked = st.query_params.get(name)
    st.session_state[name] = asked if asked in ids else default

    def chosen() -> None:
        value = st.session_state[name]
        link(**{name: value if always or value != default else None}, **dict.fromkeys(resets))

    def marked(value: str) -> str:  # what a menu shows is text already
        return plain.label(shown(value))

    if look == "segments":
        return str(
            st.segmented_control(
                label, ids, key=name, format_func=marked, required=True, on_change=chosen, help=told
            )
        )
    if look == "radio":
        return str(st.radio(label, ids, key=name, format_func=marked, on_change=chosen, help=told))
    return str(st.selectbox(label, ids, key=name, format_func=shown, on_change=chosen, help=told))


def measure(
    label: str,
    pairs: Sequence[tuple[str, str]],
    *,
    name: str,
    default: str | None = None,
    resets: Sequence[str] = (),
) -> tuple[str, str]:
    """Draw the choice of a metric and what it is held against; its id is `metric:against`.

    Args:
        label: of the menu.
        pairs: metric and against of each; at least one.
        name: of the parameter and of the widget.
        default: an id; the first of the pairs without it.
        resets: as of `menu`.
    """
    ids = [":".join(pair) for pair in pairs]
    chosen = menu(
        label, ids, name=name, what="the measure", default=default, resets=resets, shown=title
    )
    metric, _, against = chosen.partition(":")
    return metric, against


def title(measure: str) -> str:
    """A measure's id in words."""
    metric, _, against = measure.partition(":")
    return words.title(metric, against)


def pages(count: int, name: str) -> int:
    """Draw the choice of a page, if there are several; the page, from 1."""
    known = [str(number) for number in range(1, count + 1)] or ["1"]
    note_unknown(name, known, "page", "page 1")
    asked = st.query_params.get(name)
    st.session_state[name] = int(asked) if asked in known else 1
    if count < 2:
        return 1

    def turned() -> None:
        number = st.session_state[name]
        link(**{name: None if number == 1 else str(number)})

    return st.pagination(count, key=name, on_change=turned)


def text(
    label: str,
    *,
    name: str,
    placeholder: str,
    icon: str | None = None,
    told: str | None = None,
    resets: Sequence[str] = (),
) -> str:
    """Draw a field whose text is a parameter of the link; the text.

    Args:
        label: of the field.
        name: of the parameter and of the widget.
        placeholder: in the empty field.
        icon: in front of it.
        told: behind a question mark.
        resets: parameters that mean nothing any more after another text.
    """
    asked = st.session_state[name] = st.query_params.get(name, "")

    def typed() -> None:
        link(**{name: st.session_state[name] or None}, **dict.fromkeys(resets))

    st.text_input(label, key=name, placeholder=placeholder, icon=icon, help=told, on_change=typed)
    return asked


def choose_numbers() -> bool:
    """Draw the choice of how layers are numbered; whether it is as the paper does."""
    return (
        menu(
            "Layers in numbers that are",
            list(_NUMBERS),
            name="numbers",
            look="segments",
            what="the numbers of layers",
            shown=_NUMBERS.__getitem__,
        )
        == "paper"
    )


def link(**values: str | None) -> None:
    """Write parameters of the link; None takes one away.

    All are one entry of the browser's history, and none if nothing changes. The run goes along,
    which the link of a first visit leaves out.
    """
    here = st.query_params.to_dict()
    if "run" in st.session_state:
        values = {"run": st.session_state["run"], **values}
    names = {name: value for name, value in values.items() if value != here.get(name)}
    if names:
        # An empty list leaves the URL at once with what is written; what then takes it away in
        # Python sends the same URL again, which the browser does not count.
        st.query_params.update(
            {name: [] if value is None else value for name, value in names.items()}
        )
    for name, value in names.items():
        if value is None:
            del st.query_params[name]


def choose_image(key: Key) -> str | None:
    """Draw the field of the image's id; the image to show, or None if the run has none."""
    first = data.first_image(key)
    if first is None:
        return None
    # Another picture starts at its own strongest cell.
    asked = text(
        "Image id", name="image", placeholder=first, resets=("layer", "head", "patch")
    ).strip()
    if asked and data.image(key, asked) is None:
        note(f"There is no image “{asked[:80]}” in this run; the first one, {first}, is shown.")
        asked = ""
    return asked or first


def set_image(image_id: str) -> None:
    """Move to an image and stay at the cell; from callbacks only."""
    link(image=image_id, patch=None)


def _certificate(run: Path) -> None:
    # A passed one is quiet; the Runs page shows it in full.
    parity = read_run(run).get("parity")
    if not parity or not parity.get("passed"):
        label, icon, color = words.certificate(parity)
        st.badge(
            label,
            icon=icon,
            color=color,
            help=("Whether the run's numbers are the model's own; the page Runs has the details."),
        )
