"""Areas under deletion and insertion against a plain loop over edited pictures."""

import numpy as np
import pytest
import torch

from precompute.config import FaithfulnessConfig
from precompute.forward import BatchSize
from precompute.maps import curves

PROMPT = "a short image caption."
N, COLUMNS = 64, 8


def probable(captioner, pixels, ids):
    state = captioner.library_final_state(pixels[None])
    return float(captioner.logprob(captioner.read(state, PROMPT), [ids]))


@torch.inference_mode()
def test_areas_are_those_of_a_loop(shipped):
    captioner, pixels, said = shipped
    config = FaithfulnessConfig(steps=3, fills=("mean",), orders=1)
    rng = np.random.default_rng(0)
    orders = [[rng.permutation(N) for _ in range(2)] for _ in range(2)]
    size = BatchSize(5, "faithfulness.batch_size")
    got = curves.areas(captioner, pixels[:2], said, orders, config, PROMPT, size)
    assert len(got) == 2 * 2 * 2
    side = pixels.shape[2] // COLUMNS
    for (image, order, _, way), area in got.items():
        values, counts = [], [0, 21, 43, 64]
        for count in counts:
            first = orders[image][order][:count].tolist()
            gone = first if way == "deletion" else [p for p in range(N) if p not in first]
            edited = pixels[image].clone()
            for patch in gone:
                y, x = patch // COLUMNS * side, patch % COLUMNS * side
                for channel in range(3):
                    edited[channel, y : y + side, x : x + side] = pixels[image, channel].mean()
            values.append(probable(captioner, edited, said[image]))
        whole, none = (values[0], values[-1]) if way == "deletion" else (values[-1], values[0])
        shares = [(value - none) / (whole - none) for value in values]
        expected = sum(
            (shares[k] + shares[k + 1]) / 2 * (counts[k + 1] - counts[k]) / N for k in range(3)
        )
        assert area == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_caption_that_needs_no_patch_has_no_area(shipped, monkeypatch):
    captioner, pixels, said = shipped
    monkeypatch.setattr(curves, "LEAST_SPAN", np.inf)
    config = FaithfulnessConfig(steps=2, fills=("mean",))
    orders = [[np.arange(N)], [np.arange(N)]]
    size = BatchSize(8, "faithfulness.batch_size")
    assert curves.areas(captioner, pixels[:2], said, orders, config, PROMPT, size) == {}


def test_orders_go_down_and_random_ones_are_the_pictures_own():
    values = torch.tensor([1.0, 3.0, -2.0, 3.0])
    assert curves.order_of(values).tolist() == [1, 3, 0, 2]
    one = curves.random_orders(9, 2, 0, "a")
    assert [sorted(order.tolist()) for order in one] == [list(range(9))] * 2
    again = curves.random_orders(9, 2, 0, "a")
    assert all(np.array_equal(x, y) for x, y in zip(one, again, strict=True))
    assert not np.array_equal(one[0], curves.random_orders(9, 2, 0, "b")[0])
    assert not np.array_equal(one[0], one[1])
