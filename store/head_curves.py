"""Means over images of what every head does, with intervals, computed at publish."""

import duckdb

from store.bootstrap import Array, Values, insert, summaries
from store.schema import TABLES

_KEY = ("condition_id", "metric", "against", "layer", "head")

_METRICS = tuple(
    (table, metric)
    for table in ("head_stat", "head_effect")
    for metric in TABLES[table].columns if metric not in TABLES[table].key
)
_SOURCES = (
    *(f"SELECT condition_id, layer, head, '{metric}' AS metric, 'self' AS against, image_id, "
      f"\"{metric}\" AS value FROM {table}" for table, metric in _METRICS),
    "SELECT condition_id, layer, head, metric, against, image_id, value FROM head_score",
)


def add_head_curves(con: duckdb.DuckDBPyConnection, weights: Array) -> None:
    """Fill table `head_curve` from head_stat, head_effect and head_score.

    Args:
        con: the generation being built, after `bootstrap.prepare`.
        weights: from `bootstrap_weights`, of its images.
    """
    for source in _SOURCES:
        insert(con, "head_curve", summaries(con, Values(source, _KEY), weights))
