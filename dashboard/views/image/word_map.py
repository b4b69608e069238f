"""One word of a caption: which patches carry it, and which heads move it."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.charts import maps
from dashboard.charts.maps import Scale
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import maps as map_names
from dashboard.widgets import link, menus
from dashboard.widgets import text as plain_text
from store.parts.word_maps import WordMaps
from store.query import maps as map_queries

_WIDTH = 320
"""Pixels of one map."""
_HEADS = 6
"""So many heads are listed."""

_MEANING = (
    "Gradient of the word's log-probability in each patch's state, times the state: to first "
    "order, what the word would lose if the patch were like the picture's mean patch. Bright "
    "patches speak for the word; those that speak against it are dark. Each map has its own scale."
)


def followed(key: Key, image_id: str) -> dict[str, dict[str, str]]:
    """The words that have maps: layer -> word -> its id in links, `12-0`."""
    made: dict[str, dict[str, str]] = {}
    for row in run_data.asked(key, map_queries.words, image_id).itertuples():
        of_layer = made.setdefault(str(row.layer), {})
        for part in str(row.text).split():
            of_layer.setdefault(part, f"{row.layer}-{row.word}")
    return made


def choose(key: Key, image_id: str) -> None:
    """Draw the words of the final caption, or of that whose word is followed; each a choice."""
    words = run_data.asked(key, map_queries.words, image_id)
    if words.empty:
        return
    asked = link.asked("word") or ""
    layers = [int(layer) for layer in words["layer"]]
    named = asked.partition("-")[0]
    layer = int(named) if named.isdecimal() and int(named) in layers else max(layers)
    texts = {
        f"{layer}-{row.word}": str(row.text) for row in words[words["layer"] == layer].itertuples()
    }
    menus.menu(
        "Follow a word of the caption" + ("" if layer == max(layers) else f" of layer {layer}"),
        [link.NONE, *texts],
        name="word",
        shown={link.NONE: "none", **texts}.__getitem__,
        look="segments",
    )


def show(key: Key, image_id: str, word: str) -> None:
    """Draw the maps of a word, and the heads that move it.

    Args:
        key: the run.
        image_id: the picture.
        word: `LAYER-WORD`, or `none`.
    """
    if word == link.NONE:
        return
    layer, number = (int(part) for part in word.split("-"))
    words = run_data.asked(key, map_queries.words, image_id)
    row = words[(words["layer"] == layer) & (words["word"] == number)].iloc[0]
    kept = run_data.word_maps(key, image_id, layer)
    if kept is None:
        return
    plain_text.line(f"What carries “{row['text']}” in the caption of layer {layer}", "heading")
    plain_text.line(
        f"{_MEANING} The word's probability, given the words before it, is "
        f"{np.exp(row['logprob']):.1%}.",
        "small",
    )
    pictures, heads = st.columns([4, 1], gap="medium")
    with pictures:
        _maps(key, image_id, layer, number, row, kept)
    with heads:
        _heads(row, kept.heads[kept.words.index(number)])


def _maps(key: Key, image_id: str, layer: int, number: int, row: pd.Series, kept: WordMaps) -> None:
    run = run_data.run_row(key)
    grid = (int(run["grid_h"]), int(run["grid_w"]))
    picture = run_data.tensors(key, image_id).model_input
    states = run_data.asked(key, map_queries.states_of, image_id, layer, number).set_index("state")
    points = run_data.asked(key, map_queries.points_of, image_id, str(row["text"]))
    at = kept.words.index(number)
    shown = [(f"Z^{state}", kept.maps[kept.at.index(state), at], state) for state in states.index]
    if not pd.isna(row["deletion_scale"]):
        shown.append(("Patches taken away", kept.deletion[at], None))
    for column, (title, values, state) in zip(
        st.columns(len(shown), gap="small"), shown, strict=True
    ):
        with column:
            scale = row["deletion_scale"] if state is None else states.loc[state, "scale"]
            _map(title, values, float(scale), picture, grid)
            if state is None:
                plain_text.line("Groups of patches in the mean colour: no gradient.", "small")
                continue
            told = [
                _points(points, state, layer, run),
                _rank(states.loc[state, "rank"]),
            ]
            plain_text.line(" ".join(filter(None, told)), "small")
    _verdict(key, [int(state) for state in states.index])


def _verdict(key: Key, states: list[int]) -> None:
    """What trials say of words' maps: a line for the states of which they say the same."""
    trials, verdicts = (
        run_data.asked(key, query) for query in (map_queries.trials, map_queries.verdicts)
    )
    said: dict[str, list[str]] = {}
    tried = map_names.lines(verdicts, trials, "word")
    for state in states:
        if str(state) in tried:
            said.setdefault(tried[str(state)], []).append(f"Z^{state}")
    for line, of_states in said.items():
        plain_text.line(f"Maps of words in {', '.join(of_states)}: {line}", "small")


def _map(
    title: str, values: np.ndarray, scale: float, picture: bytes, grid: tuple[int, int]
) -> None:
    plain_text.line(title, "body")
    patches = np.maximum(maps.patch_map(values, grid), 0)
    ends = Scale(0.0, float(patches.max()) or 1.0, False)
    pixels = maps.blend(picture, patches, ends, opacity=maps.OPACITY, smooth=False, width=_WIDTH)
    top = divmod(int(patches.argmax()), grid[1])
    where = f"largest at row {top[0] + 1}, column {top[1] + 1}"
    st.image(maps.png(pixels), width="stretch", alt=f"Map of the word, {title}: {where}.")
    if not patches.any():
        plain_text.line("No patch speaks for the word here.", "small")
    else:
        plain_text.line(f"{patches.max() * scale:.3g} nats, {where}.", "small")


def _rank(rank: float) -> str:
    if pd.isna(rank):
        return ""
    return f"Like taking patches away: {rank:.2f} (rank correlation)."


def _points(points: pd.DataFrame, state: int, layer: int, run: dict[str, object]) -> str:
    here = {
        str(row["measure"]): (float(row["value"]), float(row["floor"]))
        for _, row in points[points["layer"] == state].iterrows()
    }
    if not here or layer != run["n_layers"]:
        return ""
    lies = "lies" if here["pointing"][0] == 1 else "does not lie"
    share, floor = here["mass"]
    return (
        f"It {lies} on the thing's mask; {share:.0%} of the map does, on {floor:.0%} of the "
        "picture."
    )


def _heads(row: pd.Series, heads: np.ndarray) -> None:
    """The heads that move the word most, each a way to its cell."""
    plain_text.line("Heads that move the word", "body")
    values = heads.astype(np.float32) * float(row["head_scale"])
    for cell in np.argsort(-np.abs(values), axis=None)[:_HEADS]:
        block, head = (int(n) for n in np.unravel_index(cell, values.shape))
        value = float(values[block, head])
        if value == 0:
            continue
        st.button(
            f"Layer {block + 1}, head {head}: {value:+.2g}",
            key=f"word-head-{block + 1}-{head}",
            type="tertiary",
            on_click=link.write,
            kwargs={"layer": str(block + 1), "head": str(head)},
        )
    plain_text.line(
        "Gradient of the word's log-probability in the head's scale, in nats: above 0 the head "
        "helps the word. An estimate.",
        "small",
    )
