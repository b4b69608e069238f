"""The values of a generation's tables as matrices, a column a measure and layer, a row an image.

A family of columns is read together; memory does not grow with the number of images.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import cast

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from store.metrics import yes_or_no
from store.schema import SAMPLE
from store.statistics.bootstrap import Array, Summary, summarise

_CHUNK = 1024
"""Images that are multiplied at once."""
_COLUMNS = 4096
"""Columns that are summed at once."""
_FEW = 64
"""Fewer columns are not read at once, however many images there are."""
_CELLS = 2**22
"""Values that are read at once, 32 MB; as many again say whose they are."""


@dataclass(frozen=True)
class Values:
    """One value an image and column, as SQL.

    Attributes:
        sql: a SELECT of the columns of `key`, image_id and value; NULL is no value.
        key: what names a column of the matrix; condition_id is one of them.
        measures: where a row holds several values instead: their names, which stand for `metric`,
            and what each is `against`. The rows are read once for all of them.
        family: columns of `key`, the first ones: what has them in common (and the measure) is
            read at once, to be looked at together.
    """

    sql: str
    key: tuple[str, ...]
    measures: tuple[tuple[str, str], ...] = ()
    family: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of `sql` that hold values."""
        return tuple(name for name, _ in self.measures) or ("value",)


def prepare(con: duckdb.DuckDBPyConnection) -> int:
    """Temporary tables: `numbered`, the images and their places in the weights, and `left_out`.

    A condition that was chosen by looking at a sample of the images (a pruning) is judged on the
    others alone: `left_out` names the condition and the images of its sample.

    Returns:
        The number of images.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE numbered AS "
        "SELECT image_id, row_number() OVER (ORDER BY image_id) - 1 AS i FROM image"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE left_out AS SELECT condition_id, {SAMPLE} FROM condition"
    )
    return int(con.execute("SELECT count(*) FROM numbered").fetchall()[0][0])


def has_class_token(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the run's tower has a class token: which statistics of layers and heads there are."""
    return bool(con.execute("SELECT class_token FROM run").fetchall()[0][0])


