"""What publish computes from the tables: curves over layers, landmarks, convergence of images."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from store import judged, landmarks
from store.schema import CAPTION_METRICS, LAYER_METRICS
from store.text import normalise

Array = NDArray[Any]

VERSION = 5
"""Goes up when a summary is computed differently, so that publish makes a new generation."""

N_BOOTSTRAP = 1000
SEED = 20240228
_CHUNK = 4096
_TEXTS = 50_000
_INTERVAL = (2.5, 97.5)

SELF, FINAL = "self", "final"

CONVERGENCE_SCORES = {
    "convergence_layer_rouge_l": ("rouge_l", 0.9),
    "convergence_layer_bertscore": ("bertscore", 0.9),
}
"""Name in image_stat -> score metric and tau. Exact match has its own: `convergence_layer`."""

_METRICS = (
    *(("layer_stat", metric, SELF) for metric in LAYER_METRICS),
    *(("caption", metric, FINAL if metric == "final_logprob" else SELF)
      for metric in CAPTION_METRICS),
)
_SOURCES = (
    *(f"SELECT condition_id, layer, '{metric}' AS metric, '{against}' AS against, image_id, "
      f"{metric} AS value FROM {table}" for table, metric, against in _METRICS),
    "SELECT condition_id, layer, metric, against, image_id, value FROM score",
    *judged.CURVES,
    # An image counts once, however many questions are asked about it.
    "SELECT condition_id, layer, 'answer_accuracy' AS metric, 'reference' AS against, image_id, "
    "avg(score)::FLOAT AS value FROM answer GROUP BY condition_id, layer, image_id",
    "SELECT condition_id, layer, concat('answer_', a.metric) AS metric, 'reference' AS against, "
    "image_id, avg(value)::FLOAT AS value FROM answer_score AS a "
    "GROUP BY condition_id, layer, a.metric, image_id",
)
_OF_LANDMARKS = (
    "SELECT condition_id, layer, 'mean_logprob' AS metric, 'self' AS against, image_id, "
    "mean_logprob AS value FROM caption UNION ALL "
    "SELECT condition_id, layer, metric, against, image_id, value FROM score WHERE "
    "(metric, against) IN (('repetition', 'self'), ('cider', 'reference')) "
    f"OR metric LIKE '{landmarks.GAIN}%'"
)


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

    Because the samples are shared, intervals of differences between columns are paired.

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
        counts += drawn @ there
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
    has = np.isfinite(means).any(axis=0)
    if has.any():
        low[has], high[has] = np.nanpercentile(means[:, has], _INTERVAL, axis=0)
    return Summary(n, mean, low, high)


def add_curves(con: duckdb.DuckDBPyConnection, scratch: Path) -> None:
    """Fill table `curve` from layer_stat, caption, score and answer, and table `landmark`.

    Args:
        con: the generation being built; table `image` and the four are filled.
        scratch: a folder for the weights.
    """
    con.execute(
        "CREATE TEMP TABLE numbered AS "
        "SELECT image_id, row_number() OVER (ORDER BY image_id) - 1 AS i FROM image"
    )
    n_images = int(con.execute("SELECT count(*) FROM numbered").fetchall()[0][0])
    if n_images:
        weights = bootstrap_weights(n_images, scratch / "weights.u1")
        for source in _SOURCES:
            _add_curves_of(con, source, weights)
        _add_landmarks(con, weights)
    con.execute("DROP TABLE numbered")


def _add_curves_of(con: duckdb.DuckDBPyConnection, source: str, weights: Array) -> None:
    for chosen in _columns(con, source):
        chunks = _chunks(con, source, weights.shape[1], len(chosen))
        summary = summarise(chunks, weights, len(chosen))
        con.unregister("columns_here")
        _insert(con, chosen, summary)


def _columns(con: duckdb.DuckDBPyConnection, source: str) -> Iterator[pa.Table]:
    """The columns of a source, with their numbers as `columns_here` until the next are asked for.

    One condition at a time: the sums then take memory for its columns alone.
    """
    columns: pa.Table = con.sql(
        f"SELECT DISTINCT condition_id, layer, metric, against FROM ({source}) "
        "ORDER BY condition_id, metric, against, layer"
    ).to_arrow_table()
    for condition in columns["condition_id"].unique().to_pylist():
        chosen = columns.filter(pc.equal(columns["condition_id"], condition))
        con.register("columns_here", chosen.append_column("k", pa.array(range(len(chosen)))))
        yield chosen


def _add_landmarks(con: duckdb.DuckDBPyConnection, weights: Array) -> None:
    """Fill table `landmark` by the rules of `store.landmarks`."""
    for chosen in _columns(con, _OF_LANDMARKS):
        chunks = _chunks(con, _OF_LANDMARKS, weights.shape[1], len(chosen))
        _, mean, samples = sample_means(chunks, weights, len(chosen))
        con.unregister("columns_here")
        at: dict[landmarks.Curve, list[tuple[int, int]]] = {}
        for k, row in enumerate(chosen.to_pylist()):
            at.setdefault((row["metric"], row["against"]), []).append((row["layer"], k))
        for rule in landmarks.rules(at):
            layers, _ = zip(*at[rule.curves[0]], strict=True)
            columns = {curve: [k for _, k in at[curve]] for curve in rule.curves}
            if len({len(of) for of in columns.values()}) > 1:
                continue  # curves of different layers cannot be looked at together
            found = landmarks.find(
                rule, layers, {curve: mean[of] for curve, of in columns.items()},
                {curve: samples[:, of] for curve, of in columns.items()},
            )
            row = {"condition_id": chosen["condition_id"][0].as_py(), **found}
            con.execute(
                "INSERT INTO landmark SELECT $condition_id, $metric, $layer, $low, $high, $rule",
                row,
            )


def _chunks(
    con: duckdb.DuckDBPyConnection, source: str, n_images: int, n_columns: int
) -> Iterator[tuple[slice, Array]]:
    for start in range(0, n_images, _CHUNK):
        stop = min(start + _CHUNK, n_images)
        found = con.execute(
            f"SELECT i - ? AS i, k, value::DOUBLE AS value FROM ({source}) "
            "JOIN columns_here USING (condition_id, layer, metric, against) "
            "JOIN numbered USING (image_id) WHERE i >= ? AND i < ? AND value IS NOT NULL",
            [start, start, stop],
        ).fetchnumpy()
        values = np.full((stop - start, n_columns), np.nan)
        values[found["i"], found["k"]] = found["value"]
        yield slice(start, stop), values


def _insert(con: duckdb.DuckDBPyConnection, columns: pa.Table, summary: Summary) -> None:
    rows = columns
    for name in ("n", "mean", "low", "high"):
        rows = rows.append_column(name, pa.array(getattr(summary, name)))
    con.register("rows_here", rows.filter(pc.greater(rows["n"], 0)))
    con.execute(
        "INSERT INTO curve SELECT condition_id, layer, metric, against, n, mean, low, high "
        "FROM rows_here"
    )
    con.unregister("rows_here")


def add_convergence(con: duckdb.DuckDBPyConnection) -> None:
    """Fill table `image_stat` with the layer from which an image's captions stay.

    `convergence_layer` is the least layer from which every caption equals the last layer's on
    normalised text (tau = 1); those of `CONVERGENCE_SCORES` the least from which every score
    against the final caption is at least tau; a layer that is not scored does not count as there.
    """
    _add_normal(con)
    _converge(con, "convergence_layer", """
        SELECT condition_id, image_id, layer, normal IS NOT DISTINCT FROM
            last_value(normal) OVER (PARTITION BY condition_id, image_id ORDER BY layer
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS there
        FROM caption LEFT JOIN normal USING (text)""", [])
    for name, (metric, tau) in CONVERGENCE_SCORES.items():
        # The last layer's own score against itself is not asked for: it may be left unscored.
        _converge(con, name, """
            SELECT condition_id, image_id, layer, coalesce(value >= ?::FLOAT, false) AS there
            FROM score WHERE metric = ? AND against = 'final'""", [tau, metric])
    con.execute("DROP TABLE normal")


def _converge(con: duckdb.DuckDBPyConnection, name: str, there: str, params: list[Any]) -> None:
    con.execute(
        f"""
        INSERT INTO image_stat
        SELECT condition_id, image_id, '{name}', min(layer) FILTER (layer > last_away)
        FROM (SELECT *, coalesce(max(layer) FILTER (NOT there)
                  OVER (PARTITION BY condition_id, image_id), -1) AS last_away
              FROM ({there}))
        GROUP BY condition_id, image_id""",
        params,
    )


def _add_normal(con: duckdb.DuckDBPyConnection) -> None:
    """Temporary table `normal`: every caption's text and its normalised copy."""
    con.execute("CREATE TEMP TABLE normal (text VARCHAR, normal VARCHAR)")
    with con.cursor() as reader:
        reader.execute("SELECT DISTINCT text FROM caption WHERE text IS NOT NULL")
        while rows := reader.fetchmany(_TEXTS):
            texts = [str(row[0]) for row in rows]
            batch = pa.table({"text": texts, "normal": [normalise(text) for text in texts]})
            con.register("texts_here", batch)
            con.execute("INSERT INTO normal SELECT text, normal FROM texts_here")
            con.unregister("texts_here")
