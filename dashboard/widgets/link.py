"""The one selection that drives every page and lives in the link.

A parameter of the link (`dashboard.widgets.parameters`) is in the URL alone, where it stays from
page to page; a choice writes it there, which is one step of the browser's history. A value that
does not exist falls back to the default, and a note tells it.
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
from dashboard.widgets.parameters import PARAMETERS
from store.disk import read_run
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


def asked(name: str) -> str | None:
    """The link's value of a parameter; None if it has none."""
    assert name in PARAMETERS, f"{name} must be one of the parameters of links"
    parameter = PARAMETERS[name]
    names = [name] if parameter.formerly is None else [name, parameter.formerly]
    value = next((st.query_params.get(key) for key in names if key in st.query_params), None)
    return None if value is None else parameter.old_values.get(value, value)


def note_unknown(name: str, known: Collection[str], instead: str = "the default") -> None:
    """Make a note if the link names something that does not exist.

    Args:
        name: of the parameter.
        known: its values.
        instead: what is shown in place of an unknown one.
    """
    value = asked(name)
    # The Image page compares with none; where that is no choice it is no mistake either.
    if value is not None and value != NONE and value not in known:
        what = PARAMETERS[name].what
        note(f"The link names {what} “{value[:80]}”, which is not here; {instead} is shown.")


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
            note_unknown("condition", known, BASELINE)
            return Place(run, key, BASELINE)
        condition = menu(
            "Condition",
            known,
            name="condition",
            more="Which edit of the model: in the baseline nothing is edited.",
        )
    return Place(run, key, condition)


def menu(
    label: str,
    ids: Sequence[str],
    *,
    name: str,
    default: str | None = None,
    shown: Callable[[str], str] = str,
    look: Literal["select", "segments", "radio"] = "select",
    more: str | None = None,
) -> str:
    """Draw a choice of one, whose parameter of the link holds an id.

    Args:
        label: of the menu.
        ids: what can be chosen; at least one.
        name: of the parameter and of the widget.
        default: what the link leaves out; the first of the ids without it.
        shown: an id in words.
        look: a menu, or all choices side by side, or below each other.
        more: behind a question mark.
    """
    default = default if default is not None and default in ids else ids[0]
    note_unknown(name, ids, shown(default))
    value = asked(name)
    st.session_state[name] = value if value in ids else default

    def chosen() -> None:
        put(name, st.session_state[name], default)

    def marked(value: str) -> str:  # what a menu shows is text already
        return plain.label(shown(value))

    if look == "segments":
        return str(
            st.segmented_control(
                label, ids, key=name, format_func=marked, required=True, on_change=chosen, help=more
            )
        )
    if look == "radio":
        return str(st.radio(label, ids, key=name, format_func=marked, on_change=chosen, help=more))
    return str(st.selectbox(label, ids, key=name, format_func=shown, on_change=chosen, help=more))


def measure(
    label: str, pairs: Sequence[tuple[str, str]], *, name: str, default: str | None = None
) -> tuple[str, str]:
    """Draw the choice of a metric and what it is held against; its id is `metric:against`.

    Args:
        label: of the menu.
        pairs: metric and against of each; at least one.
        name: of the parameter and of the widget.
        default: an id; the first of the pairs without it.
    """
    ids = [":".join(pair) for pair in pairs]
    metric, _, against = menu(label, ids, name=name, default=default, shown=title).partition(":")
    return metric, against


def title(measure: str) -> str:
    """A measure's id in words."""
    metric, _, against = measure.partition(":")
    return words.title(metric, against)


def pages(count: int, name: str) -> int:
    """Draw the choice of a page, if there are several; the page, from 1."""
    known = [str(number) for number in range(1, count + 1)] or ["1"]
    note_unknown(name, known, "page 1")
    value = asked(name)
    st.session_state[name] = int(value) if value in known else 1
    if count < 2:
        return 1

    def turned() -> None:
        put(name, str(st.session_state[name]), "1")

    return st.pagination(count, key=name, on_change=turned)


def text(
    label: str, *, name: str, placeholder: str, icon: str | None = None, more: str | None = None
) -> str:
    """Draw a field whose text is a parameter of the link; the text.

    Args:
        label: of the field.
        name: of the parameter and of the widget.
        placeholder: in the empty field.
        icon: in front of it.
        more: behind a question mark.
    """
    value = st.session_state[name] = asked(name) or ""

    def typed() -> None:
        put(name, st.session_state[name], "")

    st.text_input(label, key=name, placeholder=placeholder, icon=icon, help=more, on_change=typed)
    return value


def choose_numbers() -> bool:
    """Draw the choice of how layers are numbered; whether it is as the paper does."""
    return (
        menu(
            "Layers in numbers that are",
            list(_NUMBERS),
            name="numbers",
            look="segments",
            shown=_NUMBERS.__getitem__,
        )
        == "paper"
    )


def put(name: str, value: str, default: str) -> None:
    """Write what was chosen into the link, and take out what means nothing any more.

    The link leaves a default out, but for the run's: without it, it would mean another run once
    there are more.
    """
    kept = value if name == "run" or value != default else None
    link(**dict.fromkeys(PARAMETERS[name].resets), **{name: kept})


def link(**values: str | None) -> None:
    """Write parameters of the link; None takes one away.

    All are one entry of the browser's history, and none if nothing changes. The run goes along,
    which the link of a first visit leaves out.
    """
    assert values.keys() <= PARAMETERS.keys(), f"{', '.join(values)} must be parameters of links"
    here = st.query_params.to_dict()
    if "run" in st.session_state:
        values = {"run": st.session_state["run"], **values}
    # An old link's name for what is written now would come back once that is taken away.
    values |= {old: None for name in values if (old := PARAMETERS[name].formerly) is not None}
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
    named = text("Image id", name="image", placeholder=first).strip()
    if named and data.image(key, named) is None:
        note(f"There is no image “{named[:80]}” in this run; the first one, {first}, is shown.")
        named = ""
    return named or first


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
