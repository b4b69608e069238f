"""Reading parts: what is committed, and the rows inside."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from store.disk import file_sha256, manifests, read_json, require_plain
from store.errors import PartDamaged, SchemaTooNew
from store.parts.tables import table_named
from store.schema import SCHEMA_VERSION, lacking


@dataclass(frozen=True)
class Part:
    """A committed part.

    Attributes:
        path: its folder.
        name: its name in its stage.
        manifest: its part.json: schema_version, stage, name, created_at, writer, expects, meta,
            files (name -> rows, bytes, sha256).
    """

    path: Path
    name: str
    manifest: dict[str, Any]

    @property
    def id(self) -> str:
        """Stage folder and name, as table `image` has it in column `part`."""
        return f"{self.path.parent.name}/{self.name}"

    @property
    def rows(self) -> dict[str, int]:
        """Table -> number of rows, for the tables the part has."""
        return {
            file.removesuffix(".parquet"): info["rows"]
            for file, info in self.manifest["files"].items()
            if file.endswith(".parquet")
        }


def read_part(path: Path) -> Part:
    """A committed part.

    Raises:
        PartDamaged: no part.json, or not one.
        RunRefused: the part, or a file of it, is a link.
    """
    try:
        manifest = read_json(require_plain(path) / "part.json", manifests.PartJson)
        for name in manifest["files"]:
            require_plain(path / name)
        return Part(path, path.name, manifest)
    except (OSError, ValueError) as error:
        raise PartDamaged(
            f"{path} must be a part with its part.json; got: {error!r}. If it is still being "
            "copied, wait; else remove that folder and run again."
        ) from error


def has_part(stage: Path, name: str) -> bool:
    """Whether a part is committed."""
    return (Path(stage) / name / "part.json").is_file()


def list_parts(stage: Path) -> list[Part]:
    """The committed parts of a stage, by name; none if the folder is not there.

    Raises:
        PartDamaged: a folder that is no part.
    """
    stage = require_plain(Path(stage))
    if not stage.is_dir():
        return []
    names = sorted(p for p in stage.iterdir() if p.is_dir() and not p.name.startswith("."))
    return [read_part(path) for path in names]


def check_sizes(part: Part) -> None:
    """Quick look at a part: its files are there, in full length.

    Raises:
        PartDamaged: naming the file.
    """
    for name, info in part.manifest["files"].items():
        path = part.path / name
        size = path.stat().st_size if path.is_file() else None
        if size != info["bytes"]:
            got = "no such file" if size is None else f"{size}"
            raise PartDamaged(
                f"{path} must have {info['bytes']} bytes; got {got}. Remove the folder {part.id} "
                "and run again, or restore it from a copy."
            )


def verify_part(part: Part) -> list[str]:
    """Read and hash a part again.

    Returns:
        What is wrong, a sentence each; empty if nothing is.
    """
    problems = []
    for name, info in part.manifest["files"].items():
        path = part.path / name
        try:
            if (size := path.stat().st_size) != info["bytes"]:
                problems.append(f"{part.id}/{name}: expected {info['bytes']} bytes, got {size}")
            elif file_sha256(path) != info["sha256"]:
                problems.append(f"{part.id}/{name}: sha256 differs from part.json")
            elif name.endswith(".parquet"):
                rows = pq.read_table(path, partitioning=None).num_rows
                if rows != info["rows"]:
                    problems.append(f"{part.id}/{name}: expected {info['rows']} rows, got {rows}")
        except (OSError, pa.ArrowException) as error:
            problems.append(f"{part.id}/{name}: {error}")
    return problems


def is_readable(part: Part) -> bool:
    """Whether a part is of this schema or of one before it; there is none before the first."""
    return 1 <= int(part.manifest["schema_version"]) <= SCHEMA_VERSION


def check_version(part: Part) -> None:
    """Refuse a part of a schema that this program does not know.

    Raises:
        SchemaTooNew: naming both versions.
    """
    if not is_readable(part):
        raise SchemaTooNew(
            f"part {part.path} must be of schema version 1 to {SCHEMA_VERSION}; got "
            f"{part.manifest['schema_version']}. Update this program."
        )


def require_columns(part: Part, table: str, there: Iterable[str]) -> tuple[str, ...]:
    """Refuse a table with other columns than its part's version has.

    Args:
        part: the part.
        table: the table's name.
        there: the columns of its file.

    Returns:
        The columns that came after the part was written: NULL in all its rows.

    Raises:
        PartDamaged: naming both.
        SchemaTooNew: see `check_version`.
    """
    check_version(part)
    later = lacking(table, part.manifest["schema_version"])
    expected = [column for column in table_named(table).columns if column not in later]
    if (got := list(there)) != expected:
        raise PartDamaged(
            f"{part.id}/{table}.parquet must have the columns {', '.join(expected)}; got "
            f"{', '.join(got)}. Remove the part and run again."
        )
    return later


def _read(part: Part, table: str) -> pa.Table:
    check_version(part)
    check_sizes(part)
    try:
        data = pq.read_table(part.path / f"{table}.parquet", partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise PartDamaged(
            f"{part.id}/{table}.parquet must be a Parquet file; got: {error}. Remove the part and "
            "run again."
        ) from error
    for column in require_columns(part, table, data.column_names):
        kind = table_named(table).columns[column]
        data = data.append_column(pa.field(column, kind), pa.nulls(data.num_rows, kind))
    return data.select(list(table_named(table).columns))


def iter_tables(parts: Iterable[Part], table: str) -> Iterator[tuple[Part, pa.Table]]:
    """One table, part by part, so that only one part is in memory.

    Yields:
        The part and its rows; parts without the table are left out.
    """
    table_named(table)
    for part in parts:
        if table in part.rows:
            yield part, _read(part, table)


def read_table(parts: Iterable[Part], table: str) -> pa.Table:
    """One table of several parts, in their order; with no rows if no part has it."""
    tables = [data for _, data in iter_tables(parts, table)]
    return pa.concat_tables(tables) if tables else table_named(table).arrow.empty_table()
