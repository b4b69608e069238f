"""The tables of a generation, built from parts in DuckDB; nothing goes through Python rows."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from store.disk import file_sha256
from store.errors import PartDamaged, PublishRefused
from store.parts import Part, check_sizes, check_version, require_columns
from store.schema import BASELINE, TABLES

SHARED = ("condition", "skipped")
"""Tables that several parts may say the same row of."""

_SQL_TYPES = {
    pa.bool_(): "BOOLEAN",
    pa.int32(): "INTEGER",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.list_(pa.int32()): "INTEGER[]",
    pa.list_(pa.string()): "VARCHAR[]",
}
# Hive partitions are off: a folder named `text=hello` above the results would give every caption.
_FILES = "FROM read_parquet($files, filename=true, file_row_number=true, hive_partitioning=false)"
_SORTED = 4_000_000
"""Rows that are sorted at once, if there is a choice."""
_PART_ID = r"([^/\\]+)[/\\]([^/\\]+)[/\\]image\.parquet$"


@dataclass(frozen=True)
class TableFile:
    """One part's file of one table.

    Attributes:
        path: a Parquet file.
        rows: how many rows it has.
        lacking: columns of the present schema that it is too old to have.
    """

    path: Path
    rows: int
    lacking: tuple[str, ...] = ()


def table_files(parts: Iterable[Part]) -> dict[str, list[TableFile]]:
    """Where the rows of each table are, after a look at every file.

    Args:
        parts: the parts to publish.

    Raises:
        PartDamaged: a Parquet file is not the one that was written, or has other columns than its
            version; large arrays are only looked at for their size here, `verify` hashes them.
        SchemaTooNew: a part that this version cannot read.
    """
    files_of: dict[str, list[TableFile]] = {name: [] for name in TABLES}
    for part in parts:
        check_version(part)
        _check_content(part)
        for name in part.rows:
            if name not in TABLES:
                raise PartDamaged(
                    f"tables of {part.id} must be among {', '.join(TABLES)}; got {name}. Remove "
                    "that part and run again."
                )
            path = part.path / f"{name}.parquet"
            written = pq.read_metadata(path)
            columns = written.schema.to_arrow_schema().names
            later = require_columns(part, name, columns)
            files_of[name].append(TableFile(path, written.num_rows, later))
    return files_of


def _check_content(part: Part) -> None:
    check_sizes(part)
    for name, info in part.manifest["files"].items():
        if name.endswith(".parquet") and file_sha256(part.path / name) != info["sha256"]:
            raise PartDamaged(
                f"{part.path / name} must have the sha256 that part.json names; it differs. "
                f"Remove the folder {part.id} and run again, or restore it from a copy."
            )


def create_tables(con: duckdb.DuckDBPyConnection) -> None:
    """All tables of the schema, with no rows and no indexes."""
    for name, table in TABLES.items():
        columns = ", ".join(f'"{column}" {_SQL_TYPES[t]}' for column, t in table.columns.items())
        con.execute(f"CREATE TABLE {name} ({columns})")


def fill(con: duckdb.DuckDBPyConnection, files_of: Mapping[str, Sequence[TableFile]]) -> None:
    """Put the rows of all parts into the tables, sorted as the schema says.

    Of a table with very many rows, some files are sorted after the other (`_together`).

    Raises:
        PartDamaged: fewer rows arrived than the files have.
        PublishRefused: rows with the same key.
    """
    for name, files in files_of.items():
        if not files:
            continue
        distinct = "DISTINCT" if name in SHARED else ""
        for some in _together(name, files):
            con.execute(
                f"INSERT INTO {name} SELECT {distinct} {_columns(name, some[0].lacking)} {_FILES} "
                f"ORDER BY {', '.join(TABLES[name].order)}",
                {"files": [str(file.path) for file in some]},
            )
        there, expected = count(con, name), sum(file.rows for file in files)
        if there != expected and name not in SHARED:
            raise PartDamaged(f"{name} must get {expected} rows; got {there}. Verify the run.")
        if name in SHARED or _may_repeat(con, name, files):
            check_unique(con, name, files)


def _together(name: str, files: Sequence[TableFile]) -> Iterator[list[TableFile]]:
    """Files that are sorted together: sorting all at once would go through the disk.

    What is sorted by metric or layer before the image stays together with its stage, or a metric
    of one layer would lie scattered; what is sorted by image first is cut between parts. Files of
    an older schema, with fewer columns, are sorted by themselves.
    """
    by_image = TABLES[name].order[:2] == ("condition_id", "image_id")
    group: list[TableFile] = []
    for file in files:
        same = bool(group) and group[-1].path.parent.parent == file.path.parent.parent
        many = sum(one.rows for one in group) >= _SORTED and (by_image or not same)
        if many or (group and group[-1].lacking != file.lacking):
            yield group
            group = []
        group.append(file)
    yield group


def _may_repeat(con: duckdb.DuckDBPyConnection, name: str, files: Sequence[TableFile]) -> bool:
    """Whether two files say something of the same image, condition, metric ...

    Keys differ within a file, which `store.parts.tables.conform` saw to when it was written: to
    look for equal ones among all rows would take as long as to sort them.
    """
    of_text = [column for column in TABLES[name].key if TABLES[name].columns[column] == pa.string()]
    key = ", ".join(of_text)
    repeated = con.execute(
        f"SELECT count(*) FROM (SELECT {key} FROM (SELECT DISTINCT filename, {key} {_FILES}) "
        f"GROUP BY {key} HAVING count(*) > 1)",
        {"files": [str(file.path) for file in files]},
    ).fetchall()
    return bool(repeated[0][0])


def values_of(name: str, lacking: Sequence[str] = ()) -> list[str]:
    """What the columns of a table are made of, as SQL over a part's rows; none of an image's place.

    Columns that the rows are too old to have, `lacking`, are NULL. A floating column's NaN becomes
    NULL, which alone means "not there": in SQL a NaN is larger than every number.
    """
    return [
        f'NULL::{_SQL_TYPES[kind]} AS "{column}"'
        if column in lacking
        else f'CASE WHEN isnan("{column}") THEN NULL ELSE "{column}" END AS "{column}"'
        if pa.types.is_floating(kind)
        else f'"{column}"'  # quoted: `at` is a word of SQL, too
        for column, kind in TABLES[name].columns.items()
        if (name, column) not in (("image", "part"), ("image", "row_in_part"))
    ]


def _columns(name: str, lacking: Sequence[str]) -> str:
    # Where an image's arrays are: known here, not when the part was written; its last columns.
    place = [
        f"regexp_replace(regexp_extract(filename, '{_PART_ID}'), '{_PART_ID}', '\\1/\\2') AS part",
        "file_row_number::INTEGER AS row_in_part",
    ]
    return ", ".join(values_of(name, lacking) + (place if name == "image" else []))


def count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    """Number of rows of a table."""
    # fetchall, here and below: DuckDB takes a result with rows left as work that is under way.
    return int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def settle(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Sort a table that was filled in several steps, and check its keys.

    Raises:
        PublishRefused: rows with the same key.
    """
    order = ", ".join(TABLES[name].order)
    con.execute(f"CREATE OR REPLACE TABLE {name} AS FROM {name} ORDER BY {order}")
    check_unique(con, name)


