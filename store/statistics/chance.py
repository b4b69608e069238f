"""Does a choice of heads beat chance? A pruning minus random heads at equal count, image by image.

Computed at publish. Two things vary: the images, and which heads chance would have taken. The
interval is of both: bootstrap samples of images, and of the random choices. The p-value is that of
a permutation test over choices: the share of all choices, this one counted with the random ones,
that are at least as good. It can be no less than 1 over their number.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from store.metrics import METRICS
from store.statistics import intervals
from store.statistics.bootstrap import SEED, Array, sample_means
from store.statistics.changes import VALUES
from store.statistics.matrices import Values, insert, matrices, named_columns

_VALUES = Values(
    f"SELECT * FROM ({VALUES.sql}) WHERE condition_id IN "
    "(SELECT condition_id FROM condition WHERE kind = 'prune')",
    VALUES.key,
)
_SAME = 1e-6
"""Means that differ by less are equal: one text's BERTScore depends on its batch by 1e-7."""

_SIGN = {"more": 1, "less": -1, None: 0}

Measure = tuple[str, str, str]
"""Condition, metric, against."""


@dataclass(frozen=True)
class _Comparison:
    """A measure of a pruning, and its column beside those of the random heads at equal count."""

    measure: Measure
    column: int
    random: list[int]


def add_chance(con: duckdb.DuckDBPyConnection, weights: Array) -> None:
    """Fill table `chance`; scores, captions and `image_stat` are filled.

    An image counts where both sides have a value. A comparison needs two random choices.

    Args:
        con: the generation being built, after `bootstrap.prepare`.
        weights: from `bootstrap_weights`, of its images.
    """
    columns = named_columns(con, _VALUES)
    compared = list(_comparisons(con, columns))
    if compared:
        insert(con, "chance", [_rows(con, columns, compared, weights)])


def _comparisons(con: duckdb.DuckDBPyConnection, columns: pa.Table) -> Iterator[_Comparison]:
    place = {
        (row["condition_id"], row["metric"], row["against"]): k
        for k, row in enumerate(columns.to_pylist())
    }
    measures = defaultdict(list)
    for condition, metric, against in place:
        measures[condition].append((metric, against))
    for chosen, random in _groups(con):
        for condition in chosen:
            for what in measures[condition]:
                beside = [place[other, *what] for other in random if (other, *what) in place]
                if len(beside) > 1:
                    at = (condition, *what)
                    yield _Comparison(at, place[at], beside)


def _groups(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[list[str], list[str]]]:
    """Prunings of one group that remove as many heads of every layer: chosen ones, random ones."""
    found: dict[object, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    rows = con.execute("SELECT condition_id, spec FROM condition WHERE kind = 'prune' ORDER BY 1")
    for condition, text in rows.fetchall():
        spec = json.loads(text)
        pruning = spec.get("pruning") or {}
        removed = {
            int(layer): scales.count(0)
            for edit in spec["edits"]
            for layer, scales in edit.get("scale", {}).items()
            if 0 in scales
        }
        key = pruning.get("group"), tuple(sorted(removed.items()))
        found[key][pruning.get("algorithm") == "random"].append(condition)
    yield from found.values()


def _rows(
    con: duckdb.DuckDBPyConnection,
    columns: pa.Table,
    compared: list[_Comparison],
    weights: Array,
) -> pa.Table:
    sums = [np.zeros(len(one.random)) for one in compared]
    counts = [np.zeros(len(one.random)) for one in compared]

    def differences() -> Iterator[tuple[slice, Array]]:
        """To the mean of the random choices; beside them, the sums of the difference to each."""
        for images, values in matrices(con, _VALUES, columns, weights):
            of_mean = np.full((len(values), len(compared)), np.nan)
            for k, one in enumerate(compared):
                each = values[:, [one.column]] - values[:, one.random]
                there = np.isfinite(each)
                each = np.where(there, each, 0.0)
                n = there.sum(axis=1)
                np.divide(each.sum(axis=1), n, out=of_mean[:, k], where=n > 0)
                sums[k] += each.sum(axis=0)
                counts[k] += there.sum(axis=0)
            yield images, of_mean

    of_all = sample_means(differences(), weights, len(compared))
    rows = []
    for k, one in enumerate(compared):
        if not of_all.n[k]:
            continue
        known = counts[k] > 0
        each = sums[k][known] / counts[k][known]
        low, high = interval(of_all.samples[:, k], each, int(of_all.n[k]))
        condition, metric, against = one.measure
        described = METRICS.get(metric)
        rows.append(
            {
                "condition_id": condition,
                "metric": metric,
                "against": against,
                "n": int(of_all.n[k]),
                "n_random": len(each),
                "difference": float(of_all.mean[k]),
                "low": low,
                "high": high,
                "p": p_value(each, _SIGN[described.better if described else None]),
            }
        )
    return pa.Table.from_pylist(rows)


def interval(means: Array, each: Array, n: int, seed: int = SEED) -> tuple[float, float]:
    """95% interval of a mean difference to random choices, over images and choices.

    The expanded percentile interval, as wide as Student's t of the fewer of both.

    Args:
        means: [samples], the difference to the mean of the random choices in every bootstrap
            sample of images; NaN where a sample has no image with a value.
        each: [choices], the difference to each random choice, over all images.
        n: images.
        seed: of the bootstrap samples of choices.

    Returns:
        low and high; NaN below `intervals.LEAST_IMAGES` images or choices: over 5 choices it would
        hold the truth in 87% of cases.
    """
    drawn = np.random.default_rng(seed).integers(0, len(each), (len(means), len(each)))
    both = means + (each - each.mean())[drawn].mean(axis=1)
    low, high = intervals.expanded(both[:, None], np.array([min(n, len(each))]))
    return float(low[0]), float(high[0])


def p_value(each: Array, sign: int) -> float | None:
    """Of the hypothesis that a choice is one more random one, against that it is better.

    Args:
        each: [choices], its difference to each random choice.
        sign: 1 if more is better, -1 if less is; 0 if neither, where there is none.

    Returns:
        In [1 / (choices + 1), 1].
    """
    if not sign:
        return None
    return float(1 + (sign * each <= _SAME).sum()) / (len(each) + 1)
