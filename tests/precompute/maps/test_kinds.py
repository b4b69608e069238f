"""Every kind of map against the library's eager attention and its gradients."""

import pytest
import torch

from precompute.forward import run_layers, run_states
from precompute.heads.effect import gradients
from precompute.maps.kinds import KINDS, maps_of
from tests.precompute.models.tiny_families import FAMILIES

PROMPT = "a short image caption."
AT = [1, 2, 7, 12]


@pytest.fixture(scope="module")
def got(shipped):
    """Of each other's captions: of their own they are sure, and gradients are small."""
    captioner, pixels, said = shipped
    return maps_of(captioner, pixels, said[::-1], AT, PROMPT)


@pytest.fixture(scope="module")
def eager(shipped):
    """The library's eager patterns and states, and the captions' gradients in them, of AT."""
    captioner, pixels, said = shipped
    vision = captioner.model.vision_model
    vision.set_attn_implementation("eager")
    kept = []
    handles = [
        layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
        for layer in vision.encoder.layers
    ]
    with torch.enable_grad():
        patterns = vision(pixels.clone().requires_grad_(), output_attentions=True).attentions
        logprob = captioner.logprob(captioner.read(kept[-1], PROMPT), said[::-1])
        found = torch.autograd.grad(logprob.sum(), [*patterns, *kept])
    for handle in handles:
        handle.remove()
    vision.set_attn_implementation("sdpa")
    n = len(patterns)
    return [
        {layer: values[layer - 1].detach() for layer in range(1, n + 1)}
        for values in (patterns, found[:n], kept, found[n:])
    ]


def test_gradient_times_attention_is_that_of_the_librarys_matrices(got, eager):
    patterns, of_patterns, _, _ = eager
    for k, layer in enumerate(AT):
        largest = float(got["gradient_attention"][:, k].max())
        for image, patch in ((0, 0), (0, 27), (1, 63)):
            total = 0.0
            for head in range(8):
                for query in range(65):
                    place = image, head, query, patch + 1
                    total += max(0.0, float(patterns[layer][place] * of_patterns[layer][place]))
            mine = float(got["gradient_attention"][image, k, patch])
            assert mine == pytest.approx(total / 8, rel=1e-3, abs=1e-4 * largest)


def test_gradient_times_state_is_that_of_the_librarys_states(got, eager):
    _, _, states, of_states = eager
    for k, layer in enumerate(AT):
        patches = states[layer][:, 1:]
        expected = ((patches - patches.mean(1, keepdim=True)) * of_states[layer][:, 1:]).sum(-1)
        largest = float(expected.abs().max())
        assert largest > 1e-4
        torch.testing.assert_close(
            got["gradient_state"][:, k], expected, atol=1e-3 * largest, rtol=0
        )


def test_attention_and_the_chosen_head_are_cls_rows(shipped, got, eager):
    captioner, pixels, said = shipped
    effect = gradients(captioner, pixels, said[::-1], PROMPT).gradient
    for k, layer in enumerate(AT):
        rows = eager[0][layer][:, :, 0, 1:]
        torch.testing.assert_close(got["attention"][:, k], rows.mean(1), atol=1e-5, rtol=1e-3)
        for image in range(2):
            head = int(effect[image, layer - 1].argmax())
            torch.testing.assert_close(
                got["head"][image, k], rows[image, head], atol=1e-5, rtol=1e-3
            )


def test_rollout_is_a_product_of_matrices(got, eager):
    n = 65
    for image in range(2):
        for k, layer in enumerate(AT):
            rolled = [float(i == 0) for i in range(n)]
            for lower in range(layer, 0, -1):  # row times matrix, from the top down
                mean = eager[0][lower][image].mean(0).tolist()
                rolled = [
                    sum(rolled[j] * (mean[j][i] + (i == j)) / 2 for j in range(n)) for i in range(n)
                ]
            torch.testing.assert_close(
                got["rollout"][image, k], torch.tensor(rolled[1:]), atol=1e-6, rtol=1e-3
            )


@torch.no_grad()
def test_contribution_is_what_pages_show(shipped, got):
    tower = shipped.captioner.tower
    for record in run_layers(tower, tower.embed(shipped.pixels)):
        if record.layer in AT:
            expected = tower.patches(record.contribution.mean(1))
            at = AT.index(record.layer)
            torch.testing.assert_close(got["contribution"][:, at], expected, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_has_every_kind(name, pictures):
    family = FAMILIES[name]()
    tower = family.tower
    at = [1, tower.n_layers]
    pixels = family.pixels(pictures[:2])
    maps = maps_of(family, pixels, [[5, 7], [9]], at, PROMPT)
    assert set(maps) == set(KINDS)
    for values in maps.values():
        assert values.shape == (2, 2, tower.grid[0] * tower.grid[1])
        assert torch.isfinite(values).all()
    with torch.no_grad():
        embedded = tower.embed(pixels)
        records = list(run_layers(tower, embedded))
        *_, last = run_states(tower, embedded)
    expected = tower.patches(records[0].pattern.mean(1)).float()
    torch.testing.assert_close(maps["attention"][:, 0], expected, atol=1e-6, rtol=1e-4)
    assert last.shape[1] == tower.n_tokens
