"""The reader of one picture: a component of our own, since moving through layers has to be felt.

Everything that the page shows of a layer or head goes to the browser once (`payload`), so that an
arrow key draws without asking the server; the place that was chosen comes back when it rests. The
scripts are plain files without a build step; captions reach them as data and become text nodes.
"""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

__all__ = ["KEY", "payload", "piece", "place", "script", "show"]

KEY = "reader"
SCRIPTS = (
    "data.js",
    "colours.js",
    "box.js",
    "maps.js",
    "matrix.js",
    "ladder.js",
    "curves.js",
    "controls.js",
    "reader.js",
)
"""Parts of one module, in this order."""

_HERE = Path(__file__).parent


def script() -> str:
    """The component's JavaScript."""
    return "\n".join(piece(name) for name in SCRIPTS)


def piece(name: str) -> str:
    """One of its files: those that unpack and draw serve the gallery, too."""
    return (_HERE / name).read_text(encoding="utf-8")


_COMPONENT = st.components.v2.component(
    "peel_reader",
    html='<div class="peel-reader" role="group" aria-label="The picture, layer by layer"></div>\n',
    css=(_HERE / "reader.css").read_text(encoding="utf-8"),
    js=script(),
)


def show(data: bytes, moved: Callable[[], None]) -> None:
    """Draw the reader.

    Args:
        data: of `payload.pack`.
        moved: called when a place was chosen in it; `st.session_state[KEY]["at"]` has it.
    """
    _COMPONENT(key=KEY, data=data, on_at_change=moved)
