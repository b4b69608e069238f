"""Jaccard and ranks by hand; what is shared by chance, against draws."""

import random

import numpy as np
import pytest
from scipy.stats import spearmanr

from precompute.config.settings import PruningConfig
from precompute.heads.importance import Scores
from precompute.heads.stability import (
    jaccard,
    jaccard_by_chance,
    rank_correlation,
    stability,
)


def sample(means, n=4):
    """A sample whose heads have these mean scores at layer 2, and at layer 5 all the same."""
    rows = np.tile(np.array(means, dtype=float), (n, 1))
    heads = {2: rows, 5: np.full_like(rows, 0.5)}
    return Scores([str(i) for i in range(n)], heads, {at: np.zeros(n) for at in heads})


def test_all_pairs_of_samples_by_hand():
    means = ([0.9, 0.8, 0.1, 0.2], [0.9, 0.1, 0.8, 0.2], [0.1, 0.2, 0.9, 0.8])
    config = PruningConfig(name="x", top_k=2)
    got = stability([sample(values) for values in means], config)
    kept = [{0, 1}, {0, 2}, {2, 3}]
    shared = [jaccard(kept[a], kept[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert shared == [1 / 3, 0, 1 / 3]
    assert got["samples"] == 3
    assert got["jaccard"]["2"] == pytest.approx(sum(shared) / 3, abs=1e-6)
    rho = [spearmanr(means[a], means[b]).statistic for a, b in ((0, 1), (0, 2), (1, 2))]
    assert got["rank"] == {"2": pytest.approx(sum(rho) / 3, abs=1e-6), "5": None}
    assert stability([sample(means[0])], config) is None
    everything = stability([sample(values) for values in means], PruningConfig(name="x"))
    assert everything["jaccard"] == everything["chance"] == {}, "where all stay, all agree"


@pytest.mark.parametrize(("one", "other", "n"), [(4, 4, 8), (2, 5, 6), (12, 12, 16), (3, 3, 3)])
def test_what_random_sets_share_against_draws(one, other, n):
    chance = random.Random(0)
    drawn = [
        jaccard(set(chance.sample(range(n), one)), set(chance.sample(range(n), other)))
        for _ in range(4000)
    ]
    assert jaccard_by_chance(one, other, n) == pytest.approx(sum(drawn) / len(drawn), abs=0.01)


def test_the_ends():
    assert jaccard({1, 2}, {1, 2}) == 1
    assert jaccard({1}, {2}) == 0
    assert jaccard(set(), set()) == 1
    assert jaccard_by_chance(4, 4, 4) == 1
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
