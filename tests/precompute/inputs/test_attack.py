"""The attack on a function that is known, and what it keeps to."""

import pytest
import torch

from precompute.inputs.attack import descend


def test_a_linear_objective_is_driven_to_the_ball_s_corner():
    start = torch.full((2, 3, 2, 2), 0.5)
    slope = torch.tensor([1.0, -1.0])[:, None, None, None] * torch.ones_like(start)
    slope[:, 0] = 0  # there it has no reason to move
    found = descend(start, lambda v: (slope * v).sum((1, 2, 3)), eps=0.1, step=0.04, n=5)
    assert torch.allclose(found, start - 0.1 * slope, atol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_it_stays_within_the_ball_and_the_picture_and_never_rises(n):
    generator = torch.Generator().manual_seed(n)
    start = torch.rand(3, 3, 4, 4, generator=generator)
    weights = torch.randn(3, 3, 4, 4, generator=generator)

    def wild(values):  # falls and rises within a step
        return (weights * (values * 60).sin()).sum((1, 2, 3))

    found = descend(start, wild, eps=0.03, step=0.02, n=n)
    assert (found - start).abs().max() <= 0.03 + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1
    assert (wild(found) <= wild(start)).all()
    assert (n == 0) == bool(torch.equal(found, start))


def test_it_works_in_inference_mode():
    with torch.inference_mode():
        start = torch.full((1, 3, 2, 2), 0.5)
        found = descend(start, lambda v: v.sum((1, 2, 3)), eps=0.1, step=0.1, n=1)
    assert torch.allclose(found, start - 0.1)
