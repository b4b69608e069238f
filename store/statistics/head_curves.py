"""Means over images of what every head does, with intervals, computed at publish."""

import duckdb
import numpy as np

from store.metrics import head_columns
from store.statistics import intervals
from store.statistics.bootstrap import Array
from store.statistics.matrices import (
    Values,
    appended,
    families,
    has_class_token,
    insert,
    summaries,
)

_HEAD = ("condition_id", "layer", "head")
_EFFECTS = "head_effect"
"""The table whose measures are 0 of a head that does nothing."""


def _of_table(table: str, class_token: bool) -> Values:
    return Values(
        f"SELECT * FROM {table}",
        _HEAD,
        tuple((name, "self") for name in head_columns(table, class_token)),
        family=("condition_id",),
    )


_SCORES = Values(
    "SELECT condition_id, layer, head, metric, against, image_id, value FROM head_score",
    ("condition_id", "metric", "against", "layer", "head"),
)


def add_head_curves(con: duckdb.DuckDBPyConnection, weights: Array) -> None:
    """Fill table `head_curve` from head_stat, head_effect and head_score.

    Effects of heads have a p-value, adjusted for all heads of their condition.

    Args:
        con: the generation being built, after `bootstrap.prepare`.
        weights: from `bootstrap_weights`, of its images.
    """
    tables = [_of_table(table, has_class_token(con)) for table in ("head_stat", _EFFECTS)]
    for source in (*tables, _SCORES):
        for points, summary in summaries(con, source, weights):
            p = np.full(len(points), np.nan)
            if source.sql.endswith(_EFFECTS):
                for heads in families(points, ("condition_id", "metric")):
                    p[heads] = intervals.adjusted_p(
                        summary.mean[heads], summary.samples[:, heads], summary.n[heads]
                    )
            insert(con, "head_curve", [appended(points, adjusted_p=p)])
