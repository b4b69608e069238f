"""Pairs of pictures from a folder with pairs.csv.

A line a pair, under a line of names:

    pair,changed,file_a,file_b,caption_a,caption_b

`file_a` and `file_b` are pictures of the folder and have to be there; `pair` is a name, or else the
line's number; `changed` what differs, in a word; the captions what one would say of each. The two
should differ in one thing alone: only then does what is put over carry that thing.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from precompute.images import ImageItem, file_reader, read_csv

FILE = "pairs.csv"


@dataclass(frozen=True)
class Pair:
    """Two pictures that differ in one thing.

    Attributes:
        name: of the pair.
        a: the one.
        b: the other.
        changed: what differs, if it is said.
        captions: of both, if they are said.
    """

    name: str
    a: ImageItem
    b: ImageItem
    changed: str | None
    captions: tuple[str | None, str | None]


def read_pairs(folder: Path, n: int | None = None) -> list[Pair]:
    """The pairs of a folder, in the order of its file; opens no picture.

    Args:
        folder: with pairs.csv and the pictures.
        n: only the first so many.

    Raises:
        ValueError: there is no such file, no line in it, a picture is not there, or a name twice.
    """
    file = folder / FILE
    if not file.is_file():
        raise ValueError(f"expected {file}, a line a pair of pictures; it is not there.")
    sheet = read_csv(file, one_line=True)
    if not {"file_a", "file_b"} <= {*sheet.columns}:
        raise ValueError(
            f"{file}, line 1: expected the columns file_a and file_b; got "
            f"{', '.join(sheet.columns)}."
        )
    pairs = []
    for number, (where, row) in enumerate(sheet.lines, 1):
        for name in ("file_a", "file_b"):
            if not row.get(name) or not (folder / row[name]).is_file():
                raise ValueError(
                    f"{where}: expected {name} to be a picture; got {row.get(name)!r}."
                )
        a, b = (
            ImageItem(row[name], row[name], file_reader(folder / row[name], row[name]))
            for name in ("file_a", "file_b")
        )
        captions = row.get("caption_a") or None, row.get("caption_b") or None
        pairs.append(
            Pair(row.get("pair") or str(number), a, b, row.get("changed") or None, captions)
        )
    names = [pair.name for pair in pairs]
    if not pairs or len(set(names)) < len(names):
        raise ValueError(f"{file}: expected one pair at least, and names that differ; got {names}.")
    return pairs[:n]


def sha256(pairs: list[Pair]) -> str:
    """One hash over the names, words and pictures of pairs."""
    total = hashlib.sha256()
    for pair in pairs:
        total.update(repr((pair.name, pair.changed, pair.captions)).encode())
        for item in (pair.a, pair.b):
            total.update(hashlib.sha256(item.read()).digest())
    return total.hexdigest()
