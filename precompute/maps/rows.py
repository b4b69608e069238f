"""Rows and arrays of what was found of words and of maps."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from precompute.config import WordMapsConfig
from precompute.maps import localise
from precompute.maps.follow import Followed, Said, rank_of
from precompute.models import VisionTower
from precompute.runner import Row
from store.parts import word_maps


def word_rows(caption: Said, found: Sequence[Followed]) -> list[Row]:
    """Rows of `word` of one caption."""
    return [
        {
            "image_id": caption.image_id,
            "layer": caption.layer,
            "word": n,
            "text": word.text,
            "begins": word.first,
            "ends": word.end,
            "logprob": one.logprob,
            "head_scale": _largest(one.heads),
            "deletion_scale": None if one.deletion is None else _largest(one.deletion),
        }
        for n, (word, one) in enumerate(zip(caption.words, found, strict=True))
    ]


def map_rows(
    caption: Said,
    found: Sequence[Followed],
    at: Sequence[int],
    tower: VisionTower,
    wanted: WordMapsConfig,
) -> list[Row]:
    """Rows of `word_map` of one caption: a word and state, up to the caption's own."""
    return [
        {
            "image_id": caption.image_id,
            "layer": caption.layer,
            "word": n,
            "state": state,
            "scale": _largest(one.maps[k]),
            "rank": None
            if one.deletion is None
            else rank_of(tower.patches(one.maps[k]), one.deletion, tower.grid, wanted.groups),
        }
        for n, one in enumerate(found)
        for k, state in enumerate(at)
        if state <= caption.layer
    ]


def point_rows(
    caption: Said,
    found: Sequence[Followed],
    at: Sequence[int],
    tower: VisionTower,
    things: Sequence[localise.Target],
) -> list[Row]:
    """Rows of `map_score`: how well the maps of a final caption's words point at their things."""
    words = [word.text for word in caption.words]
    rows = []
    for thing in things:
        maps = found[words.index(thing.word)].maps
        for k, state in enumerate(at):
            scores = localise.scores(tower.patches(maps[k]).double().numpy(), thing.patches)
            rows += [
                score_row(
                    caption.image_id, state, "word", name, value, thing.patches.mean(),
                    word=thing.word,
                )
                for name, value in scores.items()
            ]  # fmt: skip
    return rows


def score_row(
    image_id: str,
    layer: int,
    kind: str,
    measure: str,
    value: float,
    floor: float | None,
    *,
    fill: str = "",
    word: str = "",
    blocks: int = 0,
) -> Row:
    """A row of `map_score`."""
    return {
        "image_id": image_id,
        "layer": layer,
        "map": kind,
        "measure": measure,
        "fill": fill,
        "word": word,
        "blocks": blocks,
        "value": value,
        "floor": None if floor is None else float(floor),
    }


def kept(caption: Said, n: int, one: Followed, tower: VisionTower) -> word_maps.WordRow:
    """A word as it is kept: every map as a share of its largest absolute value."""
    deletion = torch.zeros(tower.n_tokens)
    if one.deletion is not None:
        deletion[int(tower.class_token) :] = one.deletion
    return word_maps.WordRow(
        caption.layer,
        n,
        _shares(one.maps, one.maps.abs().amax(1, keepdim=True)),
        _shares(one.heads, one.heads.abs().max()),
        _shares(deletion, deletion.abs().max()),
    )


def _shares(values: Tensor, scale: Tensor) -> NDArray[np.float32]:
    shares: NDArray[np.float32] = (values / torch.where(scale > 0, scale, 1)).numpy()
    return shares


def _largest(values: Tensor) -> float:
    return float(values.abs().max())
