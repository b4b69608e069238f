"""Shrunk means by simulation: the largest are too large before, and are not after."""

import numpy as np
import pytest

from store.statistics.shrink import shrunk


def largest(values: np.ndarray, count: int) -> np.ndarray:
    return np.argsort(-np.abs(values))[:count]


@pytest.mark.parametrize(("tails", "least", "most"), [("normal", 0.9, 1.1), ("few", 0.75, 1)])
def test_the_winners_curse_is_taken_off(tails: str, least: float, most: float) -> None:
    """Shown over true of the ten largest of 96 heads, 400 times.

    Where few heads are large and the others do nothing, it errs on the side of caution.
    """
    chance = np.random.default_rng(0)
    before, after, wide = [], [], 0
    for _ in range(400):
        error = chance.uniform(0.02, 0.1, 96)
        true = chance.normal(0, 0.05, 96)
        if tails == "few":
            true = np.where(chance.random(96) < 0.15, 3 * true, 0.2 * true)
        seen = true + chance.normal(0, error)
        values, low, high = shrunk(seen, error)
        ten = largest(seen, 10)
        before.append((np.abs(seen[ten]).sum(), (np.sign(seen[ten]) * true[ten]).sum()))
        ten = largest(values, 10)
        after.append((np.abs(values[ten]).sum(), (np.sign(values[ten]) * true[ten]).sum()))
        wide += int(((low <= true) & (true <= high)).sum())
    curse, left = (np.sum(pairs, axis=0) for pairs in (before, after))
    assert curse[0] / curse[1] > 1.6
    assert least < left[0] / left[1] < most
    assert 0.92 < wide / (400 * 96) < 0.98
    assert left[1] > curse[1], "the ten are better chosen, too"


def test_means_without_noise_stay_and_noise_alone_is_one_mean() -> None:
    mean = np.array([0.3, -0.1, 0.2, 0.0])
    values, low, high = shrunk(mean, np.zeros(4))
    assert values == pytest.approx(mean, abs=1e-6)
    assert low == pytest.approx(high, abs=1e-3)
    values, low, high = shrunk(mean, np.full(4, 10.0))
    assert values == pytest.approx(np.full(4, mean.mean()))
    assert (low < mean.mean()).all() and (mean.mean() < high).all()
    # By hand: Q = 3 at a variance of effects of 0.0333 - 0.01.
    values, *_ = shrunk(mean, np.full(4, 0.1))
    share = 1 - 0.01 / mean.var(ddof=1)
    assert values == pytest.approx(mean.mean() + share * (mean - mean.mean()), abs=1e-6)
    assert shrunk([0.4], [0.1])[0] == pytest.approx([0.4])