def check_unique(
    con: duckdb.DuckDBPyConnection, name: str, files: Sequence[TableFile] = ()
) -> None:
    """Refuse two rows with one key.

    Args:
        con: the connection.
        name: the table.
        files: what it was filled from, to name the parts.

    Raises:
        PublishRefused: naming the first such key, and whose it is.
    """
    columns = TABLES[name].key
    key = ", ".join(columns)
    rows = con.execute(
        f"SELECT {key}, count(*) FROM {name} GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
    ).fetchall()
    for *values, n in rows:
        parts = _parts_with(con, dict(zip(columns, values, strict=True)), files)
        raise PublishRefused(
            f"rows of {name} must differ in {key}; got {n} rows with {tuple(values)}"
            f"{' in ' if parts else ''}{' and '.join(parts)}. Two parts hold the same work: move "
            "one of them, or its whole stage, out of the run's folder; if it is published "
            "already, `python -m precompute publish RUN --allow-fewer` goes on without it."
        )


def _parts_with(
    con: duckdb.DuckDBPyConnection, key: Mapping[str, object], files: Sequence[TableFile]
) -> list[str]:
    """The parts, as stage/part, that have a row of this key."""
    if not files:
        return []
    same = " AND ".join(f"{column} = ${column}" for column in key)
    paths = con.execute(
        f"SELECT DISTINCT filename {_FILES} WHERE {same} ORDER BY filename",
        {"files": [str(file.path) for file in files], **key},
    ).fetchall()
    return ["/".join(Path(row[0]).parts[-3:-1]) for row in paths]


def fill_run(con: duckdb.DuckDBPyConnection, info: Mapping[str, Any]) -> None:
    """Table `run` from run.json (objects as JSON text), and the baseline condition."""
    columns = list(TABLES["run"].columns)
    values = [_as_text(info.get(column)) for column in columns]
    con.execute(f"INSERT INTO run VALUES ({', '.join('?' * len(columns))})", values)
    con.execute(
        "INSERT INTO condition SELECT ?, 'baseline', [], [], NULL, NULL "
        "WHERE NOT EXISTS (FROM condition WHERE condition_id = ?)",
        [BASELINE, BASELINE],
    )


def _as_text(value: object) -> object:
    is_object = isinstance(value, dict | list)
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if is_object else value
