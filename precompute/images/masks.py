"""Where things are seen in pictures: a folder of masks that somebody made (docs/maps.md)."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from precompute.images.item import ImageItem

TABLE = "things.csv"
_NAMES = ("word", "kind", "realm", "said")
"""Columns that name a thing; `word` must be there."""


@dataclass(frozen=True)
class Thing:
    """One thing in one picture.

    Attributes:
        value: of its pixels in the mask.
        names: what it may be called, lower case.
    """

    value: int
    names: frozenset[str]


@dataclass(frozen=True)
class Masks:
    """A folder of masks.

    Attributes:
        folder: with `IMAGE.png`, a mask a picture.
        things: name of a picture -> what is seen in it.
        sha256: of the table and the masks.
    """

    folder: Path
    things: Mapping[str, Sequence[Thing]]
    sha256: str

    def of(self, item: ImageItem) -> tuple[Sequence[Thing], NDArray[np.uint8]] | None:
        """The things of a picture and its mask; None if there is none.

        Raises:
            ValueError: the mask cannot be read.
        """
        for name in (item.image_id, PurePosixPath(item.source).stem):
            path = self.folder / f"{name}.png"
            if name in self.things and path.is_file():
                return self.things[name], _values(path)
        return None


def read_masks(folder: Path) -> Masks:
    """Read the table of a folder of masks.

    Raises:
        ValueError: there is none, it lacks a column, or a value is not in 1..255.
    """
    table = folder / TABLE
    if not table.is_file():
        raise ValueError(
            f"expected masks under [[datasets]] to be a folder with {TABLE} and a PNG a picture "
            f"(docs/maps.md); {table} does not exist."
        )
    things: dict[str, list[Thing]] = {}
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if lacking := {"image", "value", "word"} - set(rows.fieldnames or ()):
            raise ValueError(
                f"{table} must have the columns image, value, word; it lacks "
                f"{', '.join(sorted(lacking))}."
            )
        for n, row in enumerate(rows, 2):
            things.setdefault(row["image"], []).append(_thing(row, f"{table}, line {n}"))
    total = hashlib.sha256(table.read_bytes())
    for path in sorted(folder.glob("*.png")):
        total.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return Masks(folder, things, total.hexdigest())


def _thing(row: Mapping[str, Any], where: str) -> Thing:
    text = str(row["value"] or "").strip()
    if not (text.isdecimal() and 1 <= int(text) <= 255):
        raise ValueError(f"{where}, value: expected a number in 1..255; got {row['value']!r}.")
    names = frozenset(str(row.get(name) or "").strip().casefold() for name in _NAMES) - {""}
    return Thing(int(text), names)


def _values(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode not in ("L", "P"):
                raise ValueError(f"of mode {image.mode}")
            return np.asarray(image, np.uint8)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"expected {path} to be a PNG of one channel of 8 bits, whose values {TABLE} explains; "
            f"got: {error}."
        ) from error
