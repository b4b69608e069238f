"""The published file of a run: opened read-only, with bounds, if it holds tables of ours alone."""

from pathlib import Path
from typing import Any

import duckdb

from store.disk import LINK, current_generation, generation_path, require_plain
from store.errors import NotPublished, RunRefused
from store.schema import TABLES

SECONDS = 60.0
"""After which a query is given up: the slowest of a page takes half a second at 50,000 images."""

_READ_ONLY: dict[str, Any] = {
    "enable_external_access": "false",
    "lock_configuration": "true",
    "memory_limit": "2GB",
    "max_temp_directory_size": "4GB",
}

_FOREIGN = """
    SELECT 'view ' || view_name FROM duckdb_views() WHERE NOT internal
    UNION ALL SELECT 'macro ' || function_name FROM duckdb_functions() WHERE NOT internal
    UNION ALL SELECT 'type ' || type_name FROM duckdb_types() WHERE NOT internal
    UNION ALL SELECT 'table ' || table_name FROM duckdb_tables()
        WHERE NOT list_contains($tables, table_name) OR contains(sql, 'GENERATED ALWAYS')
"""


def connect(run: Path) -> tuple[int, duckdb.DuckDBPyConnection]:
    """The current generation of a run and its number, 0 where the published file is no link.

    Raises:
        NotPublished: there is none.
        RunRefused: a link to elsewhere, or a file that holds anything but tables of the schema.
    """
    # The generation that the link names may be removed before it is opened, if this process
    # slept for longer than the grace time: look again.
    for _ in range(5):
        number = current_generation(run)
        path = run / LINK if number is None else generation_path(run, number)
        if not path.exists():
            if number is None:
                break
            continue
        try:
            return number or 0, _open(path, run)
        except duckdb.IOException:
            if path.exists():
                raise
    raise NotPublished(
        f"{run.name} must have published tables; got none. `python -m precompute publish` makes "
        "them from its parts."
    )


def connect_at(run: Path, number: int) -> duckdb.DuckDBPyConnection:
    """One generation of a run; see `connect`."""
    path = generation_path(run, number) if number else run / LINK
    try:
        return _open(path, run)
    except duckdb.IOException as error:
        if path.exists():
            raise
        raise NotPublished(
            f"{run.name} must have generation {number}; got none: a newer one took its place. "
            "Load the page again."
        ) from error


def _open(path: Path, run: Path) -> duckdb.DuckDBPyConnection:
    require_plain(path, run)
    bounds = {**_READ_ONLY, "max_execution_time": round(SECONDS * 1000)}
    con = duckdb.connect(str(path), read_only=True, config=bounds)
    try:
        # A view or a column that is computed runs when it is read, for as long as it wants to.
        foreign = [row[0] for row in con.execute(_FOREIGN, {"tables": list(TABLES)}).fetchall()]
    except BaseException:
        con.close()
        raise
    if foreign:
        con.close()
        raise RunRefused(
            f"{path.name} of {run.name} must hold the tables of the schema and nothing else; got "
            f"{', '.join(sorted(foreign))[:200]}. Remove the files results*.duckdb and publish "
            "again: nothing is lost."
        )
    return con
