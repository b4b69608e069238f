"""Pictures of a page under one slider of layers: a component of our own, since scrubbing is felt.

All captions of the pictures at hand go to the browser once, so that the slider moves them, their
colours and their maps without asking the server; the layer that was chosen comes back when it
rests. Bytes and drawing are the reader's; captions become text nodes.
"""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from dashboard import reader

__all__ = ["KEY", "payload", "script", "show"]

KEY = "gallery"

_HERE = Path(__file__).parent


def script() -> str:
    """The component's JavaScript."""
    pieces = (_HERE / name for name in ("gallery.js", "strip.js"))
    return "\n".join(
        [reader.piece("data.js"), *(piece.read_text(encoding="utf-8") for piece in pieces)]
    )


_COMPONENT = st.components.v2.component(
    "peel_gallery",
    html='<div class="peel-gallery" role="group" aria-label="Pictures, layer by layer"></div>\n',
    css=(_HERE / "gallery.css").read_text(encoding="utf-8"),
    js=script(),
)


def show(data: bytes, moved: Callable[[], None]) -> None:
    """Draw the pictures.

    Args:
        data: of `reader.payload.pack`.
        moved: called when a layer or the switch of maps was chosen;
            `st.session_state[KEY]["at"]` has them.
    """
    _COMPONENT(key=KEY, data=data, on_at_change=moved)
