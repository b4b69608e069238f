"""What carries the difference between two pictures, over all pairs: a curve a site."""

import duckdb
import numpy as np
import pyarrow as pa

from store.statistics import intervals
from store.statistics.bootstrap import Array
from store.statistics.matrices import insert

_SAMPLES = 1000
_SEED = 0


def add_patching(con: duckdb.DuckDBPyConnection) -> None:
    """Fill table `patch_curve` from the exact effects of `patch_effect` that every pair has.

    A pair counts once, with the mean of its two ways; pairs are drawn anew for the interval, the
    expanded percentile one, which fewer than `intervals.LEAST_IMAGES` pairs do not have.
    """
    rows = con.execute(
        "SELECT site, layer, pair, avg(exact) AS effect FROM patch_effect "
        "WHERE chosen = 'all' AND exact IS NOT NULL GROUP BY site, layer, pair "
        "ORDER BY site, layer, pair"
    ).fetchall()
    by_point: dict[tuple[str, int], list[float]] = {}
    for site, layer, _, effect in rows:
        by_point.setdefault((site, layer), []).append(effect)
    found = []
    for (site, layer), effects in by_point.items():
        low, high = interval(np.asarray(effects))
        point = {"site": site, "layer": layer, "n": len(effects), "mean": float(np.mean(effects))}
        found.append({**point, "low": low, "high": high})
    if found:
        insert(con, "patch_curve", [pa.Table.from_pylist(found)])


def interval(values: Array) -> tuple[float, float]:
    """The 95% interval of a mean over pairs; NaN of too few.

    Args:
        values: one a pair; [pair].
    """
    drawn = np.random.default_rng(_SEED).integers(len(values), size=(_SAMPLES, len(values)))
    low, high = intervals.expanded(values[drawn].mean(1)[:, None], np.array([len(values)]))
    return float(low[0]), float(high[0])
