"""Batches broken by the tiny captioner, against the same done to its pictures by hand."""

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.inputs.broken import Clean, break_pixels, seed_of
from precompute.inputs.corruptions import corrupt
from precompute.inputs.edits import read_edits
from tests.precompute import brute_force

PROMPT = "a short image caption."
IDS = ["one", "two"]


@pytest.fixture(scope="module")
def clean(captioner, pixels):
    pixels = pixels[:2]
    states = brute_force.states(captioner, pixels)
    captions = captioner.generate(captioner.read(states[-1], PROMPT), _Six())
    return Clean(IDS, pixels, states, captions, PROMPT)


class _Six:
    def model_dump(self):
        return {"num_beams": 1, "max_new_tokens": 6}


def _broken(captioner, clean, text):
    (edit,) = read_edits(text)
    return break_pixels(captioner, edit, clean)


@pytest.mark.parametrize("text", ["gaussian_noise@3", "pixelate@2", "fog@4:2"])
def test_a_corruption_is_that_of_the_picture_that_the_model_saw(captioner, clean, text):
    (edit,) = read_edits(text)
    seen = captioner.model_input(clean.pixels)
    by_hand = [
        corrupt(
            np.asarray(picture), edit.name, edit.severity, seed_of(i, f"{edit.name} {edit.seed}")
        )
        for picture, i in zip(seen, IDS, strict=True)
    ]
    expected = captioner.pixels([Image.fromarray(picture) for picture in by_hand])
    assert torch.allclose(_broken(captioner, clean, text), expected, atol=1e-5)


@pytest.mark.parametrize(
    "text", ["gaussian_noise@3", "occlude:50", "shuffle-patches:1", "occlude:40:map"]
)
def test_an_image_is_broken_alike_in_any_company(captioner, clean, text):
    both = _broken(captioner, clean, text)
    states = [state[1:] for state in clean.states]
    alone = Clean(IDS[1:], clean.pixels[1:], states, clean.captions[1:], PROMPT)
    assert torch.equal(_broken(captioner, alone, text), both[1:])
    assert not torch.equal(both, clean.pixels)


def test_more_is_covered_in_the_same_order(captioner, clean):
    less, more = (_broken(captioner, clean, f"occlude:{share}") == 0 for share in (30, 60))
    assert (more | ~less).all()
    other = _broken(captioner, clean, "occlude:30:1") == 0
    assert not torch.equal(other, less)


def test_the_map_s_first_patches_are_covered(captioner, clean):
    """By the library's own eager attention in its last block."""
    rows, columns = captioner.tower.grid
    covered = _broken(captioner, clean, "occlude:25:map")
    patterns = captioner.library_patterns(clean.pixels)[-1][..., 1:].mean(1)
    side = clean.pixels.shape[-1] // columns
    for i, pattern in enumerate(patterns):
        first = set(pattern.argsort(descending=True)[: round(rows * columns / 4)].tolist())
        for patch in range(rows * columns):
            row, column = divmod(patch, columns)
            there = covered[
                i, :, row * side : (row + 1) * side, column * side : (column + 1) * side
            ]
            assert (patch in first) == bool((there == 0).all())


@pytest.mark.parametrize("target", ["", ",target=a dog"])
def test_the_attack_s_loss_falls_and_it_stays_near(captioner, clean, target):
    eps = 4
    found = _broken(captioner, clean, f"pgd:eps={eps},step=2,n=3{target}")
    std = torch.tensor(captioner.processor.image_processor.image_std).reshape(3, 1, 1)
    assert ((found - clean.pixels) * std).abs().max() <= eps / 255 + 1e-6
    ids = [captioner.token_ids("a dog")] * 2 if target else clean.captions

    def logprob(pixels):
        state = captioner.library_final_state(pixels)
        return captioner.logprob(captioner.read(state, PROMPT), ids)

    change = logprob(found) - logprob(clean.pixels)
    assert ((change > 0) if target else (change < 0)).all()


def test_a_caption_of_one_s_own_has_the_tokens_of_a_model_s(captioner, clean):
    for ids in ([*captioner.token_ids("a dog on the beach")],):
        assert ids[-1] == captioner.model.language_model.config.eos_token_id
        assert captioner.text(ids) == "a dog on the beach"
