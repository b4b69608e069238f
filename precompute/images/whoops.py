"""WHOOPS: pictures that defy common sense, with five crowd captions each.

Layouts: the image folder of since late 2024 (`test/metadata.csv` and the pictures), the older
`whoops_dataset.csv` with its zip, parquet, and whatever the hub has. Ids and references are equal.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from precompute.images import hub
from precompute.images.files import files_below, files_in
from precompute.images.image_set import ImageSet, UnknownLayout, image_set
from precompute.images.item import ImageItem
from precompute.images.metadata import Line, read_csv
from precompute.images.names import finder
from precompute.images.rows import WhoopsRow, checked
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
    items = [item_from_row(row, row[IMAGE], source, read, source) for row, source, read in rows]
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
        where: where the row stands, for messages.

    Raises:
        UnknownLayout: it has no captions, or nothing to name it by.
        ValueError: a column holds something else than it should.
    """
    if _CAPTIONS not in row:
        raise _unknown(where, f"the column {_CAPTIONS}", ", ".join(sorted(row)))
    known = checked(WhoopsRow, row, str(where))
    image_id = known.image_id or (Path(file).stem if file else None)
    if not image_id:
        raise _unknown(where, "an image_id or a file name in every row", "neither")
    selected = known.selected_caption
    return ImageItem(
        image_id=image_id,
        source=source,
        read=read,
        # The crowd's captions are what published scores are computed against.
        references=known.crowd_captions or ((selected,) if selected else ()),
        category=known.commonsense_category,
        explanation=known.designer_explanation,
        questions=known.question_answering_pairs,
    )


def _rows(path: Path) -> Sequence[Line]:
    lines = read_csv(path).lines
    if not lines:
        raise _unknown(path, "rows", "none")
    return lines


def _image_folder(root: Path, folder: Path) -> Iterator[ImageItem]:
    find = finder(files_below(folder))
    for where, row in _rows(folder / METADATA):
        name = Path(_cell(row, "file_name", where)).as_posix()
        source = (folder.relative_to(root) / (find(name) or name)).as_posix()
        yield item_from_row(row, name, source, file_reader(root / source, source), where)


def _old_folder(root: Path) -> Iterator[ImageItem]:
    find = finder(files_in(root / OLD_FOLDER))
    for where, row in _rows(root / OLD_CSV):
        name = f"{_cell(row, 'image_id', where)}.png"
        source = f"{OLD_FOLDER}/{find(name) or name}"
        yield item_from_row(row, name, source, file_reader(root / source, source), where)


def _old_zip(root: Path, archive: Path) -> Iterator[ImageItem]:
    try:
        with zipfile.ZipFile(archive) as file:
            # Whoever zipped it again may have left out the folder: pictures are found by name.
            members = {Path(member).name: member for member in file.namelist()}
    except zipfile.BadZipFile as error:
        raise _unknown(root, f"a zip file {archive.name}", str(error)) from error
    find = finder(members)
    for where, row in _rows(root / OLD_CSV):
        name = f"{_cell(row, 'image_id', where)}.png"
        member = members[there] if (there := find(name)) else f"{OLD_FOLDER}/{name}"
        source = f"{archive.name}/{member}"
        yield item_from_row(row, name, source, zip_reader(archive, member, source), where)


def _parquet(root: Path, files: list[Path]) -> Iterator[ImageItem]:
    for shard in files:
        for row, source, read in parquet_rows(root, shard, _COLUMNS):
            yield item_from_row(row, row[IMAGE], source, read, root / source)


def _cell(row: Mapping[str, str], column: str, where: str) -> str:
    """A cell that no row can do without."""
    if not row.get(column, "").strip():
        raise _unknown(where, f"the column {column} with a text", ", ".join(sorted(row)))
    return row[column].strip()


def _unknown(path: Path | str, expected: str, got: str) -> UnknownLayout:
    remedy = "Download the data set `nlphuji/whoops` as a folder and name that folder, or its "
    return UnknownLayout("WHOOPS", path, expected, got, remedy + "name: hub:nlphuji/whoops.")
