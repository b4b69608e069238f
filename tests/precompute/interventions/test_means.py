"""Means as edits get them. `test_sweep` holds those of a run against a plain loop."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from precompute.forward.layers import run_states
from precompute.interventions.apply import layer_edits
from precompute.interventions.conditions import MeanSource, Shape
from precompute.interventions.means import read_means
from precompute.interventions.parse import parse
from precompute.models.vision import view_tower
from store.disk.runs import create_run, update_run
from store.parts.means import MEANS_FILE, StateSums, write_sums
from store.parts.write import mark_complete, stage_folder, write_part
from tests.precompute.brute_force import means

BEYOND_HALF = 70_000.0


@pytest.fixture
def mixed(captioner):
    """The tower in LAVIS's precision on a GPU: matrices of float16 over states of float32."""
    vision = copy.deepcopy(captioner.model.vision_model)
    for module in vision.modules():
        if isinstance(module, nn.Linear):
            module.half()

    def half(function):
        def call(x):
            with torch.autocast("cpu", dtype=torch.float16):
                return function(x)

        return call

    tower = view_tower(vision)
    blocks = (replace(block, qkv=half(block.qkv), mlp=half(block.mlp)) for block in tower.blocks)
    return replace(tower, blocks=tuple(blocks))


def write_mean(results, mean):
    """A run with the mean of Z^1 over one image, and nothing else."""
    run = create_run(results, "tiny-1", {"decides": {}, "weights_sha256": "w" * 64})
    stage = stage_folder(run, "means", {})
    with write_part(stage, "images-000000") as part:
        sums = mean.double().numpy()[None]
        write_sums(part.path / MEANS_FILE, StateSums("tiny", "w" * 64, (1,), ("one",), sums))
    mark_complete(stage, ["images-000000"])
    update_run(run, stages={"means": stage.name})
    return run


@torch.inference_mode()
@pytest.mark.parametrize("text", ["mean:2", "confuse:2"])
def test_in_mixed_precision_a_mean_has_the_precision_of_the_states(
    captioner, mixed, pixels, tmp_path, text
):
    assert mixed.dtype == torch.float16
    mean = means(captioner, [pixels])[1].clone()
    mean[5, 3] = BEYOND_HALF
    run = write_mean(tmp_path, mean)
    got = read_means(run, MeanSource(), {1}, mixed)
    torch.testing.assert_close(got[1], mean, rtol=1e-6, atol=1e-6)
    condition, embedded = parse(text, Shape(3, 8)), captioner.tower.embed(pixels)
    *_, last = run_states(mixed, embedded, layer_edits(mixed, condition, got))
    exact_edits = layer_edits(captioner.tower, condition, {1: mean})
    *_, exact = run_states(captioner.tower, embedded, exact_edits)
    torch.testing.assert_close(last, exact, rtol=1e-3, atol=0.02)
