"""Refining lowers the divergence on what it learns from, and keeps what the others like best."""

import pytest
import torch

from precompute.images import load_dataset
from precompute.translators.divergence import divergence, words_of
from precompute.translators.fit import Images, fit_layers, towers_of
from precompute.translators.maps import translate
from precompute.translators.refine import refine


@pytest.fixture(scope="module")
def items(with_translators):
    return load_dataset(with_translators.datasets[1])


@pytest.fixture(scope="module")
def ridge(captioner, items, translators):
    towers = towers_of("tuned", captioner, 0)
    fitted, _ = fit_layers(towers, Images(items[:6], items[6:], 4), translators, lambda _: None)
    return towers, [one.map for one in fitted]


def divergence_of(captioner, maps, states, decode):
    """Mean KL by layer, one image after the other."""
    with torch.no_grad():
        memory = captioner.read(states[-1], decode.prompt)
        captions = captioner.generate(memory, decode.generation)
        words = words_of(captioner, states[-1], captions, decode.prompt)
        return [
            float(
                torch.stack(
                    [
                        divergence(
                            captioner,
                            translate(one, states[layer][i : i + 1]),
                            captions[i : i + 1],
                            words[i : i + 1],
                            decode.prompt,
                        )[0]
                        for i in range(len(states[layer]))
                    ]
                ).mean()
            )
            for layer, one in enumerate(maps)
        ]


def test_it_lowers_what_it_learns_from_and_keeps_what_is_best(
    captioner, items, ridge, config, fit_states
):
    towers, maps = ridge
    fit, choose = items[:6], items[6:]
    # Learnt from and chosen on the same images, every layer must come closer.
    same = refine(towers, maps, fit, fit, 8, config.decode, 0, lambda _: None)
    assert all(after < before for after, before in zip(same.after, same.before, strict=True))
    assert all(step > 0 for step in same.steps)
    of_fit = [state[:6] for state in fit_states]
    for maps_of, told in ((maps, same.before), (same.maps, same.after)):
        got = divergence_of(captioner, maps_of, of_fit, config.decode)
        assert got == pytest.approx(list(told), rel=1e-2, abs=1e-4)
    # Chosen on others, none may come out worse than the ridge there; they are the ridge's at 0.
    held = refine(towers, maps, fit, choose, 2, config.decode, 0, lambda _: None)
    for layer, step in enumerate(held.steps):
        assert held.after[layer] <= held.before[layer]
        if step == 0:
            assert torch.equal(held.maps[layer].matrix, maps[layer].matrix)
    assert not any(one.matrix.requires_grad for one in held.maps)
