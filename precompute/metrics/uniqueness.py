"""Whether anybody else has the caption: what captions of nothing in the picture are not."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from precompute.metrics.metric import Score
from store.parts import Part, iter_tables
from store.text import normalise


def shared_captions(captions: Iterable[Part]) -> set[int]:
    """Captions that several images share: keys of condition, layer and normalised text.

    While it counts, it holds 8 bytes a caption of the data set, and no text.
    """
    pieces = [np.array([], np.uint64)]
    for _, table in iter_tables(captions, "caption"):
        columns = (table[name].to_pylist() for name in ("text", "condition_id", "layer"))
        rows = zip(*columns, strict=True)
        keys = [_key(text or "", place, str(layer)) for text, place, layer in rows]
        pieces.append(np.array(keys, np.uint64))
    different, times = np.unique(np.concatenate(pieces), return_counts=True)
    return {int(key) for key in different[times > 1]}


def open_uniqueness(captions: Iterable[Part]) -> Score:
    """1 where no other image has the same normalised caption at this layer, else 0."""
    shared = shared_captions(captions)

    def score(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        return [
            float(_key(text, *place) not in shared)
            for text, place in zip(texts, references, strict=True)
        ]

    return score


def _key(text: str, condition: str, layer: str) -> int:
    # 64 bits: among a hundred million captions, one pair in a few thousand runs collides.
    content = "\0".join((normalise(text), condition, layer)).encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest())
