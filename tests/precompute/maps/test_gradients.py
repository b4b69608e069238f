"""Word maps against central differences, by hooks on the library's own model."""

import pytest
import torch

from precompute.forward import run_states
from precompute.heads.effect import gradients
from precompute.maps.gradients import Asked, carried
from precompute.models import as_read
from tests.precompute.models.tiny_clip import clip, siglip
from tests.precompute.models.tiny_families import FAMILIES

PROMPT = "a short image caption."
STEP = 1e-2


def hooked(captioner, pixels, ids, tokens, layer, token, factor):
    """A word's log-probability, a patch of the library's Z^layer being moved from the mean."""
    vision = captioner.model.vision_model

    def scale(module, inputs, output=None):
        state = (inputs[0] if output is None else output).clone()
        mean = sum(state[:, k] for k in range(1, 65)) / 64
        state[:, token] = mean + factor * (state[:, token] - mean)
        return (state, *inputs[1:]) if output is None else state

    layers = vision.encoder.layers
    handle = (
        layers[0].register_forward_pre_hook(scale)
        if layer == 0
        else layers[layer - 1].register_forward_hook(scale)
    )
    memory = captioner.read(captioner.library_final_state(pixels), PROMPT)
    handle.remove()
    # Token by token: the log-probability of the caption's beginning, minus that of a shorter one.
    total = 0.0
    for k in range(*tokens):
        longer = (k + 1) * captioner.logprob(memory, [ids[: k + 1]])
        total += float(longer - (k * captioner.logprob(memory, [ids[:k]]) if k else 0.0))
    return total


def test_maps_are_central_differences(shipped):
    """Of captions of the other picture: of one's own a word is sure, and gradients are small."""
    captioner, pixels, said = shipped
    asked = [Asked(0, said[1], (4, 5)), Asked(1, said[0], (1, 3)), Asked(1, said[0], (5, 6))]
    at, top = [0, 5, 12], captioner.tower.n_layers
    got = carried(captioner, captioner.tower.embed(pixels), asked, at, top, PROMPT)
    for row, one in enumerate(asked):
        there = hooked(captioner, pixels[one.image, None], one.caption, one.tokens, 0, 0, 1.0)
        assert float(got.logprob[row]) == pytest.approx(there, abs=1e-3)
        for k, layer in enumerate(at):
            largest = got.maps[row, k].abs().amax()
            assert largest > 1e-3
            assert float(got.maps[row, k, 0]) == 0
            for token in (1, 27, int(got.maps[row, k].abs().argmax())):
                up, down = (
                    hooked(
                        captioner, pixels[one.image, None], one.caption, one.tokens,
                        layer, token, 1 + step,
                    )
                    for step in (STEP, -STEP)
                )  # fmt: skip
                expected = (up - down) / (2 * STEP)
                assert float(got.maps[row, k, token]) == pytest.approx(
                    expected, abs=0.02 * float(largest)
                )


def test_heads_of_all_tokens_add_up_to_the_captions_gradient(shipped):
    captioner, pixels, said = shipped
    embedded, wrong = captioner.tower.embed(pixels), said[::-1]
    asked = [Asked(i, wrong[i], (0, len(wrong[i]))) for i in (0, 1)]
    got = carried(captioner, embedded, asked, [3], captioner.tower.n_layers, PROMPT)
    whole = gradients(captioner, pixels, wrong, PROMPT).gradient
    largest = float(whole.abs().max())
    for i in (0, 1):
        torch.testing.assert_close(
            got.heads[i] / len(wrong[i]), whole[i], atol=1e-4 * largest, rtol=1e-3
        )


def test_a_lower_caption_has_no_maps_above_it(captioner, pixels):
    asked = [Asked(0, [5, 7, 9], (0, 1))]
    got = carried(captioner, captioner.tower.embed(pixels[:1]), asked, [1, 3], 2, PROMPT)
    assert got.maps[0, 0].abs().max() > 0 == got.maps[0, 1].abs().max()
    assert got.heads[0, :2].abs().max() > 0 == got.heads[0, 2].abs().max()
    alone = carried(captioner, captioner.tower.embed(pixels[:2]), asked * 3, [1, 3], 2, PROMPT)
    torch.testing.assert_close(alone.maps[2], got.maps[0], atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_has_maps(name, pictures):
    """Of a word's only token, scaling one patch of Z^1 up and down, through the family's reader."""
    family = FAMILIES[name]()
    tower = family.tower
    with torch.no_grad():
        embedded = tower.embed(family.pixels(pictures[:1]))
        states = [embedded, *run_states(tower, embedded)]
    ids = [5, 7, 9]
    got = carried(family, embedded, [Asked(0, ids, (1, 2))], [1], tower.n_layers, PROMPT)
    token = int(got.maps[0, 0].abs().argmax())
    values = []
    with torch.no_grad():
        for factor in (1 + STEP, 1 - STEP):
            moved = states[1].clone()
            mean = tower.patches(moved.transpose(1, 2)).mean(2)
            moved[:, token] = mean + factor * (moved[:, token] - mean)
            passed = [embedded, moved, *run_states(tower, moved, first=2)]
            memory = family.read(as_read(family, tower.n_layers, passed), PROMPT)
            two, one = (k * float(family.logprob(memory, [ids[:k]])) for k in (2, 1))
            values.append(two - one)
    expected = (values[0] - values[1]) / (2 * STEP)
    assert abs(expected) > 0
    assert float(got.maps[0, 0, token]) == pytest.approx(expected, rel=0.1, abs=2e-5)


@pytest.mark.parametrize("make", [clip, siglip])
def test_the_text_that_a_clip_chose_is_one_word(make, pictures):
    model = make()
    tower, top = model.tower, model.tower.n_layers
    with torch.no_grad():
        embedded = tower.embed(model.pixels(pictures[:1]))
        states = [embedded, *run_states(tower, embedded)]
    got = carried(model, embedded, [Asked(0, [2], (0, 1))], [top - 1, top], top, "a {}.")
    # What CLS alone is read from, no patch of the last layer carries.
    assert (got.maps[0, 1].abs().max() > 0) == (not tower.class_token)
    token = int(got.maps[0, 0].abs().argmax())
    values = []
    with torch.no_grad():
        for factor in (1 + STEP, 1 - STEP):
            moved = states[top - 1].clone()
            mean = tower.patches(moved.transpose(1, 2)).mean(2)
            moved[:, token] = mean + factor * (moved[:, token] - mean)
            *_, last = run_states(tower, moved, first=top)
            values.append(float(model.logprob(model.read(last, "a {}."), [[2]])))
    expected = (values[0] - values[1]) / (2 * STEP)
    assert float(got.maps[0, 0, token]) == pytest.approx(expected, rel=0.05, abs=1e-5)
