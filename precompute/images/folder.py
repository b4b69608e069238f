"""Any folder of pictures, with or without captions in a CSV or JSONL file beside them."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from precompute.images.image_set import ImageSet, UnknownLayout, image_set
from precompute.images.item import ImageItem
from precompute.images.sources import file_reader, listing

CAPTION_FILES = ("captions.csv", "captions.jsonl", "metadata.csv", "metadata.jsonl")
FILE, CAPTIONS = "file_name", ("caption", "captions", "text")
"""Columns of such a file; several rows of one picture add up, and so do lists."""

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


def load(path: Path, files: Sequence[str] = ()) -> ImageSet:
    """List the pictures of a folder and of the folders in it, by name.

    The id is the path within the folder, `cats/tom.jpg`; of files that are named one by one, and
    whose names all differ, the name.

    Args:
        path: the folder.
        files: only these of it; all pictures, and all that have captions, if none are named.

    Raises:
        UnknownLayout: there are no pictures, or the file of captions lacks a column.
    """
    captions = _captions(path)
    names = set(files) or {*_pictures(path), *captions}
    if not names:
        expected = f"pictures ({', '.join(sorted(SUFFIXES))})"
        raise _unknown(path, expected, listing(path), "Name the folder that holds them.")
    short = len({Path(name).name for name in files}) == len(names)
    items = [
        ImageItem(
            image_id=Path(name).name if short else name,
            source=name,
            read=file_reader(path / name, name),
            references=tuple(captions.get(name, ())),
        )
        for name in sorted(names)
    ]
    with_captions = f"captions for {sum(bool(i.references) for i in items)}" if captions else ""
    return image_set(items, f"a folder of pictures, {with_captions or 'no captions'}", path)


def _pictures(path: Path) -> Iterator[str]:
    for file in path.rglob("*"):
        inner = file.relative_to(path)
        if file.suffix.lower() in SUFFIXES and not any(p.startswith(".") for p in inner.parts):
            yield inner.as_posix()


def _captions(path: Path) -> dict[str, list[str]]:
    """Picture -> its captions, from the first file of `CAPTION_FILES` that is there."""
    got: dict[str, list[str]] = {}
    for file in (path / name for name in CAPTION_FILES):
        if not file.is_file():
            continue
        for row in _rows(file):
            column = next((name for name in CAPTIONS if name in row), None)
            if FILE not in row or column is None:
                raise _unknown(
                    path,
                    f"the columns {FILE} and one of {', '.join(CAPTIONS)} in {file.name}",
                    ", ".join(sorted(row)),
                    "Rename the columns, or the file if it is not meant.",
                )
            name = Path(row[FILE]).as_posix()
            got.setdefault(name, []).extend(t for t in _texts(row[column]) if t)
        break
    return got


def _rows(file: Path) -> Iterable[Mapping[str, Any]]:
    with file.open(newline="", encoding="utf-8-sig") as lines:
        if file.suffix == ".csv":
            yield from csv.DictReader(lines)
            return
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _object(file, number, line)


def _object(file: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{file}, line {number}: expected a JSON object; {error}.") from error
    if not isinstance(row, dict):
        raise ValueError(f"{file}, line {number}: expected a JSON object; got {line.strip()!r:.80}")
    return row


def _texts(value: Any) -> list[str]:
    """One caption, a list of them, or such a list in JSON."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return [value]  # a caption that begins with a bracket
    return [str(text) for text in value] if isinstance(value, list) else [value or ""]


def _unknown(path: Path, expected: str, got: str, remedy: str) -> UnknownLayout:
    return UnknownLayout("a folder of pictures", path, expected, got, remedy)
