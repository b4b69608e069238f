"""Means over images of what every head does, with intervals, computed at publish."""

import duckdb

from store.metrics import head_columns
from store.statistics.bootstrap import Array, Values, insert, summaries


def _sources() -> tuple[Values, ...]:
    return (
        *(
            Values(
                f"SELECT * FROM {table}",
                ("condition_id", "layer", "head"),
                tuple((name, "self") for name in head_columns(table)),
            )
            for table in ("head_stat", "head_effect")
        ),
        Values(
            "SELECT condition_id, layer, head, metric, against, image_id, value FROM head_score",
            ("condition_id", "metric", "against", "layer", "head"),
        ),
    )


def add_head_curves(con: duckdb.DuckDBPyConnection, weights: Array) -> None:
    """Fill table `head_curve` from head_stat, head_effect and head_score.

    Args:
        con: the generation being built, after `bootstrap.prepare`.
        weights: from `bootstrap_weights`, of its images.
    """
    for source in _sources():
        insert(con, "head_curve", summaries(con, source, weights))
