"""Other estimates of a landmark, which the bench tries, on plain cases and against a slow loop."""

import numpy as np
import pytest

from bench import landmark_others as others
from bench.landmarks import NOISES, data_sets, straight


@pytest.mark.parametrize("seed", range(4))
def test_the_level_has_the_least_estimated_error_of_all_windows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    means = np.sort(rng.normal(size=6)) * (1 + seed) / 4
    samples = means + 0.2 * rng.normal(size=(400, 6)) + 0.1 * rng.normal(size=(400, 1))
    found = []
    for k in range(1, 7):
        drawn, last = samples[:, -k:].mean(axis=1), samples[:, -1]
        value = means[-k:].mean()
        bias = max((value - means[-1]) ** 2 - np.var(drawn - last, ddof=1), 0)
        found.append((bias + np.var(drawn, ddof=1), value))
    assert others.level(means, np.cov(samples.T)) == pytest.approx([min(found)[1]])


def test_a_level_end_is_used_and_a_late_rise_is_not() -> None:
    noise = 0.01 * np.eye(8)
    assert others.level(np.ones(8), noise)[0] == 1
    assert others.level(np.array([0.0] * 7 + [9.0]), noise)[0] == 9


def test_tests_exclude_all_layers_but_the_one_that_is_plainly_it() -> None:
    margin = np.array([-1.0] * 5 + [1.0] * 4)
    samples = margin + 0.1 * np.random.default_rng(0).normal(size=(200, 9))
    assert others.not_excluded(margin, samples) == (5, 5)
    low, high = others.not_excluded(margin / 100, samples - margin * 0.99)
    assert low < 5 < high


def test_who_knows_the_shape_finds_the_place() -> None:
    (((means, samples),),) = data_sets([straight(0.95, 20)], NOISES["sd 0.1"], 500, 1)
    assert others.known_shape(means, np.cov(samples.T), straight) == 20
    found = others.ways(means, samples, straight(0.95, 20), straight)
    assert {row[0] for row in found.values()} == {20}
    assert all(low <= 20 <= high for _, low, high in found.values())