def summaries(
    con: duckdb.DuckDBPyConnection, values: Values, weights: Array
) -> Iterator[tuple[pa.Table, Summary]]:
    """Every column's key, n, mean, low and high, some columns after the other, and the summary.

    Args:
        con: the generation being built, after `prepare`.
        values: what is summarised.
        weights: from `bootstrap_weights`.
    """
    columns = named_columns(con, values)
    # A table whose rows hold one value is sorted by column, and read once if all images fit; one
    # whose rows hold several is read by ranges of images.
    size = (
        max(1, _COLUMNS // len(values.measures))
        if values.measures
        else min(_COLUMNS, max(_FEW, _CELLS // weights.shape[1]))
    )
    top = con.execute("SELECT max(n_layers) FROM run").fetchall()[0][0]
    for some in blocks(columns, values.family, size):
        chosen = pa.concat_tables(_measured(some, values))
        # The last layer's caption is itself: no share that other pictures could change.
        itself = pc.and_(pc.equal(chosen["against"], "final"), pc.equal(chosen["layer"], top))
        shares = pc.and_not(pc.is_in(chosen["metric"], pa.array(yes_or_no())), itself)
        summary = summarise(
            matrices(con, values, some, weights),
            weights,
            np.asarray(pc.fill_null(shares, False), dtype=bool),
        )
        for name in ("n", "mean", "low", "high"):
            chosen = chosen.append_column(name, pa.array(getattr(summary, name), from_pandas=True))
        yield chosen, summary


def blocks(columns: pa.Table, family: Sequence[str], size: int) -> Iterator[pa.Table]:
    """Columns that are summed at once: about `size`, a family never cut.

    Args:
        columns: keys, sorted; those of a family next to each other.
        family: the names of the columns that a family has in common; none, and each is one.
        size: so many, or one family.
    """
    ends = [i + 1 for i in range(len(columns))]
    if family:
        keys = columns.select(list(family)).to_pylist()
        ends = [i for i in ends if i == len(keys) or keys[i] != keys[i - 1]]
    start = 0
    for end, following in zip_longest(ends, ends[1:]):
        if following is None or following - start > size:
            yield columns.slice(start, end - start)
            start = end


def appended(rows: pa.Table, **columns: Array) -> pa.Table:
    """Rows with more columns, NaN as NULL; those of columns without a value are left out."""
    for name, values in columns.items():
        rows = rows.append_column(name, pa.array(values, from_pandas=True))
    return rows.filter(pc.greater(rows["n"], 0))


def families(columns: pa.Table, family: Sequence[str]) -> Iterator[Array]:
    """The places of the columns that have some names in common: int64 [K] each, in their order."""
    keys = columns.select(list(family)).to_pandas()
    yield from keys.groupby(list(family), sort=False).indices.values()


def _measured(columns: pa.Table, values: Values) -> list[pa.Table]:
    """The keys of the matrix's columns: those of `columns`, once for every measure."""
    if not values.measures:
        return [columns]
    return [
        columns.append_column("metric", pa.array([metric] * len(columns))).append_column(
            "against", pa.array([against] * len(columns))
        )
        for metric, against in values.measures
    ]


def insert(con: duckdb.DuckDBPyConnection, table: str, rows: Iterable[pa.Table]) -> None:
    """Put rows into a table, column by column of the same name."""
    for some in rows:
        con.register("rows_here", some)
        con.execute(f"INSERT INTO {table} BY NAME FROM rows_here")
        con.unregister("rows_here")


def named_columns(con: duckdb.DuckDBPyConnection, values: Values) -> pa.Table:
    """The keys of all columns that may have a value, sorted."""
    key = ", ".join(values.key)
    there = "" if values.measures else "WHERE value IS NOT NULL"
    return con.sql(
        f"SELECT DISTINCT {key} FROM ({values.sql}) {there} ORDER BY {key}"
    ).to_arrow_table()


def matrices(
    con: duckdb.DuckDBPyConnection, values: Values, columns: pa.Table, weights: Array
) -> Iterator[tuple[slice, Array]]:
    """Which images, and their values in some columns, float64 [images, K], NaN where there is none.

    Of several measures, K is their number times that of the keys, one measure after the other.

    Args:
        con: the generation being built, after `prepare`.
        values: what is read.
        columns: keys of its columns, as from `named_columns`.
        weights: whose images are read.
    """
    n_images, n_columns = weights.shape[1], len(columns) * len(values.names)
    con.register("columns_here", columns.append_column("k", pa.array(range(len(columns)))))
    at_once = max(_CHUNK, _CELLS // max(1, n_columns))
    try:
        for start in range(0, n_images, at_once):
            images = slice(start, min(start + at_once, n_images))
            matrix = np.full((images.stop - start, n_columns), np.nan)
            cells = _read(con, values, images)
            for v, name in enumerate(values.names):
                column = np.ma.filled(cells[name].astype(np.float64), np.nan)
                matrix[cells["i"], cells["k"] + v * len(columns)] = column
            del cells, column  # three times the matrix, and the products come on top
            for first in range(0, len(matrix), _CHUNK):
                rows = matrix[first : first + _CHUNK]
                yield slice(start + first, start + first + len(rows)), rows
    finally:
        con.unregister("columns_here")


def _read(con: duckdb.DuckDBPyConnection, values: Values, images: slice) -> dict[str, Array]:
    """Image (from the slice's first), column and values of every row of some images."""
    # A range of ids, not of numbers, lets DuckDB skip the blocks of rows that hold none.
    ends = con.execute(
        "SELECT min(image_id), max(image_id) FROM numbered WHERE i >= ? AND i < ?",
        [images.start, images.stop],
    ).fetchall()
    columns = con.execute(
        f"SELECT i - ? AS i, k, {', '.join(values.names)} FROM ({values.sql}) "
        f"JOIN columns_here USING ({', '.join(values.key)}) "
        "JOIN numbered USING (image_id) ANTI JOIN left_out USING (condition_id, image_id) "
        "WHERE image_id BETWEEN ? AND ?",
        [images.start, *ends[0]],
    ).fetchnumpy()
    return cast(dict[str, Array], columns)  # no column is categorical
