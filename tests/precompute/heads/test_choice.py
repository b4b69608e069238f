"""Choosing heads by the images that measure them makes them large; choosing by others does not."""

import numpy as np
import pytest

from precompute.config.settings import HeadEffectConfig
from precompute.heads.choice import choose, draw

LAYERS, HEADS, IMAGES = 12, 8, 48


def effects(chance):
    """True effects of heads, and what each image says of them: gradient and exact change agree."""
    true = chance.exponential(0.01, (LAYERS, HEADS))
    return true, true + chance.normal(0, 0.05, (IMAGES, LAYERS, HEADS))


def shown_over_true(means, true):
    """Over the ten heads that look largest."""
    ten = np.argsort(-np.nan_to_num(means).ravel())[:10]
    return means.ravel()[ten].mean() / true.ravel()[ten].mean()


def test_an_image_does_not_measure_the_heads_that_it_chose():
    chance = np.random.default_rng(0)
    settings = HeadEffectConfig(m=16, exact_top=12, exact_random=0)
    by_itself, once = [], []
    for repeat in range(200):
        true, seen = effects(chance)
        chosen = np.full(seen.shape, np.nan)
        for i in range(IMAGES):
            for layer, head in choose(seen[i].tolist(), settings):
                chosen[i, layer - 1, head] = seen[i, layer - 1, head]
        there = np.isfinite(chosen).any(axis=0)
        means = np.where(there, np.nansum(chosen, 0), np.nan) / np.isfinite(chosen).sum(0).clip(1)
        by_itself.append(shown_over_true(means, true))
        ids = [f"{i:02}" for i in range(IMAGES)]
        sample = draw(ids, settings.model_copy(update={"seed": repeat}))
        rows = np.isin(ids, sample)
        heads = choose(seen[rows].mean(axis=0).tolist(), settings)
        left = [seen[~rows, layer - 1, head].mean() for layer, head in heads]
        once.append(np.mean(left) / np.mean([true[layer - 1, head] for layer, head in heads]))
    assert np.mean(by_itself) > 3
    assert np.mean(once) == pytest.approx(1, abs=0.05)
