"""The one selection that drives every page and lives in the link: read and written here.

A parameter of the link (`dashboard.widgets.parameters`) is in the URL alone, where it stays from
page to page; a choice writes it there, which is one step of the browser's history. A value that
does not exist falls back to the default, and a note tells it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.widgets import text as plain_text
from dashboard.widgets.parameters import PARAMETERS

MEAN = "mean"
NONE = "none"  # compared with nothing


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
        return self.key or run_data.key_of(self.run)


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
        plain_text.line(line, "note")


@contextmanager
def notes_above() -> Iterator[None]:
    """Show the notes that the widgets inside make, above them."""
    place = st.container()
    yield
    with place:
        show_notes()


def put(name: str, value: str, default: str) -> None:
    """Write what was chosen into the link, and take out what means nothing any more.

    The link leaves a default out, but for the run's: without it, it would mean another run once
    there are more.
    """
    kept = value if name == "run" or value != default else None
    write(**dict.fromkeys(PARAMETERS[name].resets), **{name: kept})


def write(**values: str | None) -> None:
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


def set_image(image_id: str) -> None:
    """Move to an image and stay at the cell; from callbacks only."""
    write(image=image_id, patch=None, word=None)
