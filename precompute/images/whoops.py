"""WHOOPS: pictures that defy common sense, with five crowd captions each.

Layouts: the image folder of since late 2024 (`test/metadata.csv` and the pictures), the older
`whoops_dataset.csv` with its zip, parquet, and whatever the hub has. Ids and references are equal.
"""

import csv
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from precompute.images import hub
from precompute.images.image_set import ImageSet, UnknownLayout, image_set
from precompute.images.item import ImageItem
from precompute.images.sources import (
    IMAGE,
    Read,
    file_reader,
    has_pictures,
    listing,
    parquet_rows,
    shards,
    zip_reader,
)

METADATA = "metadata.csv"
OLD_CSV = "whoops_dataset.csv"
OLD_FOLDER = "whoops_images"
SPLIT = "test"
_CAPTIONS = "crowd_captions"
_COLUMNS = (
    "image_id",
    _CAPTIONS,
    "selected_caption",
    "commonsense_category",
    "designer_explanation",
    "question_answering_pairs",
)


def load(path: Path) -> ImageSet:
    """List the pictures, in the order of their metadata.

    Args:
        path: the data set's folder; of an image folder, the folder `test` will do.

    Raises:
        UnknownLayout: if it is none of the layouts, or the metadata lack a column.
        ValueError: a list column that cannot be read.
    """
    folders = [folder for folder in (path / SPLIT, path) if (folder / METADATA).is_file()]
    if folders:
        return image_set(_image_folder(path, folders[0]), f"image folder ({METADATA})", path)
    if (path / OLD_CSV).is_file():
        archive = path / f"{OLD_FOLDER}.zip"
        if (path / OLD_FOLDER).is_dir():
            return image_set(_old_folder(path), f"{OLD_CSV} and {OLD_FOLDER}/", path)
        if archive.is_file():
            return image_set(_old_zip(path, archive), f"{OLD_CSV} and {archive.name}", path)
        raise _unknown(path, f"{archive.name} or {OLD_FOLDER}/ beside {OLD_CSV}", listing(path))
    if files := [shard for shard in shards(path, SPLIT) if has_pictures(shard)]:
        return image_set(_parquet(path, files), f"{len(files)} parquet files", path)
    expected = f"a file {SPLIT}/{METADATA}, or {OLD_CSV} with {OLD_FOLDER}.zip, or *.parquet"
    raise _unknown(path, expected, listing(path))


def load_hub(name: str) -> ImageSet:
    """List the pictures of a data set on the hub, such as `nlphuji/whoops`.

    Raises:
        HubRefused: the hub does not give it.
        UnknownLayout: it lacks a column.
    """
    rows = hub.rows(hub.Split(name, SPLIT), _COLUMNS)
    items = [item_from_row(row, row[IMAGE], source, read, name) for row, source, read in rows]
    return image_set(items, f"{name} of the hub, split {SPLIT}", name)


def item_from_row(
    row: Mapping[str, Any], file: str | None, source: str, read: Read, where: Path | str
) -> ImageItem:
    """Make an item of one row of WHOOPS, whatever layout the row came from.

    Args:
        row: column -> value; lists as lists or as JSON strings.
        file: the picture's file name, whose stem is the id where the row has none.
        source: where the picture is, in the data set.
        read: gives its bytes.
        where: the data set, for messages.
    """
    if _CAPTIONS not in row:
        raise _unknown(where, f"the column {_CAPTIONS}", ", ".join(sorted(row)))
    captions = tuple(text for text in as_list(row[_CAPTIONS], _CAPTIONS) if text)
    selected = row.get("selected_caption")
    pairs = as_list(row.get("question_answering_pairs"), "question_answering_pairs")
    image_id = row.get("image_id") or (Path(file).stem if file else None)
    if not image_id:
        raise _unknown(where, "an image_id or a file name in every row", f"neither, in {source}")
    return ImageItem(
        image_id=image_id,
        source=source,
        read=read,
        # The crowd's captions are what published scores are computed against.
        references=captions or ((selected,) if selected else ()),
        category=row.get("commonsense_category") or None,
        explanation=row.get("designer_explanation") or None,
        questions=tuple((q, a) for q, a in pairs),
    )


def as_list(value: Any, column: str = "the column") -> list[Any]:
    """Read a list column, which arrives as a list, as a JSON string, or empty.

    >>> as_list('["a", "b"]'), as_list(["a"]), as_list("")
    (['a', 'b'], ['a'], [])

    Raises:
        ValueError: anything else.
    """
    if value is None or value == "":
        return []
    try:
        read = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        read = None
    if not isinstance(read, list | tuple):
        raise ValueError(
            f'{column} must be a list, or one in JSON such as ["a", "b"]; got {value!r:.80}. '
            "Download the file again, or write the column with json.dumps."
        )
    return list(read)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise _unknown(path, "rows", "none")
    return rows


def _image_folder(root: Path, folder: Path) -> Iterator[ImageItem]:
    for row in _rows(folder / METADATA):
        if "file_name" not in row:
            raise _unknown(root, f"the column file_name in {METADATA}", ", ".join(sorted(row)))
        source = (folder.relative_to(root) / row["file_name"]).as_posix()
        read = file_reader(root / source, source)
        yield item_from_row(row, row["file_name"], source, read, root)


def _old_folder(root: Path) -> Iterator[ImageItem]:
    for row in _rows(root / OLD_CSV):
        source = f"{OLD_FOLDER}/{_image_id(row, root)}.png"
        yield item_from_row(row, source, source, file_reader(root / source, source), root)


def _old_zip(root: Path, archive: Path) -> Iterator[ImageItem]:
    try:
        with zipfile.ZipFile(archive) as file:
            # Whoever zipped it again may have left out the folder: pictures are found by name.
            members = {Path(member).name: member for member in file.namelist()}
    except zipfile.BadZipFile as error:
        raise _unknown(root, f"a zip file {archive.name}", str(error)) from error
    for row in _rows(root / OLD_CSV):
        name = f"{_image_id(row, root)}.png"
        member = members.get(name, f"{OLD_FOLDER}/{name}")
        source = f"{archive.name}/{member}"
        yield item_from_row(row, name, source, zip_reader(archive, member, source), root)


def _parquet(root: Path, files: list[Path]) -> Iterator[ImageItem]:
    for shard in files:
        for row, source, read in parquet_rows(root, shard, _COLUMNS):
            yield item_from_row(row, row[IMAGE], source, read, root)


def _image_id(row: Mapping[str, str], root: Path) -> str:
    if not row.get("image_id"):
        raise _unknown(root, f"an image_id in every row of {OLD_CSV}", ", ".join(sorted(row)))
    return row["image_id"]


def _unknown(path: Path | str, expected: str, got: str) -> UnknownLayout:
    remedy = "Download the data set `nlphuji/whoops` as a folder and name that folder, or its "
    return UnknownLayout("WHOOPS", path, expected, got, remedy + "name: hub:nlphuji/whoops.")
