"""Where a picture's bytes come from: a file, a zip, a parquet shard.

Read when asked for, one at a time; every reader can be pickled, so that another process may read.
"""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from precompute.images.item import UnreadableImage

Read = Callable[[], bytes]

IMAGE = "image"
"""The column of pictures in Hugging Face's parquet files: a struct of `bytes` and `path`."""
_BYTES = (pa.binary(), pa.large_binary())
_TEXTS = (pa.string(), pa.large_string(), pa.null())


def file_reader(path: Path, source: str) -> Read:
    """The `read` of a picture that lies in a file of its own.

    Args:
        path: the file.
        source: what messages call it.
    """
    return partial(_read_file, path, source)


def zip_reader(archive: Path, member: str, source: str) -> Read:
    """The `read` of a picture in a zip file."""
    return partial(_read_member, archive, member, source)


def parquet_rows(
    root: Path, shard: Path, columns: Sequence[str]
) -> Iterator[tuple[dict[str, Any], str, Read]]:
    """The rows of a shard, without their pictures, each with the `read` of its picture.

    Args:
        root: the data set's folder.
        shard: a parquet file in it with the column `image`, a struct of `bytes` and `path`.
        columns: what to read beside the pictures' paths, where the file has it.

    Yields:
        The row, in which `image` is the path that the picture had, or None; where the row is, in
        words; and its reader, which holds one row group in memory at a time.
    """
    there = [name for name in columns if name in _schema(shard).names]
    name = shard.relative_to(root).as_posix()
    number = 0
    for group in range(_of_shard(shard, pq.read_metadata).num_row_groups):
        for k, row in enumerate(_of_shard(shard, _light_rows, group, there)):
            source = f"{name}/{number}"
            path = (row[IMAGE] or {}).get("path")
            yield {**row, IMAGE: path}, source, partial(_read_cell, shard, group, k, source)
            number += 1


def has_pictures(shard: Path) -> bool:
    """Whether a parquet file has a column `image` of `bytes` and `path`.

    Raises:
        ValueError: it is no parquet file.
    """
    schema = _schema(shard)
    if IMAGE not in schema.names or not pa.types.is_struct(schema.field(IMAGE).type):
        return False
    parts = {part.name: part.type for part in schema.field(IMAGE).type}
    return parts.get("bytes") in _BYTES and parts.get("path") in _TEXTS


def shards(path: Path, split: str) -> list[Path]:
    """The parquet files of a split, by name, in a folder or its folder `data` or of the split.

    Args:
        path: the folder.
        split: `test` or `validation`; its first three letters are what names begin with. Files
            that name no split at all count, where none names this one.
    """
    there = {f for inner in (".", "data", split) for f in (path / inner).glob("*.parquet")}
    named = [file for file in there if file.name.startswith(split[:3])]
    others = [f for f in there if not f.name.startswith(("train", "test", "val"))]
    return sorted(named or others)


def listing(path: Path, count: int = 5) -> str:
    """The first names in a folder, for a message that says what was found."""
    return shortened(sorted(entry.name for entry in path.iterdir()), count)


def shortened(names: Sequence[str], count: int = 5) -> str:
    """The first names of many, or `nothing`."""
    return ", ".join(names[:count]) + (" ..." if len(names) > count else "") or "nothing"


def _schema(shard: Path) -> pa.Schema:
    schema: pa.Schema = _of_shard(shard, pq.read_schema)
    return schema


def _light_rows(shard: Path, group: int, columns: Sequence[str]) -> list[dict[str, Any]]:
    table = pq.ParquetFile(shard).read_row_group(group, columns=[*columns, f"{IMAGE}.path"])
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _of_shard(shard: Path, read: Callable[..., Any], *values: object) -> Any:
    """What is read of a parquet file; errors name it, as the library's do not."""
    try:
        return read(shard, *values)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ValueError(
            f"{shard}: expected a parquet file; {error}. Download it again, or remove it."
        ) from error


def _read_file(path: Path, source: str) -> bytes:
    if ".." in Path(source).parts or Path(source).is_absolute():
        raise UnreadableImage(source, "the name leads out of the data set's folder")
    try:
        if not path.exists() or path.is_file():  # a pipe would be waited for
            return path.read_bytes()
    except OSError as error:
        raise UnreadableImage(source, error.strerror or str(error)) from error
    except ValueError as error:
        raise UnreadableImage(source, "no file can have this name") from error
    raise UnreadableImage(source, "it is no file")


def _read_member(archive: Path, member: str, source: str) -> bytes:
    try:
        with zipfile.ZipFile(archive) as file:
            return file.read(member)
    except KeyError as error:
        raise UnreadableImage(source, f"{archive.name} has no {member}") from error
    except Exception as error:  # damaged, locked, packed in a way that is not known here ...
        raise UnreadableImage(source, str(error)) from error


def _read_cell(shard: Path, group: int, row: int, source: str) -> bytes:
    try:
        content = _row_group(shard, group)[row].as_py()
    except (OSError, pa.ArrowException) as error:
        raise UnreadableImage(source, str(error)) from error
    if content is None:
        raise UnreadableImage(source, "the row has no bytes")
    return bytes(content)


@lru_cache(maxsize=2)  # pictures are read in order: the group at hand, and the one it runs into
def _row_group(shard: Path, group: int) -> pa.ChunkedArray:
    column = pq.ParquetFile(shard).read_row_group(group, columns=[f"{IMAGE}.bytes"])[IMAGE]
    return pa.chunked_array([chunk.field("bytes") for chunk in column.chunks])
