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
from tests.precompute.models.tiny_families import FAMILIES


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


@pytest.mark.parametrize("top", [1, 2, 3])
def test_from_the_top_so_many_blocks_are_permuted(any_captioner, top):
    """Those of the wholly permuted tower, above matrices that are as they were."""
    plain, whole = any_captioner.tower, with_permuted_tower(any_captioner, 5).tower
    some = with_permuted_tower(any_captioner, 5, top).tower
    of_block = (len(plain.matrices) - 2) // 3  # behind the patches' and the positions'
    below = 2 + (3 - top) * of_block
    for k, (one, was, all_) in enumerate(
        zip(some.matrices, plain.matrices, whole.matrices, strict=True)
    ):
        assert torch.equal(one, was if k < below else all_)
    assert some.blocks[-1].proj.weight is some.matrices[len(plain.matrices) - 3]
    with torch.no_grad():
        torch.testing.assert_close(some.blocks[-1].w_o.flatten(0, 1), some.blocks[-1].proj.weight.T)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_familys_top_block_is_its_own(name):
    captioner = FAMILIES[name]()
    some = with_permuted_tower(captioner, 5, 1).tower
    changed = {
        k
        for k, (one, was) in enumerate(zip(some.matrices, captioner.tower.matrices, strict=True))
        if not torch.equal(one, was)
    }
    assert changed == set(range(min(changed), len(some.matrices)))
    assert (
        next(k for k, m in enumerate(some.matrices) if m is some.blocks[-1].proj.weight) in changed
    )
    if len(some.blocks) > 1:
        lower = next(k for k, m in enumerate(some.matrices) if m is some.blocks[-2].proj.weight)
        assert lower < min(changed)
