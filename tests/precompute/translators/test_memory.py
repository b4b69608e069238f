"""What the sums take, and the error of a tower that is too wide, which names the rank that fits."""

import re

import pytest
import torch

from precompute.translators import fit, stage
from precompute.translators.memory import (
    file_bytes,
    free_memory,
    lens_memory,
    memory_of,
    require_lens,
    require_memory,
)
from precompute.translators.storage import FILE_NAME
from precompute.translators.sums import empty

WIDTH, LAYERS = 1408, 39


def test_sums_are_as_large_as_they_are_said_to_be():
    for k in (5, 20):
        sums = empty(2, k, 20, "cpu")
        large = (sums.uu.numel() + sums.ut.numel()) * 8
        assert 2 * 4 * large <= memory_of(k, 20, 3)
    # At the paper's width: 31.7 MB a layer and split in float64, for 40 layers and two splits.
    assert memory_of("full", WIDTH, LAYERS) == pytest.approx(2.54e9 + 0.25e9, rel=0.02)
    assert memory_of(64, WIDTH, LAYERS) < 0.1 * memory_of("full", WIDTH, LAYERS)


def test_too_wide_a_tower_is_told_the_rank_that_fits():
    free = 10**9
    with pytest.raises(ValueError, match="of rank full for 39 layers of width 1408") as error:
        require_memory("full", WIDTH, LAYERS, free)
    rank = int(re.search(r"rank = (\d+) fits", str(error.value))[1])
    require_memory(rank, WIDTH, LAYERS, free)
    with pytest.raises(ValueError, match=f"rank = {rank} fits"):
        require_memory(rank + 1, WIDTH, LAYERS, free)
    with pytest.raises(ValueError, match="not even rank = 1 fits"):
        require_memory(64, WIDTH, LAYERS, 1000)
    require_memory("full", WIDTH, LAYERS, 4 * 10**9)
    with pytest.raises(ValueError, match="Leave 'jacobian' out"):
        require_lens(WIDTH, LAYERS, lens_memory(WIDTH, LAYERS))
    assert free_memory(torch.device("cpu")) > 10**6


def test_a_run_that_cannot_fit_them_stops_before_any_work(
    with_translators, execute_into, tmp_path, monkeypatch
):
    monkeypatch.setattr(stage, "free_memory", lambda _: 200_000)
    with pytest.raises(ValueError, match=r"width 32 .* rank = \d+ fits"):
        execute_into(tmp_path, with_translators)
    (run,) = tmp_path.glob("tiny-*")
    assert not list(run.glob("parts/*/*/part.json"))
    monkeypatch.setattr(fit, "free_memory", lambda _: 10**9)


def test_a_file_is_as_large_as_it_is_said_to_be(folder):
    for path in folder.glob(f"parts/translators.*/*/{FILE_NAME}"):
        content = path.read_bytes()
        numbers = len(content) - 8 - int.from_bytes(content[:8], "little")
        assert 0.7 * file_bytes("full", 32, 3) < numbers <= file_bytes("full", 32, 3)
