"""Which patches and heads carry each word of some captions: one HDF5 file a part, a row a word.

Every map is kept as a share of its largest absolute value, which the tables `word` and `word_map`
have: gradients may be smaller than float16 can tell from 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from store.parts.hdf5 import open_file
from store.parts.new_file import NewFile
from store.parts.tensors import to_half

STAGE = "word_maps"
FILE_NAME = "word_maps.h5"
_FIELDS = ("maps", "heads", "deletion")
Array = NDArray[Any]


@dataclass(frozen=True)
class WordRow:
    """The maps of one word, each within -1..1.

    Attributes:
        layer: whose caption the word stands in.
        word: its number among the caption's content words, from 0.
        maps: [at, token], gradient times state in each of the file's layers; 0 above `layer`, and
            at CLS.
        heads: [L, H], the gradient in the scale of every head.
        deletion: [token], what taking the group of each patch away takes from the word's
            log-probability; 0 where it was not done, and at CLS.
    """

    layer: int
    word: int
    maps: Array
    heads: Array
    deletion: Array


@dataclass(frozen=True)
class WordMaps:
    """The words of one caption.

    Attributes:
        at: the layers of `maps`.
        words: of `word` in the tables, in order.
        maps: float16 [at, word, token].
        heads: float16 [word, L, H].
        deletion: float16 [word, token].
    """

    at: list[int]
    words: list[int]
    maps: Array
    heads: Array
    deletion: Array


def write(
    path: Path,
    at: list[int],
    shapes: tuple[int, int, int],
    rows: Iterable[tuple[str, WordRow]],
) -> None:
    """Write a part's words; one at a time is in memory.

    Args:
        path: the file to make.
        at: the layers of the maps.
        shapes: tokens, L and H.
        rows: image_id and its words.

    Raises:
        RowsRefused: another shape, or a value that is not finite.
        OSError: the disk is full.
    """
    tokens, *heads = shapes
    of_field = {"maps": (len(at), tokens), "heads": tuple(heads), "deletion": (tokens,)}
    with NewFile(path) as file:
        file.create_dataset("at", data=np.asarray(at, np.int32))
        for name, kind in (("image_id", h5py.string_dtype()), ("layer", "i4"), ("word", "i4")):
            file.create_dataset(name, shape=(0,), maxshape=(None,), dtype=kind)
        for name, shape in of_field.items():
            file.create_dataset(
                name, shape=(0, *shape), maxshape=(None, *shape), chunks=(1, *shape), dtype="f2"
            )
        for n, (image_id, row) in enumerate(rows):
            what = f"word {row.word} of {image_id}"
            arrays = {
                name: to_half(getattr(row, name), shape, f"{name} of {what}")
                for name, shape in of_field.items()
            }
            for name, value in {
                "image_id": image_id, "layer": row.layer, "word": row.word, **arrays
            }.items():  # fmt: skip
                file[name].resize(n + 1, axis=0)
                file[name][n] = value
            file.require_written()


def read(path: Path, image_id: str, layer: int) -> WordMaps | None:
    """The maps of one caption's words; None if the file does not have them.

    Args:
        path: a part's file.
        image_id: the image.
        layer: whose caption.

    Raises:
        ImageNotFound: no such file.
        PartDamaged: it cannot be read.
    """
    with open_file(path) as file:
        ids, layers = file["image_id"].asstr()[:], file["layer"][:]
        rows = np.flatnonzero((ids == image_id) & (layers == layer))
        if not len(rows):
            return None
        arrays = {name: file[name][rows] for name in _FIELDS}
        at, words = file["at"][:].tolist(), file["word"][rows].tolist()
    arrays["maps"] = arrays["maps"].swapaxes(0, 1)
    return WordMaps(at, words, **arrays)
