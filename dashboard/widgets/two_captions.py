"""Two captions side by side, the words that one lost and the other gained marked.

Captions are escaped: they are never markup.
"""

import html

import streamlit as st

from dashboard.captions import text as caption_text
from dashboard.captions.diff import Piece, diff_words

_MARKS = {
    "lost": "text-decoration:line-through;text-decoration-color:#d55e00",
    "gained": "font-weight:600;text-decoration:underline;text-decoration-thickness:2px;"
    "text-decoration-color:#009e73;text-underline-offset:3px",
    "kept": "",
}
"""The line has the colour, not the word, which stays readable on light and dark pages."""
_ROW = (
    "display:flex;gap:1rem;flex-wrap:wrap;font-size:0.95rem;line-height:1.4;overflow-wrap:anywhere"
)
_HALF = "flex:1 1 12rem;min-width:0"
_LABEL = "font-size:0.78rem;opacity:0.65"


def side_by_side(before: str, after: str, names: tuple[str, str]) -> None:
    """Show two captions; `names` tell whose they are.

    On a narrow screen one stands below the other.
    """
    pieces = diff_words(before, after)
    halves = (_half(names[0], pieces, "gained", before), _half(names[1], pieces, "lost", after))
    st.html(f'<div style="{_ROW}">{"".join(halves)}</div>')


def caption(other: str, text: str) -> None:
    """Show a caption; the words that another one lacks are marked."""
    st.html(f'<div style="{_ROW}">{_words(diff_words(other, text), "lost", text)}</div>')


def _half(name: str, pieces: list[Piece], hidden: str, text: str) -> str:
    return (
        f'<div style="{_HALF}"><div style="{_LABEL}">{html.escape(name)}</div>'
        f"{_words(pieces, hidden, text)}</div>"
    )


def _words(pieces: list[Piece], hidden: str, text: str) -> str:
    if not text.strip():
        return caption_text.NONE
    return (
        "<div>"
        + "".join(
            f'<span style="{_MARKS[piece.change]}">{html.escape(piece.text)}</span> '
            for piece in pieces
            if piece.change != hidden
        )
        + "</div>"
    )
