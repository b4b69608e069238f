"""How queries are put to a run, and what it means if a table is not there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb
import pandas as pd

from store.errors import TableNotFound


class Source(Protocol):
    """Whatever answers SQL with a frame: an open run."""

    def sql(self, query: str, params: Sequence[Any] | None = None) -> pd.DataFrame:
        """Rows of a query with its bound parameters."""


DatabaseError = duckdb.Error
"""What reading a file may raise, for folders that do not import the database themselves."""


def ask(run: Source, query: str, params: Sequence[Any] = ()) -> pd.DataFrame:
    """Rows of a query.

    Raises:
        TableNotFound: the run was published by another version; the error says what to do.
    """
    try:
        return run.sql(query, params)
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise TableNotFound(
            f"expected the tables of store/schema; got: {str(error).splitlines()[0]} "
            "Publish the run again: `python -m precompute publish`."
        ) from error


def quoted(columns: Sequence[str]) -> str:
    """Columns as a SELECT lists them; `without` is a word of SQL, too."""
    return ", ".join(f'"{name}"' for name in columns)


@dataclass(frozen=True)
class Sql:
    """A piece of SQL with the values of its question marks, in order."""

    text: str
    params: tuple[object, ...] = ()
