"""How well the gradient foretells what removing a head does, over the heads that were removed."""

import duckdb
import numpy as np
import pyarrow as pa

from store.schema import BASELINE
from store.statistics import intervals
from store.statistics.bootstrap import Array, sample_means
from store.statistics.matrices import Values, insert, matrices, named_columns

_VALUES = Values(
    'SELECT condition_id, layer, head, image_id, -gradient AS foretold, "without" AS measured '
    f"FROM head_effect WHERE condition_id = '{BASELINE}' "
    'AND "without" IS NOT NULL AND gradient IS NOT NULL',
    ("condition_id", "layer", "head"),
    (("foretold", "self"), ("measured", "self")),
)


def add_foretold(con: duckdb.DuckDBPyConnection, weights: Array) -> None:
    """Fill table `foretold` from head_effect.

    `slope`: of the measured effects on the foretold ones, of means over images, a line through the
    origin fitted by least squares over heads; large effects count most. Over 1, the gradient
    understates them. `rank`: Spearman's rho of the same. Both with intervals over images, the
    expanded percentile one of means.

    Args:
        con: the generation being built, after `bootstrap.prepare`.
        weights: from `bootstrap_weights`, of its images.
    """
    columns = named_columns(con, _VALUES)
    n_heads = len(columns)
    if n_heads < 3:
        return
    chunks = matrices(con, _VALUES, columns, weights)
    of_all = sample_means(chunks, weights, 2 * n_heads)
    mean, means = of_all.mean, of_all.samples
    means = means[np.isfinite(means).all(axis=1)]  # a sample may miss all images of a head
    rows = []
    for statistic, of in (("slope", slopes), ("rank", rank_correlations)):
        (value,) = of(mean[None, :n_heads], mean[None, n_heads:])
        drawn = of(means[:, :n_heads], means[:, n_heads:])
        if np.isfinite(value) and np.isfinite(drawn).any():
            low, high = intervals.expanded(drawn[:, None], of_all.n.max(keepdims=True))
            rows.append(
                {
                    "condition_id": BASELINE,
                    "statistic": statistic,
                    "n_heads": n_heads,
                    "n": int(of_all.n.max()),
                    "value": float(value),
                    "low": float(low[0]),
                    "high": float(high[0]),
                }
            )
    if rows:
        insert(con, "foretold", [pa.Table.from_pylist(rows)])


def slopes(foretold: Array, measured: Array) -> Array:
    """Of a line through the origin, row by row: [samples, heads] twice -> [samples]."""
    square = (foretold**2).sum(axis=1)
    found = np.full(len(square), np.nan)
    np.divide((foretold * measured).sum(axis=1), square, out=found, where=square > 0)
    return found


def rank_correlations(foretold: Array, measured: Array) -> Array:
    """Spearman's rho row by row: [samples, heads] twice -> [samples]; equal values are no case."""
    one, other = (values.argsort(axis=1).argsort(axis=1) for values in (foretold, measured))
    heads = foretold.shape[1]
    rho: Array = 1 - 6 * ((one - other) ** 2).sum(axis=1) / (heads * (heads**2 - 1))
    return rho
