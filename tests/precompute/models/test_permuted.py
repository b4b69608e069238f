"""A permuted tower against the library's own model, whose weights are permuted by hand."""

from dataclasses import replace

import pytest
import torch

from precompute.forward.capture import capture
from precompute.forward.layers import run_states
from precompute.models.blip import BlipCaptioner
from precompute.models.huggingface import HuggingFaceCaptioner
from precompute.models.permuted import with_permuted_tower
from precompute.models.vision import view_tower
from tests.precompute.brute_force import permuted_model, states
from tests.precompute.models.tiny import blip, blip2


@pytest.fixture(params=["instructblip", "blip2", "blip"])
def any_captioner(request, captioner):
    if request.param == "instructblip":
        return captioner
    made, kind = {"blip2": (blip2, HuggingFaceCaptioner), "blip": (blip, BlipCaptioner)}[
        request.param
    ]
    model, processor = made()
    return kind(model, processor, view_tower(model.vision_model))


def all_states(tower, pixels):
    state = tower.embed(pixels)
    return [state, *run_states(tower, state)]


@torch.inference_mode()
def test_states_are_those_of_the_librarys_model_permuted_by_hand(any_captioner, pictures):
    pixels = any_captioner.pixels(pictures)
    mine = all_states(with_permuted_tower(any_captioner, 7).tower, pixels)
    theirs = states(replace(any_captioner, model=permuted_model(any_captioner.model, 7)), pixels)
    assert len(mine) == len(theirs) == 4
    for one, other, plain in zip(mine, theirs, states(any_captioner, pixels), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
        assert (one - plain).abs().mean() > 0.1 * plain.abs().mean()


def test_the_captioner_and_the_librarys_model_stay_as_they_were(captioner, pixels):
    before = {name: weight.clone() for name, weight in captioner.model.state_dict().items()}
    expected = all_states(captioner.tower, pixels)
    permuted = with_permuted_tower(captioner, 0)
    all_states(permuted.tower, pixels)
    for name, weight in captioner.model.state_dict().items():
        assert torch.equal(weight, before[name]), name
    for one, other in zip(all_states(captioner.tower, pixels), expected, strict=True):
        assert torch.equal(one, other)
    kept = {weight.data_ptr() for weight in captioner.model.parameters()}
    assert not any(weight.data_ptr() in kept for weight in permuted.tower.matrices)


def test_every_matrix_keeps_its_numbers_and_a_seed_says_where_they_go(captioner):
    first, again, other = (with_permuted_tower(captioner, seed).tower for seed in (3, 3, 4))
    assert len(captioner.tower.matrices) == 2 + 4 * captioner.tower.n_layers
    for matrices in zip(
        captioner.tower.matrices, first.matrices, again.matrices, other.matrices, strict=True
    ):
        plain, one, two, three = matrices
        assert torch.equal(one.flatten().sort().values, plain.flatten().sort().values)
        assert torch.equal(one, two)
        assert not torch.equal(one, plain)
        assert not torch.equal(one, three)


@torch.inference_mode()
def test_what_blocks_derive_from_their_weights_follows(captioner, pixels):
    permuted = with_permuted_tower(captioner, 5)
    seen = capture(permuted.tower, pixels)
    expected = replace(captioner, tower=view_tower(permuted_model(captioner.model, 5).vision_model))
    theirs = capture(expected.tower, pixels)
    torch.testing.assert_close(seen.contribution, theirs.contribution, atol=1e-5, rtol=1e-3)
