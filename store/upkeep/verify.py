"""Is a run what it says? Every part read and hashed again, and held against the tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from store.disk import current_generation, file_sha256, generation_path, read_run, refuse_links
from store.errors import NotPublished, StoreError
from store.parts import (
    Part,
    is_readable,
    iter_tables,
    read_part,
    unfinished_of_other_hosts,
    verify_part,
)
from store.publish import COMPUTED, SHARED, published_manifest, values_of
from store.query import Run, open_run
from store.schema import BASELINE, TABLES, lacking

_COMPUTED = ("run", *COMPUTED)
"""Tables that publish fills: their rows are not those of the parts."""


@dataclass(frozen=True)
class Report:
    """What `verify_run` found.

    Attributes:
        run_id: the run.
        n_parts: parts looked at.
        n_bytes: bytes read.
        problems: what is wrong, a sentence each.
        notes: what is worth knowing and not wrong.
        damaged: the ids of the parts in which something is wrong.
    """

    run_id: str
    n_parts: int
    n_bytes: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    damaged: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify_run(run: Path) -> Report:
    """Read and hash every part of a run, of all settings, and compare with what is published.

    Args:
        run: the run's folder; nothing in it is changed.

    Returns:
        The report; what is wrong is in it, not raised.

    Raises:
        RunNotFound: no run.json.
        RunRefused: something in the folder is a link: nothing of it is looked at.
    """
    run = Path(run)
    read_run(run)
    refuse_links(run)
    parts, damage = _look_at_parts(run)
    problems = [problem for those in damage.values() for problem in those]
    others, notes = _against_published(run, parts, whole=not damage)
    n_bytes = sum(file["bytes"] for p in parts.values() for file in p.manifest["files"].values())
    notes += unfinished_of_other_hosts(run)
    return Report(run.name, len(parts), n_bytes, (*problems, *others), tuple(notes), tuple(damage))


def _look_at_parts(run: Path) -> tuple[dict[str, Part], dict[str, list[str]]]:
    """Read and hash every part of a run.

    Returns:
        The parts that say what they are, by id; and what is wrong with each that is damaged.
    """
    parts: dict[str, Part] = {}
    damage: dict[str, list[str]] = {}
    for path in sorted((Path(run) / "parts").glob("[!.]*/[!.]*/")):
        try:
            part = read_part(path)
        except StoreError as error:
            damage[f"{path.parent.name}/{path.name}"] = [str(error)]
            continue
        parts[part.id] = part
        if problems := verify_part(part):
            damage[part.id] = problems
    return parts, damage


def _against_published(
    run: Path, parts: dict[str, Part], whole: bool
) -> tuple[list[str], list[str]]:
    try:
        side = published_manifest(run)
    except NotPublished as error:
        return [], [str(error)]
    published = {
        f"{folder}/{name}": sha
        for folder, names in side["parts"].items()
        for name, sha in names.items()
    }
    problems = [
        f"{part}: is published and is not among the parts"
        for part in published
        if part not in parts
    ]
    problems += [
        f"{part}: part.json changed after it was published"
        for part, sha in published.items()
        if part in parts and file_sha256(parts[part].path / "part.json") != sha
    ]
    if _tables_changed(run, side):
        problems.append(
            "the published tables are not those that were written. Remove the files "
            "results*.duckdb and publish again: nothing is lost"
        )
    waiting = sorted(set(parts) - set(published))
    notes = [f"{len(waiting)} parts are not published, first {waiting[0]}"] if waiting else []
    if not all(map(is_readable, parts.values())):
        notes.append("some parts are of another schema: their rows are not counted")
    elif whole and not problems:
        try:
            problems += _compare(run, [parts[name] for name in published])
        except duckdb.Error as error:
            problems.append(
                f"the published tables cannot be read: {error}. Remove the files "
                "results*.duckdb and publish again: nothing is lost"
            )
    return problems, notes


def _tables_changed(run: Path, side: Mapping[str, Any]) -> bool:
    # DuckDB counts the rows of a file that was cut off without a word. Older versions kept no hash.
    number = current_generation(run)
    path = generation_path(run, number) if number else None
    return path is not None and "sha256" in side and file_sha256(path) != side["sha256"]


def _compare(run: Path, parts: list[Part]) -> list[str]:
    """Hold the rows of the published tables against those of the parts, by content.

    The parts are read by Arrow, one at a time, and not by the reader that filled the tables; rows
    are hashed, and the hashes added up, so that their order does not matter.
    """
    problems = []
    with open_run(run) as opened, duckdb.connect() as con:
        for table in sorted(TABLES.keys() - {*_COMPUTED}):
            expected = _of_parts(con, parts, table)
            query = _hashes(table, table, _too_old_for(opened, table))
            there = _sum(opened.sql(query).itertuples(index=False), table)
            if there != expected:
                problems.append(
                    f"table {table}: expected the {expected[0]} rows of the parts, got "
                    f"{there[0]} rows{' that differ' if there[0] == expected[0] else ''}. Remove "
                    "the files results*.duckdb and publish again: nothing is lost"
                )
    return problems


def _of_parts(con: duckdb.DuckDBPyConnection, parts: Iterable[Part], table: str) -> tuple[int, int]:
    hashes: list[tuple[str, int, str]] = []
    for _, rows in iter_tables(parts, table):
        con.register("rows_of_part", rows)
        hashes += con.execute(_hashes(table, "rows_of_part")).fetchall()
    return _sum(hashes, table)


def _too_old_for(run: Run, table: str) -> tuple[str, ...]:
    """Columns that a published table lacks, since it was published before the schema had them."""
    there = set(run.sql(f"FROM {table} LIMIT 0").columns)
    return tuple(column for column in lacking(table, 1) if column not in there)


def _hashes(table: str, source: str, without: Sequence[str] = ()) -> str:
    """SQL for rows of hash, count and sum; of a table that parts share, a row for each of its rows.

    Publishing adds the baseline to the conditions, where no part names it.
    """
    rows = f"(SELECT {', '.join(values_of(table, without))} FROM {source}) AS r"
    if table in SHARED:
        where = f"WHERE condition_id <> '{BASELINE}'" if table == "condition" else ""
        return f"SELECT DISTINCT hash(r)::VARCHAR, 1, hash(r)::VARCHAR FROM {rows} {where}"
    return f"SELECT '', count(*), coalesce(sum(hash(r)::HUGEINT), 0)::VARCHAR FROM {rows}"


def _sum(rows: Iterable[tuple[Any, ...]], table: str) -> tuple[int, int]:
    """Number of rows and the sum of their hashes; what parts share counts once."""
    once = set(rows) if table in SHARED else list(rows)
    return sum(int(n) for _, n, _ in once), sum(int(of_rows) for _, _, of_rows in once)
