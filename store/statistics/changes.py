"""What a condition does to the last layer's captions: paired with the baseline's, image by image.

Computed at publish. A pruning is judged on the images that its sample leaves (Table 1).
"""

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from store.metrics import yes_or_no
from store.schema import BASELINE
from store.statistics import intervals
from store.statistics.bootstrap import Array, summarise
from store.statistics.matrices import (
    Values,
    appended,
    blocks,
    families,
    insert,
    matrices,
    named_columns,
)
from store.statistics.translators import reader_ids

_KEY = ("condition_id", "metric", "against")
_MEASURE = _KEY[1:]
_AGAINST = ("reference", "label", "shuffled", "self")
"""What scores of both the condition and the baseline may be against."""

_AT_LAST = "layer = (SELECT max(n_layers) FROM run)"
VALUES = Values(
    "SELECT condition_id, metric, against, image_id, value FROM score "
    f"WHERE {_AT_LAST} AND against IN {_AGAINST} UNION ALL "
    "SELECT condition_id, 'final_logprob', 'final', image_id, final_logprob FROM caption "
    f"WHERE {_AT_LAST} UNION ALL "
    "SELECT condition_id, metric, 'self', image_id, value FROM image_stat",
    _KEY,
)
"""Every measure of the last layer's captions, and of an image as a whole, image by image."""

_COLUMNS = 256
"""Columns of conditions that are summed at once."""


def add_changes(con: duckdb.DuckDBPyConnection, weights: Array) -> None:
    """Fill table `change`; scores, captions and `image_stat` are filled.

    An image counts where both the condition and the baseline have a value. p-values are adjusted
    for all conditions of the run that have the measure.

    Args:
        con: the generation being built, after `bootstrap.prepare`.
        weights: from `bootstrap_weights`, of its images.
    """
    insert(con, "change", _changes(con, weights))


def _changes(con: duckdb.DuckDBPyConnection, weights: Array) -> Iterator[pa.Table]:
    columns = named_columns(con, VALUES)
    baseline = columns.filter(pc.equal(columns["condition_id"], BASELINE))
    # Readers leave the model and Z^L as they are (`store.statistics.translators`).
    left_out = pa.array([BASELINE, *reader_ids(con)])
    edited = (
        columns.filter(pc.invert(pc.is_in(columns["condition_id"], left_out)))
        .join(baseline.select(["metric", "against"]), ["metric", "against"], join_type="inner")
        .sort_by([(name, "ascending") for name in (*_MEASURE, "condition_id")])
    )
    place = {at: k for k, at in enumerate(_pairs(baseline))}
    for some in blocks(edited, _MEASURE, _COLUMNS):
        chosen = some.select(list(_KEY))
        partner = np.array([place[at] for at in _pairs(chosen)]) + len(chosen)
        both = pa.concat_tables([chosen, baseline])
        chunks = paired(matrices(con, VALUES, both, weights), partner)
        places = np.arange(3 * len(chosen))
        difference, before, after = np.split(places, 3)
        shares = np.tile(np.isin(chosen["metric"].to_pylist(), yes_or_no()), 3)
        summary = summarise(chunks, weights, shares, places < len(chosen))
        p = np.full(len(chosen), np.nan)
        for conditions in families(chosen, _MEASURE):
            p[conditions] = intervals.adjusted_p(
                summary.mean[conditions], summary.samples[:, conditions], summary.n[conditions]
            )
        yield appended(
            chosen,
            n=summary.n[difference],
            baseline=summary.mean[before],
            edited=summary.mean[after],
            difference=summary.mean[difference],
            low=summary.low[difference],
            high=summary.high[difference],
            adjusted_p=p,
        )


def _pairs(columns: pa.Table) -> list[tuple[str, str]]:
    return list(zip(columns["metric"].to_pylist(), columns["against"].to_pylist(), strict=True))


def paired(chunks: Iterator[tuple[slice, Array]], partner: Array) -> Iterator[tuple[slice, Array]]:
    """Difference, baseline and edited, each with the images alone that have both."""
    for images, values in chunks:
        edited, baseline = values[:, : len(partner)], values[:, partner]
        difference = edited - baseline
        there = np.isfinite(difference)
        yield (
            images,
            np.hstack(
                [difference, np.where(there, baseline, np.nan), np.where(there, edited, np.nan)]
            ),
        )
