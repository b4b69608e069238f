"""Intervals against plain ones, and how often they hold the truth."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from store.statistics import intervals
from store.statistics.bootstrap import summarise
from tests.store.slow import slow_quantile, slow_share


@pytest.mark.parametrize("n", [10, 11, 20, 48, 100])
def test_the_quantile_is_students(n: int) -> None:
    got = intervals.students(intervals.Z, np.array([n]))[0]
    assert got == pytest.approx(slow_quantile(n), abs=2e-3)


@pytest.mark.parametrize("n", [1, 5, 48])
def test_wilson_by_trying_every_share(n: int) -> None:
    for count in {0, 1, n // 2, n}:
        got = intervals.wilson(np.array([count / n]), np.array([n]))
        expected = slow_share(np.array([1.0] * count + [0.0] * (n - count)))
        assert (got[0][0], got[1][0]) == pytest.approx(expected, abs=1e-5)


def weights_of(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), 1000).astype(np.uint8)


def covered(values: np.ndarray, truth: float, *, share: bool = False) -> float:
    """Of data sets, a column each: in how many the interval holds the truth."""
    n, k = values.shape
    summary = summarise(iter([(slice(0, n), values)]), weights_of(n), np.full(k, share))
    return float(((summary.low <= truth) & (truth <= summary.high)).mean())


@pytest.mark.parametrize("n", [10, 20, 48])
def test_intervals_of_means_cover(n: int) -> None:
    # A short run of `python -m bench.intervals`.
    rng = np.random.default_rng(n)
    assert 0.92 <= covered(rng.normal(size=(n, 1000)), 0) <= 0.97
    assert covered(rng.exponential(size=(n, 1000)), 1) >= 0.87


@pytest.mark.parametrize("n", [1, 5, 10, 48])
def test_intervals_of_shares_cover(n: int) -> None:
    rng = np.random.default_rng(n)
    for share in (0.1, 0.5, 0.95):
        values = (rng.random((n, 1000)) < share).astype(float)
        assert covered(values, share, share=True) >= 0.88 or n == 1


def test_few_images_have_no_interval_but_shares_do() -> None:
    for n in (1, 5, 9, 10):
        values = np.column_stack([np.arange(n) / 7, np.ones(n), np.ones(n)])
        summary = summarise(
            iter([(slice(0, n), values)]), weights_of(n), np.array([False, True, False])
        )
        assert np.isfinite(summary.low).tolist() == [n == 10, True, n == 10]
        assert summary.low[1] < 1 == summary.high[1]
        assert summary.n.tolist() == [n, n, n]


def test_a_measure_that_is_between_0_and_1_of_an_image_is_no_share() -> None:
    values = np.tile([0.0, 0.5, 1.0], 10)[:, None]
    as_mean = summarise(iter([(slice(0, 30), values)]), weights_of(30), np.array([False]))
    asked = summarise(iter([(slice(0, 30), values)]), weights_of(30), np.array([True]))
    assert (asked.low[0], asked.high[0]) == (as_mean.low[0], as_mean.high[0])
    assert not asked.shares[0]


def test_where_no_pair_changed_a_difference_of_shares_has_room() -> None:
    values = np.zeros((48, 1))
    yes = np.array([True])
    summary = summarise(iter([(slice(0, 48), values)]), weights_of(48), yes, yes)
    assert summary.low[0] == -summary.high[0] == pytest.approx(-1.959964 / 50)


def slow_largest(mean: np.ndarray, samples: np.ndarray) -> list[float]:
    """Of every sample: how many standard errors its worst mean is off."""
    errors = [np.std(column) for column in samples.T]
    return [
        max(
            abs(value - at) / error
            for value, at, error in zip(row, mean, errors, strict=True)
            if error > 0
        )
        for row in samples
    ]


def student(z: float, n: int = 14) -> float:
    """Student's t with as much beyond it as the normal has beyond z, by adding up its density."""
    v, step, t = n - 1, 1e-3, 0.0
    scale = math.gamma((v + 1) / 2) / (math.sqrt(v * math.pi) * math.gamma(v / 2))
    below, goal = 0.5, NormalDist().cdf(z)
    while below < goal:
        t += step
        below += step * scale * (1 + (t - step / 2) ** 2 / v) ** (-(v + 1) / 2)
    return t


