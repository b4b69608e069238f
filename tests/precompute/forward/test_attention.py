"""Eq. 7-8 and their companions against plain numpy and Python."""

import math

import numpy as np
import pytest
import torch

from precompute.forward import attention


@pytest.fixture
def patterns():
    """Random attention of two layers: [image, head, token]."""
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.full(17, 0.3), (2, 4, 5)).astype(np.float32)


def test_attn_to_patches_is_all_but_cls(patterns):
    got = attention.attn_to_patches(torch.from_numpy(patterns[0])).mean(-1)
    for image in range(4):
        a = sum(patterns[0, image, h, i] for h in range(5) for i in range(1, 17)) / 5
        assert got[image].item() == pytest.approx(a, rel=1e-5)
        assert 0 <= got[image] <= 1


def test_entropy_is_of_the_normalised_patch_map(patterns):
    got = attention.entropy(torch.from_numpy(patterns[0, ..., 1:]))
    p = patterns[0, 2, 3, 1:].astype(float)
    p /= p.sum()
    assert got[2, 3].item() == pytest.approx(-sum(x * math.log(x) for x in p if x), rel=1e-4)


def test_entropy_ends():
    even = torch.full((16,), 1 / 17)
    one = torch.zeros(16)
    one[5] = 1
    nothing = torch.zeros(16)
    assert attention.entropy(even).item() == pytest.approx(math.log(16), rel=1e-5)
    assert attention.entropy(one).item() == 0
    assert attention.entropy(nothing).item() == 0


def test_map_shift_is_total_variation(patterns):
    got = attention.map_shift(*torch.from_numpy(patterns[[1, 0], ..., 1:]))
    for image in range(4):
        here, before = (patterns[i, image].mean(0)[1:] for i in (1, 0))
        expected = np.abs(here / here.sum() - before / before.sum()).sum() / 2
        assert got[image].item() == pytest.approx(expected, rel=1e-4)


def test_map_shift_ends():
    left, right = torch.zeros(2, 5), torch.zeros(2, 5)
    left[:, 1], right[:, 4] = 0.2, 0.9
    assert attention.map_shift(left, right).item() == pytest.approx(1)
    assert attention.map_shift(left, left * 3).item() == pytest.approx(0)


def test_outliers_are_counted_against_the_pictures_own_patches():
    rng = np.random.default_rng(0)
    norms = rng.normal(10, 1, (3, 64)).astype(np.float32)
    norms[1, [5, 9]] = 100
    median = np.median(norms, axis=1, keepdims=True)
    mad = np.median(np.abs(norms - median), axis=1, keepdims=True)
    expected = (norms > median + attention.OUTLIER_MADS * 1.4826 * mad).sum(1)
    assert attention.n_outliers(torch.from_numpy(norms)).tolist() == expected.tolist() == [0, 2, 0]
