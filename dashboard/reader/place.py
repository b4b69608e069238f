"""Where the reader looks: read from the link, sent by the component, kept in the link.

Values are texts, in the link as in the component, and each is one of a known few: any other
value of a link or a browser falls back to the default.
"""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import streamlit as st

from dashboard import reader
from dashboard.charts import maps
from dashboard.reader import payload
from dashboard.widgets import link

NO_PATCH = "none"
_SWITCH = ("false", "true")
_STATE = "reader_start"


@dataclass(frozen=True)
class Choice:
    """One parameter of the link.

    Attributes:
        default: its value where the link has none.
        allowed: all its values.
    """

    default: str
    allowed: Collection[str]


def choices(header: Mapping[str, Any], peak: tuple[int, int] | None) -> dict[str, Choice]:
    """The parameters of a picture.

    Args:
        header: of its payload: layers, heads, grid, metrics, curves, compared, difference.
        peak: layer and head of the cell where to begin; None for the last layer's mean.
    """
    layers, heads, mean = int(header["layers"]), int(header["heads"]), link.MEAN
    metrics, curves = ([about["id"] for about in header[name]] for name in ("metrics", "curves"))
    against = [*(["other"] if header["compared"] else []), "previous", "final"]
    curve = next((name for name in ("final_logprob", *curves) if name in curves), "")
    difference = _SWITCH if header["difference"] else _SWITCH[:1]
    return {
        "layer": Choice(str(peak[0] if peak else layers), _numbers(layers + 1)),
        "head": Choice(str(peak[1]) if peak else mean, [mean, *_numbers(heads)]),
        "map": Choice(payload.KINDS[0], payload.KINDS),
        "cells": Choice(metrics[0] if metrics else "", metrics),
        "curve": Choice(curve, curves),
        "against": Choice(against[0], against),
        "opacity": Choice(f"{maps.OPACITY:.2f}", [f"{step / 20:.2f}" for step in range(21)]),
        "own_scale": Choice("false", _SWITCH),
        "smooth": Choice("false", _SWITCH),
        "hide": Choice("false", _SWITCH),
        "fold": Choice("true", _SWITCH),
        "difference": Choice("false", difference),
        "patch": Choice(NO_PATCH, _boxes(*header["grid"])),
        "word": Choice(link.NONE, [link.NONE, *_followed(header["followed"])]),
    }


def _followed(words: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [word for of_layer in words.values() for word in of_layer.values()]


@cache
def _boxes(rows: int, columns: int) -> frozenset[str]:
    """No patch, each one ("9"), and each box, named by its first and last patch ("9-30")."""
    boxes = {
        f"{first}-{last}"
        for first in range(rows * columns)
        for last in range(first + 1, rows * columns)
        if last % columns >= first % columns
    }
    return frozenset({NO_PATCH, *_numbers(rows * columns), *boxes})


def patches(box: str, columns: int) -> list[int]:
    """The patches of a box, row by row.

    >>> patches("1-5", columns=4)
    [1, 5]
    >>> patches("0-5", columns=4)
    [0, 1, 4, 5]
    """
    first, _, last = box.partition("-")
    (top, left), (bottom, right) = divmod(int(first), columns), divmod(int(last or first), columns)
    return [
        row * columns + column
        for row in range(top, bottom + 1)
        for column in range(left, right + 1)
    ]


def _numbers(n: int) -> list[str]:
    return [str(number) for number in range(n)]


def read(known: Mapping[str, Choice]) -> dict[str, str]:
    """The link's values, with a note for every one that is not known."""
    for name, choice in known.items():
        link.note_unknown(name, choice.allowed)
    return within({name: link.asked(name) for name in known}, known)


def within(values: object, known: Mapping[str, Choice]) -> dict[str, str]:
    """The known values among these, and the default for every other."""
    given = values if isinstance(values, Mapping) else {}
    return {
        name: given[name] if given.get(name) in choice.allowed else choice.default
        for name, choice in known.items()
    }


def start(here: Mapping[str, str], shown: Hashable) -> dict[str, Any]:
    """Where the component begins; the same as before unless it has to move.

    The component moves by itself and reports it later. It only has to move when the link has
    another place than it sent: another picture, a link, the browser's back button.

    Args:
        here: the link's values.
        shown: the picture that is shown.

    Returns:
        serial, which is a new one if the component has to move, and at.
    """
    held = st.session_state.get(_STATE)
    if held is None or held["shown"] != shown or held["now"] != here:
        serial = 1 if held is None else held["serial"] + 1
        held = {"serial": serial, "at": dict(here), "now": dict(here), "shown": shown}
        st.session_state[_STATE] = held
    return {"serial": held["serial"], "at": held["at"]}


def moved(known: Mapping[str, Choice]) -> None:
    """Take over the place that the component sends; from its callback only."""
    here = within(st.session_state[reader.KEY].get("at"), known)
    st.session_state[_STATE] = {**st.session_state[_STATE], "now": here}
    changes = {
        name: value
        for name, value in here.items()
        if value != (link.asked(name) or known[name].default)
    }
    link.write(**changes)
