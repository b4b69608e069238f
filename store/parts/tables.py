"""Rows as Arrow tables that fit the schema, checked before they are written."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from store.errors import RowsRefused, TableNotFound
from store.schema import TABLES, Table

Rows: TypeAlias = pa.Table | Iterable[Mapping[str, Any]]


def table_named(name: str) -> Table:
    """A table of the schema.

    Raises:
        TableNotFound: there is none of that name.
    """
    try:
        return TABLES[name]
    except KeyError as error:
        raise TableNotFound(
            f"table must be one of {', '.join(TABLES)}; got {name!r}. store/schema names them."
        ) from error


def conform(name: str, rows: Rows) -> pa.Table:
    """Rows as the schema wants them: its columns, order and types.

    Args:
        name: a table of the schema.
        rows: an Arrow table or dicts. Columns that may be NULL may be left out.

    Returns:
        An Arrow table with `TABLES[name].arrow` as its schema; NaN stays NaN.

    Raises:
        RowsRefused: a column that does not exist, a value that does not fit, a NULL in the key,
            or two rows with the same key.
    """
    table = table_named(name)
    data = rows if isinstance(rows, pa.Table) else _from_dicts(name, table, list(rows))
    _check_columns(name, table, data.column_names)
    schema = table.arrow
    try:
        columns = [
            data[field.name].cast(field.type)
            if field.name in data.column_names
            else pa.nulls(data.num_rows, field.type)
            for field in schema
        ]
        result = pa.Table.from_arrays(columns, schema=schema)
        result.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise RowsRefused(f"rows of {name} must fit {_shown(table)}; got: {error}.") from error
    _check_keys(name, table, result)
    return result


def _from_dicts(name: str, table: Table, rows: list[Mapping[str, Any]]) -> pa.Table:
    # Arrow drops keys that the schema does not have, so a mistyped column would be lost.
    _check_columns(name, table, dict.fromkeys(key for row in rows for key in row))
    try:
        return pa.Table.from_pylist(
            [dict(row) for row in rows], schema=pa.schema(list(table.columns.items()))
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise RowsRefused(f"rows of {name} must fit {_shown(table)}; got: {error}.") from error


def _check_columns(name: str, table: Table, got: Iterable[str]) -> None:
    got = list(got)
    if extra := [column for column in got if column not in table.columns]:
        raise RowsRefused(
            f"columns of {name} must be among {', '.join(table.columns)}; got {', '.join(extra)}. "
            "Correct the name, or add the column to store/schema."
        )
    if got and (missing := [column for column in table.key if column not in got]):
        raise RowsRefused(f"rows of {name} must have {', '.join(missing)}: it is in the key.")


def _check_keys(name: str, table: Table, data: pa.Table) -> None:
    for column in table.key:
        if data[column].null_count:
            raise RowsRefused(f"{name}.{column} is in the key and must be given; got NULL.")
    counts = data.group_by(list(table.key)).aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1))
    if repeated.num_rows:
        first = repeated.slice(0, 1).drop_columns("count_all").to_pylist()[0]
        raise RowsRefused(
            f"keys of {name} must be unique; got {first} more than once. Write each row once."
        )


def _shown(table: Table) -> str:
    return ", ".join(f"{column} {kind}" for column, kind in table.columns.items())
