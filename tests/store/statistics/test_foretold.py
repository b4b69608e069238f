"""Slope and ranks of foretold and measured effects against numpy, scipy's formula and a loop."""

import math
from pathlib import Path

import numpy as np
import pytest

from store import open_run
from store.statistics import bootstrap, intervals
from store.statistics.foretold import rank_correlations, slopes
from tests.store.slow import slow_ends
from tests.synthetic import image_id, make_run


def test_the_table_equals_a_loop_over_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "N_BOOTSTRAP", 40)
    run = make_run(tmp_path, n_images=24, n_layers=4, conditions=True)
    weights = bootstrap.bootstrap_weights(24)
    with open_run(run) as opened:
        rows = opened.table("head_effect").dropna(subset="without")
        got = opened.table("foretold").set_index("statistic")
    images = {image_id(i): i for i in range(24)}
    heads: dict[tuple[int, int], list[tuple[int, float, float]]] = {}
    for row in rows.itertuples():
        heads.setdefault((row.layer, row.head), []).append(
            (images[row.image_id], -row.gradient, row.without)
        )

    def fit(counts: np.ndarray) -> tuple[float, float] | None:
        pairs = []
        for values in heads.values():
            total = sum(counts[i] for i, _, _ in values)
            if not total:
                return None
            pairs.append([sum(counts[v[0]] * v[k] for v in values) / total for k in (1, 2)])
        x, y = np.array(pairs).T
        (slope,), *_ = np.linalg.lstsq(x[:, None], y, rcond=None)
        ranks = [np.argsort(np.argsort(values)) for values in (x, y)]
        return float(slope), float(np.corrcoef(*ranks)[0, 1])

    whole = fit(np.ones(24))
    drawn = np.array([sample for sample in map(fit, weights) if sample])
    for k, statistic in enumerate(("slope", "rank")):
        row = got.loc[statistic]
        assert row.n_heads == len(heads)
        assert row.value == pytest.approx(whole[k])
        low, high = slow_ends(drawn[:, k], int(row.n))
        assert (row.low, row.high) == (pytest.approx(low, rel=1e-3), pytest.approx(high, rel=1e-3))


def test_slopes_and_ranks_of_plain_cases() -> None:
    foretold = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    assert slopes(foretold, 2 * foretold)[0] == pytest.approx(2)
    assert math.isnan(slopes(foretold, foretold)[1])
    assert rank_correlations(foretold[:1], foretold[:1] ** 3) == [1]
    assert rank_correlations(foretold[:1], -foretold[:1]) == [-1]


@pytest.mark.parametrize("n", [12, 40])
def test_the_slopes_interval_covers(n: int) -> None:
    """Over images that are shared by both sides, as a picture's gradient and effect are."""
    chance = np.random.default_rng(3)
    heads, repeats, true = 20, 200, 1.8
    effects = chance.exponential(0.1, heads)
    weights = chance.multinomial(n, [1 / n] * n, 300) / n
    covered = 0
    for _ in range(repeats):
        foretold = effects + chance.normal(0, 0.1, (n, heads)) * (1 + effects)
        measured = true * foretold + chance.normal(0, 0.2, (n, heads))
        drawn = slopes(weights @ foretold, weights @ measured)
        low, high = intervals.expanded(drawn[:, None], np.array([n]))
        covered += low[0] <= true <= high[0]
    assert 0.90 <= covered / repeats <= 0.98
