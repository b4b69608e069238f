"""One picture's final caption under every edit of the model: what changes, and what does not."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.captions import text as caption_text
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names.conditions import edit_name
from dashboard.widgets import link, making, menus, picture, two_captions
from dashboard.widgets import text as plain_text
from store.interventions import BROKEN, KINDS, read_spec
from store.query import conditions as condition_queries
from store.schema import BASELINE


def show(key: Key, image_id: str, condition: str) -> None:
    """Draw the captions that edits of a kind lead to; each edit can be chosen for the page.

    Args:
        key: the run.
        image_id: the picture.
        condition: the one that the page shows.
    """
    edited = run_data.asked(key, condition_queries.edited_captions, image_id)
    if edited.empty:
        making.partly(key.path, "This caption under edits of the model")
        return
    kinds = [kind for kind in KINDS if kind in set(edited["kind"])]
    broken = "the model or the picture" if set(kinds) & BROKEN.keys() else "the model"
    plain_text.line(f"What if {broken} were edited?", "heading")
    current = edited.loc[edited["condition_id"] == condition, "kind"].tolist()
    kind = menus.menu(
        "Edit",
        kinds,
        name="edit",
        default=current[0] if current else None,
        look="segments",
        shown=lambda name: KINDS[name].label,
    )
    plain_text.line(
        f"{KINDS[kind].meaning} These are the last layer's captions then; choose an edit to see "
        "the captions of all layers under it.",
        "small",
    )
    final = picture.final_caption(run_data.captions(key, image_id, BASELINE))
    for number, (text, names) in enumerate(grouped(edited[edited["kind"] == kind], final)):
        _row(number, (final, text), names, condition)


def _row(number: int, texts: tuple[str, str], names: Mapping[str, str], condition: str) -> None:
    """A caption, and the edits that lead to it as buttons, of which one may be chosen."""
    name = f"what if {number}"
    st.session_state[name] = condition if condition in names else None

    def chosen() -> None:
        link.write(condition=st.session_state[name])

    left, right = st.columns([1, 1.4], gap="medium", vertical_alignment="center")
    with left:
        if texts[0] == texts[1]:
            plain_text.line("no word changes", "small")
        else:
            two_captions.caption(*texts)
    right.pills(
        f"Edits that lead to caption {number + 1}",
        list(names),
        key=name,
        on_change=chosen,
        format_func=lambda edit: plain_text.label(names[edit]),
        label_visibility="collapsed",
        wrap=True,
    )


def grouped(edited: pd.DataFrame, final: str) -> list[tuple[str, dict[str, str]]]:
    """Edits that lead to one caption, together.

    Args:
        edited: condition_id, kind, layers, spec, text: of one kind.
        final: the baseline's caption.

    Returns:
        Each caption with its edits, condition_id -> its name; in the order of the first edit, but
        the baseline's own caption last.
    """
    groups: dict[str, dict[str, str]] = {}
    for row in sorted(edited.to_dict("records"), key=_order):
        text = caption_text.text(row["text"])
        condition = str(row["condition_id"])
        groups.setdefault(text, {})[condition] = edit_name(condition, read_spec(row["spec"]))
    if final in groups:
        groups[final] = groups.pop(final)
    return list(groups.items())


def _order(row: Mapping[Any, Any]) -> tuple[int, list[int], str]:
    return len(row["layers"]), list(row["layers"]), str(row["condition_id"])
