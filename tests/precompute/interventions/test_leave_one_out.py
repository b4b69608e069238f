"""The bench of a mean that holds the image itself."""

import torch

from bench.leave_one_out import compared, means_of
from precompute.interventions.conditions import Shape
from precompute.interventions.parse import parse
from tests.precompute.brute_force import states


def test_means_without_the_image_by_a_plain_loop(captioner, pixels):
    got = states(captioner, pixels)
    condition = parse("confuse:1-2", Shape(3, 8))
    whole, others = means_of(got, condition)
    assert set(whole) == set(others) == {0, 1}
    for at in (0, 1):
        each = list(got[at])
        torch.testing.assert_close(whole[at], sum(each) / len(each))
        for i in range(len(each)):
            rest = each[:i] + each[i + 1 :]
            torch.testing.assert_close(others[at][i], sum(rest) / len(rest), atol=1e-5, rtol=1e-5)


def test_every_layer_and_image_is_compared(captioner, config, pixels):
    n, differ, by, effect = compared(captioner, config, pixels, "confuse")
    assert n == captioner.tower.n_layers * len(pixels)
    assert 0 <= differ <= n
    assert by > 0
    assert effect > 0
