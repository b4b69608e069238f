"""Means over images with bootstrap intervals, of many columns at once.

All columns share the same samples of images (multinomial weights, one matrix product), so that
differences between columns are paired, and memory does not grow with the number of images.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from store.schema import SAMPLE

Array = NDArray[Any]

N_BOOTSTRAP = 1000
SEED = 20240228
_CHUNK = 1024
"""Images that are multiplied at once."""
_COLUMNS = 4096
"""Columns that are summed at once."""
_FEW = 64
"""Fewer columns are not read at once, however many images there are."""
_CELLS = 2**22
"""Values that are read at once, 32 MB; as many again say whose they are."""
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Values:
    """One value an image and column, as SQL.

    Attributes:
        sql: a SELECT of the columns of `key`, image_id and value; NULL is no value.
        key: what names a column of the matrix; condition_id is one of them.
        measures: where a row holds several values instead: their names, which stand for `metric`,
            and what each is `against`. The rows are read once for all of them.
    """

    sql: str
    key: tuple[str, ...]
    measures: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of `sql` that hold values."""
        return tuple(name for name, _ in self.measures) or ("value",)


@dataclass(frozen=True)
class Summary:
    """One curve point a column.

    Attributes:
        n: int64 [K], images with a value.
        mean: float64 [K].
        low: float64 [K], 2.5th percentile over bootstrap samples of images.
        high: float64 [K], 97.5th.
    """

    n: Array
    mean: Array
    low: Array
    high: Array


def bootstrap_weights(n_images: int, path: Path | None = None, seed: int = SEED) -> Array:
    """How often each bootstrap sample draws each image.

    Args:
        n_images: number of images.
        path: a file to keep them in, so that memory does not grow with the data set.
        seed: of the draw.

    Returns:
        uint8 [N_BOOTSTRAP, n_images]; every row sums to `n_images`.
    """
    shape = (N_BOOTSTRAP, n_images)
    weights: Array = (
        np.empty(shape, np.uint8)
        if path is None
        else np.memmap(path, dtype=np.uint8, mode="w+", shape=shape)
    )
    generator = np.random.default_rng(seed)
    for row in weights:
        row[:] = np.bincount(generator.integers(0, n_images, n_images), minlength=n_images)
    return weights


def sample_means(
    chunks: Iterator[tuple[slice, Array]], weights: Array, n_columns: int
) -> tuple[Array, Array, Array]:
    """Means of many columns, over all images and over the same bootstrap samples of them.

    Args:
        chunks: which images, and their values, float [images, K]; NaN and infinities are left out
            of their column alone.
        weights: from `bootstrap_weights`.
        n_columns: K.

    Returns:
        Images with a value, int64 [K]; their means, float64 [K]; the samples' means, float64
        [N_BOOTSTRAP, K]. NaN where there is no value.
    """
    sums = np.zeros((len(weights), n_columns))
    counts = np.zeros((len(weights), n_columns))
    total, n = np.zeros(n_columns), np.zeros(n_columns, np.int64)
    for images, values in chunks:
        there = np.isfinite(values)
        filled = np.where(there, values, 0.0).astype(np.float64)
        drawn = weights[:, images].astype(np.float64)
        sums += drawn @ filled
        full = there.all(axis=0)  # most columns: their counts need no product
        counts[:, full] += drawn.sum(axis=1)[:, None]
        counts[:, ~full] += drawn @ there[:, ~full]
        total += filled.sum(axis=0)
        n += there.sum(axis=0)
    # A sample may draw no image that has a value: it says nothing about that column.
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    mean = np.divide(total, n, out=np.full(n_columns, np.nan), where=n > 0)
    return n, mean, means


def summarise(chunks: Iterator[tuple[slice, Array]], weights: Array, n_columns: int) -> Summary:
    """Means and bootstrap intervals of many columns; the arguments are `sample_means`'.

    Returns:
        The summary; NaN in columns without a value.
    """
    n, mean, means = sample_means(chunks, weights, n_columns)
    low, high = np.full(n_columns, np.nan), np.full(n_columns, np.nan)
    drawn = np.isfinite(means)
    whole, has = drawn.all(axis=0), drawn.any(axis=0)
    if whole.any():  # apart from the others, as `nanpercentile` is a hundred times slower
        low[whole], high[whole] = np.percentile(means[:, whole], _INTERVAL, axis=0)
    if (some := has & ~whole).any():
        low[some], high[some] = np.nanpercentile(means[:, some], _INTERVAL, axis=0)
    return Summary(n, mean, low, high)


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


def summaries(con: duckdb.DuckDBPyConnection, values: Values, weights: Array) -> Iterator[pa.Table]:
    """The summary of every column that has a value: its key, n, mean, low, high.

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
    for start in range(0, len(columns), size):
        some = columns.slice(start, size)
        chosen = pa.concat_tables(_measured(some, values))
        summary = summarise(matrices(con, values, some, weights), weights, len(chosen))
        for name in ("n", "mean", "low", "high"):
            chosen = chosen.append_column(name, pa.array(getattr(summary, name)))
        yield chosen.filter(pc.greater(chosen["n"], 0))


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
