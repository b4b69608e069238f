"""WHOOPS: pictures that defy common sense, with five crowd captions each.

The layout since late 2024: a folder `test` with `metadata.csv` and the pictures.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from precompute.images.item import ImageItem, UnknownLayout, file_reader

METADATA = "metadata.csv"
_COLUMNS = {"file_name", "crowd_captions"}


def load(path: Path) -> Sequence[ImageItem]:
    """List the pictures of an image folder, in the order of their metadata.

    Args:
        path: The folder that holds `test/metadata.csv`, or the folder `test` itself.

    Raises:
        UnknownLayout: If there is no metadata, or it lacks a column.
    """
    found = [folder for folder in (path / "test", path) if (folder / METADATA).is_file()]
    if not found:
        raise _unknown(path, f"a file test/{METADATA}", _listing(path))
    with (found[0] / METADATA).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = set(rows[0]) if rows else set()
    if not columns >= _COLUMNS:
        expected = f"the columns {', '.join(sorted(_COLUMNS))} in {METADATA}"
        raise _unknown(path, expected, ", ".join(sorted(columns)) or "no rows")
    return tuple(item_from_row(row, path, found[0]) for row in rows)


def item_from_row(row: Mapping[str, Any], root: Path, folder: Path) -> ImageItem:
    """Make an item of one row of WHOOPS, whatever layout the row came from.

    Args:
        row: Column -> value; lists as lists or as JSON strings.
        root: The data set's folder, to which `source` is relative.
        folder: The folder in which `file_name` lies.
    """
    path = folder / row["file_name"]
    source = path.relative_to(root).as_posix()
    captions = tuple(text for text in as_list(row["crowd_captions"]) if text)
    selected = row.get("selected_caption")
    return ImageItem(
        image_id=row.get("image_id") or path.stem,
        source=source,
        read=file_reader(path, source),
        # The crowd's captions are what published scores are computed against.
        references=captions or ((selected,) if selected else ()),
        category=row.get("commonsense_category") or None,
        explanation=row.get("designer_explanation") or None,
        questions=tuple((q, a) for q, a in as_list(row.get("question_answering_pairs"))),
    )


def as_list(value: Any) -> list[Any]:
    """Read a list column, which arrives as a list, as a JSON string, or empty.

    >>> as_list('["a", "b"]'), as_list(["a"]), as_list("")
    (['a', 'b'], ['a'], [])
    """
    if value is None or value == "":
        return []
    read = json.loads(value) if isinstance(value, str) else value
    return list(read)


def _listing(path: Path) -> str:
    names = sorted(entry.name for entry in path.iterdir())
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "") if names else "nothing"


def _unknown(path: Path, expected: str, found: str) -> UnknownLayout:
    remedy = "Download the data set `nlphuji/whoops` as a folder and name that folder."
    return UnknownLayout("WHOOPS", path, expected, found, remedy)
