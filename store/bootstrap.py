"""Means over images with bootstrap intervals, of many columns at once.

All columns share the same samples of images (multinomial weights, one matrix product), so that
differences between columns are paired, and memory does not grow with the number of images.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Array = NDArray[Any]

N_BOOTSTRAP = 1000
SEED = 20240228
_CHUNK = 4096
"""Images that are in memory at once."""
_COLUMNS = 1024
"""Columns that are summed at once."""
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Values:
    """One value an image and column, as SQL.

    Attributes:
        sql: a SELECT of the columns of `key`, image_id and value; NULL is no value.
        key: what names a column of the matrix; condition_id is one of them.
    """

    sql: str
    key: tuple[str, ...]


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
        np.empty(shape, np.uint8) if path is None
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
        "CREATE OR REPLACE TEMP TABLE left_out AS SELECT condition_id, "
        "unnest(json_extract_string(spec, '$.pruning.sample[*]')) AS image_id FROM condition"
    )
    return int(con.execute("SELECT count(*) FROM numbered").fetchall()[0][0])


def summaries(
    con: duckdb.DuckDBPyConnection, values: Values, weights: Array
) -> Iterator[pa.Table]:
    """The summary of every column that has a value: its key, n, mean, low, high.

    Args:
        con: the generation being built, after `prepare`.
        values: what is summarised.
        weights: from `bootstrap_weights`.
    """
    columns = named_columns(con, values)
    for start in range(0, len(columns), _COLUMNS):
        chosen = columns.slice(start, _COLUMNS)
        summary = summarise(matrices(con, values, chosen, weights), weights, len(chosen))
        for name in ("n", "mean", "low", "high"):
            chosen = chosen.append_column(name, pa.array(getattr(summary, name)))
        yield chosen.filter(pc.greater(chosen["n"], 0))


def insert(con: duckdb.DuckDBPyConnection, table: str, rows: Iterable[pa.Table]) -> None:
    """Put rows into a table, column by column of the same name."""
    for some in rows:
        con.register("rows_here", some)
        con.execute(f"INSERT INTO {table} BY NAME FROM rows_here")
        con.unregister("rows_here")


def named_columns(con: duckdb.DuckDBPyConnection, values: Values) -> pa.Table:
    """The keys of all columns that have a value, sorted."""
    key = ", ".join(values.key)
    return con.sql(
        f"SELECT DISTINCT {key} FROM ({values.sql}) WHERE value IS NOT NULL ORDER BY {key}"
    ).to_arrow_table()


def matrices(
    con: duckdb.DuckDBPyConnection, values: Values, columns: pa.Table, weights: Array
) -> Iterator[tuple[slice, Array]]:
    """Which images, and their values in some columns, float64 [images, K], NaN where there is none.

    Args:
        con: the generation being built, after `prepare`.
        values: what is read.
        columns: keys of its columns, as from `named_columns`.
        weights: whose images are read.
    """
    n_images = weights.shape[1]
    con.register("columns_here", columns.append_column("k", pa.array(range(len(columns)))))
    try:
        for start in range(0, n_images, _CHUNK):
            stop = min(start + _CHUNK, n_images)
            found = con.execute(
                f"SELECT i - ? AS i, k, value::DOUBLE AS value FROM ({values.sql}) "
                f"JOIN columns_here USING ({', '.join(values.key)}) "
                "JOIN numbered USING (image_id) ANTI JOIN left_out USING (condition_id, image_id) "
                "WHERE i >= ? AND i < ? AND value IS NOT NULL",
                [start, start, stop],
            ).fetchnumpy()
            matrix = np.full((stop - start, len(columns)), np.nan)
            matrix[found["i"], found["k"]] = found["value"]
            yield slice(start, stop), matrix
    finally:
        con.unregister("columns_here")
