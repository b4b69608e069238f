"""Menus and fields whose choice is a parameter of the link; among them those all pages share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import metrics
from dashboard.widgets import link, making
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from store.disk import read_run
from store.errors import NotPublished
from store.schema import BASELINE

_NUMBERS = {"ours": "ours, from 1", "paper": "the paper's, from 0"}
_LISTED = 4  # so many runs are shown in full; more are a menu


def choose_run() -> Place | None:
    """Draw run and condition in the sidebar; None if there is no run at all."""
    runs = {run.name: run for run in run_data.runs()}
    if not runs:
        return None
    with st.sidebar:
        run = runs[
            menu(
                "Run",
                list(runs),
                name="run",
                default=making.to_begin_with(list(runs.values())),
                look="radio" if len(runs) <= _LISTED else "select",
            )
        ]
        _certificate(run)
        try:
            key = run_data.key_of(run)
        except NotPublished:
            return Place(run, None, BASELINE)
        known = run_data.conditions(key)
        if len(known) < 2:
            link.note_unknown("condition", known, BASELINE)
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
    link.note_unknown(name, ids, shown(default))
    value = link.asked(name)
    st.session_state[name] = value if value in ids else default

    def chosen() -> None:
        link.put(name, st.session_state[name], default)

    def marked(value: str) -> str:  # what a menu shows is text already
        return plain_text.label(shown(value))

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
    return metrics.title(metric, against)


def pages(count: int, name: str) -> int:
    """Draw the choice of a page, if there are several; the page, from 1."""
    known = [str(number) for number in range(1, count + 1)] or ["1"]
    link.note_unknown(name, known, "page 1")
    value = link.asked(name)
    st.session_state[name] = int(value) if value in known else 1
    if count < 2:
        return 1

    def turned() -> None:
        link.put(name, str(st.session_state[name]), "1")

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
    value = st.session_state[name] = link.asked(name) or ""

    def typed() -> None:
        link.put(name, st.session_state[name], "")

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


def choose_image(key: Key) -> str | None:
    """Draw the field of the image's id; the image to show, or None if the run has none."""
    first = run_data.first_image(key)
    if first is None:
        return None
    named = text("Image id", name="image", placeholder=first).strip()
    if named and run_data.image(key, named) is None:
        link.note(
            f"There is no image “{named[:80]}” in this run; the first one, {first}, is shown."
        )
        named = ""
    return named or first


def _certificate(run: Path) -> None:
    # A passed one is quiet; the Runs page shows it in full.
    parity = read_run(run).get("parity")
    if not parity or not parity.get("passed"):
        label, icon, color = metrics.certificate(parity)
        st.badge(
            label,
            icon=icon,
            color=color,
            help=("Whether the run's numbers are the model's own; the page Runs has the details."),
        )