def test_bands_and_adjusted_p_equal_a_loop_over_samples() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(14, 6)) + np.linspace(0, 1.5, 6)
    values[:, 2] = 0.25  # no spread
    mean, samples, n = values.mean(0), weights_of(14) @ values / 14, np.full(6, 14)
    worst = slow_largest(mean, samples)
    errors = [np.std(samples[:, k]) * (14 / 13) ** 0.5 for k in range(6)]
    low, high = intervals.simultaneous(mean, samples, n, np.zeros(6, bool))
    factor = float(np.quantile(worst, 0.95))
    for k in range(6):
        half = student(factor) * errors[k]
        assert (low[k], high[k]) == pytest.approx((mean[k] - half, mean[k] + half), abs=0.005)
    p = intervals.adjusted_p(mean, samples, n)
    for k in (0, 1, 3, 4, 5):
        more = sum(student(value) >= abs(mean[k]) / errors[k] for value in worst)
        assert p[k] == pytest.approx((1 + more) / 1001, abs=5e-3)
    assert p[2] == 1 / 1001  # the same in all images, and not 0
    assert p.max() > 0.2


def test_bands_hold_whole_curves() -> None:
    # Neighbouring layers are alike, as in a tower; pointwise intervals hold fewer whole curves.
    rng = np.random.default_rng(0)
    weights = weights_of(48) / 48
    whole, pointwise = [], []
    for _ in range(200):
        values = np.cumsum(rng.normal(size=(48, 30)), axis=1)
        mean, samples, n = values.mean(0), weights @ values, np.full(30, 48)
        low, high = intervals.simultaneous(mean, samples, n, np.zeros(30, bool))
        whole.append(bool(((low <= 0) & (high >= 0)).all()))
        low, high = intervals.expanded(samples, n)
        pointwise.append(bool(((low <= 0) & (high >= 0)).all()))
    assert 0.9 <= np.mean(whole) <= 0.99
    assert np.mean(pointwise) < np.mean(whole) - 0.05


def test_heads_that_do_nothing_are_rarely_called_effects() -> None:
    rng = np.random.default_rng(1)
    weights = weights_of(48) / 48
    least = []
    for _ in range(600):
        values = rng.normal(size=(48, 60))
        p = intervals.adjusted_p(values.mean(0), weights @ values, np.full(60, 48))
        least.append(p.min())
    assert 0.03 <= np.mean(np.array(least) <= 0.05) <= 0.09
    assert intervals.adjusted_p(np.zeros(3), np.zeros((9, 3)), np.full(3, 48)).tolist() == [1, 1, 1]


def test_a_band_of_shares_stays_within_0_and_1() -> None:
    for values in (np.ones((20, 4)), (np.arange(80).reshape(20, 4) % 7 > 0).astype(float)):
        mean, samples, n = values.mean(0), weights_of(20) @ values / 20, np.full(4, 20)
        low, high = intervals.simultaneous(mean, samples, n, np.ones(4, bool))
        alone, _ = intervals.wilson(mean, n)
        assert (low < alone).all() and (low >= 0).all() and (high <= 1).all()
        assert (high >= mean).all()


def test_few_images_are_in_no_family() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 3))
    mean, samples = values.mean(0), weights_of(40) @ values / 40
    alone = intervals.adjusted_p(mean[:2], samples[:, :2], np.array([40, 40]))
    with_few = intervals.adjusted_p(mean, samples, np.array([40, 40, 9]))
    assert with_few[:2].tolist() == alone.tolist() and np.isnan(with_few[2])
