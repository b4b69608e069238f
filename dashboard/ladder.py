"""The caption ladder: one row a layer, words gained and lost, a click chooses the layer.

A component of our own, since no widget shows changed words and lets rows be chosen. Captions reach
it as data and become text nodes; they are never markup.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.diff import diff_words

_HERE = Path(__file__).parent
_COMPONENT = st.components.v2.component(
    "peel_ladder",
    html='<div class="ladder" role="list"></div>\n',
    css=(_HERE / "ladder.css").read_text(encoding="utf-8"),
    js=(_HERE / "ladder.js").read_text(encoding="utf-8"),
)


def rows(
    captions: pd.DataFrame, against_final: bool, others: Mapping[int, str] | None = None
) -> list[dict[str, Any]]:
    """What the ladder shows.

    Args:
        captions: layer, text; one row a layer, in order.
        against_final: compare with the last caption, not with the one before.
        others: compare with these captions instead, by layer: another condition's.

    Returns:
        One mapping a layer: layer, and pieces of text, each with what became of it.
    """
    texts = [str(text) for text in captions["text"].fillna("")]
    shown = []
    for i, (layer, text) in enumerate(zip(captions["layer"], texts, strict=True)):
        if others is not None:
            other = others.get(int(layer), "")
        else:
            other = texts[-1] if against_final else texts[max(i - 1, 0)]
        pieces = [{"text": p.text, "change": p.change} for p in diff_words(other, text)]
        shown.append({"layer": int(layer), "pieces": pieces,
                      "same": all(piece["change"] == "kept" for piece in pieces)})
    return shown


def show(shown: list[dict[str, Any]], layer: int, picked: Callable[[int], None]) -> None:
    """Draw the ladder.

    Args:
        shown: from `rows`.
        layer: the chosen layer.
        picked: called with the layer of a row that was chosen.
    """
    def changed() -> None:
        value = st.session_state["ladder"].picked
        if value is not None:
            picked(int(value))

    _COMPONENT(key="ladder", data={"rows": shown, "layer": layer}, on_picked_change=changed)
