"""Words that the language model's head reads in the image's own tokens, laid over the picture."""

import base64
import html

import pandas as pd
import streamlit as st

from dashboard.charts import maps
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.widgets import text as plain_text
from store.query import one_image

_WIDTH = 720
"""Pixels of the picture behind the words."""

_MEANING = (
    "Each field is one token of the picture, as the language model has it, and the word that the "
    "model's own head would say there (a logit lens). Nothing was trained for it. It reads few "
    "tokens well: published counts find a fitting word at about one in four. A word that fits was "
    "there to be read; a word that does not fit says little. The darker a word, the more probable."
)


def show(key: Key, image_id: str) -> None:
    """Draw the words of one block, if the run kept any of this picture."""
    blocks = run_data.asked(key, one_image.inner_blocks, image_id)["block"]
    if blocks.empty:
        return
    place = st.expander(
        "Words inside the language model: a word a patch",
        icon=":material/apps:",
        key="inner_words",
        on_change="rerun",
    )
    if not place.open:
        return
    with place:
        plain_text.line(_MEANING, "small")
        # In the upper blocks tokens turn into what comes next; those of the middle read best.
        block = st.select_slider(
            "After block (0 is its input)",
            list(blocks),
            value=int(blocks.iloc[len(blocks) // 2]),
            key="inner_block",
        )
        words = run_data.asked(key, one_image.inner_words, image_id, int(block))
        st.html(overlay(run_data.tensors(key, image_id).model_input, words))


def overlay(picture: bytes, words: pd.DataFrame) -> str:
    """The picture under a grid of its tokens' first words, all of them on hover.

    Args:
        picture: as the model saw it, JPEG.
        words: grid_row, grid_column, rank, word, probability, of one block.
    """
    rows, columns = int(words["grid_row"].max()) + 1, int(words["grid_column"].max()) + 1
    cells = "".join(
        _cell(of_token) for _, of_token in words.groupby(["grid_row", "grid_column"], sort=True)
    )
    encoded = base64.b64encode(maps.thumbnail(picture, _WIDTH)).decode()
    size = 11 if columns <= 16 else 8
    return (
        f'<div style="position:relative;max-width:{_WIDTH}px">'
        f'<img src="data:image/jpeg;base64,{encoded}" '
        'style="width:100%;display:block;opacity:0.45" '
        f'alt="The picture as the model saw it, behind {rows} by {columns} words.">'
        f'<div style="position:absolute;inset:0;display:grid;font-size:{size}px;line-height:1.1;'
        f"grid-template-columns:repeat({columns},minmax(0,1fr));"
        f'grid-template-rows:repeat({rows},minmax(0,1fr))">{cells}</div></div>'
    )


def _cell(words: pd.DataFrame) -> str:
    ordered = words.sort_values("rank")
    said = [(str(w) or "(none)", float(p)) for w, p in ordered[["word", "probability"]].to_numpy()]
    hover = html.escape(", ".join(f"{word} {chance:.0%}" for word, chance in said))
    word, chance = said[0]
    return (
        f'<span title="{hover}" style="overflow:hidden;white-space:nowrap;align-self:center;'
        f'text-align:center;opacity:{0.35 + 0.65 * chance:.2f}">{html.escape(word)}</span>'
    )
