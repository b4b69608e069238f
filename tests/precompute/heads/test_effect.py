"""Gradients against finite differences, removal against hooks on the library's own model."""

import functools
import json
from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from precompute.config.settings import PROJECT, HeadEffectConfig, read_config
from precompute.heads.choice import choose, draw
from precompute.heads.effect import (
    RANK_CORRELATION,
    gradients,
    measure_heads,
    rank_correlation,
    without,
)
from precompute.images import load
from precompute.models import load_captioner
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from store.publish.generation import publish

PROMPT = "a short image caption."
LAYERS, HEADS = 3, 8


@pytest.fixture(scope="module")
def captions(captioner, pictures, config):
    return captioner.library_captions(pictures, PROMPT, config.decode.generation)


@pytest.fixture(scope="module")
def effects(captioner, pixels, captions):
    return gradients(captioner, pixels, captions, PROMPT)


def hooked_logprob(captioner, pixels, captions, layer, head, factor):
    """Log-probabilities with one head's output scaled, by a hook on the library's block."""
    attention = captioner.model.vision_model.encoder.layers[layer - 1].self_attn
    d = attention.embed_dim // attention.num_heads
    scale = torch.ones(attention.num_heads)
    scale[head] = factor
    handle = attention.projection.register_forward_pre_hook(
        lambda m, args: (args[0] * scale.repeat_interleave(d),)
    )
    state = captioner.library_final_state(pixels)
    handle.remove()
    return captioner.logprob(captioner.read(state, PROMPT), captions)


def test_gradients_equal_central_differences():
    """On the shipped captioner, asked of captions that are wrong: there gradients are large."""
    config = read_config(PROJECT / "precompute/configs/demo.toml")
    captioner = load_captioner(config.model)
    folder = PROJECT / config.datasets[0].path
    pictures = [item.open() for item in list(load("whoops", folder))[:2]]
    pixels = captioner.pixels(pictures)
    mine = captioner.library_captions(pictures, config.decode.prompt, config.decode.generation)
    effects = gradients(captioner, pixels, mine[::-1], config.decode.prompt)
    tower = captioner.tower
    differences = torch.zeros_like(effects.gradient)
    for layer, head in product(range(1, tower.n_layers + 1), range(tower.n_heads)):
        up, down = (
            hooked_logprob(captioner, pixels, mine[::-1], layer, head, 1 + step)
            for step in (0.01, -0.01)
        )
        differences[:, layer - 1, head] = (up - down) / 0.02
    largest = float(effects.gradient.abs().max())
    assert largest > 0.01
    torch.testing.assert_close(effects.gradient, differences, atol=0.003 * largest, rtol=0)


def test_an_images_gradient_does_not_depend_on_its_batch(captioner, pixels, captions, effects):
    alone = gradients(captioner, pixels[2:3], captions[2:3], PROMPT)
    torch.testing.assert_close(alone.gradient[0], effects.gradient[2], atol=1e-6, rtol=1e-4)
    assert not any(weight.requires_grad for weight in captioner.model.parameters())


def test_removal_equals_hooks_on_the_library(captioner, pixels, captions, effects, config):
    everything = list(product(range(1, LAYERS + 1), range(HEADS)))
    chosen = [everything, everything[3:9], [], [(2, 5)], everything[::5]]
    got = without(captioner, effects, captions, chosen, config)
    baseline = captioner.logprob(
        captioner.read(captioner.library_final_state(pixels), PROMPT), captions
    )
    assert [sorted(values) for values in got] == chosen
    for layer, head in everything:
        removed = hooked_logprob(captioner, pixels, captions, layer, head, 0.0) - baseline
        for image, values in enumerate(got):
            if (layer, head) in values:
                assert values[layer, head] == pytest.approx(float(removed[image]), abs=1e-5)


def test_the_largest_gradients_and_a_seeded_sample_of_others():
    gradient = np.random.default_rng(0).normal(size=(LAYERS, HEADS)).tolist()
    settings = HeadEffectConfig(exact_top=4, exact_random=5, seed=1)
    chosen = choose(gradient, settings)
    order = np.argsort(-np.abs(np.ravel(gradient)))[:4]
    assert {(1 + i // HEADS, i % HEADS) for i in order.tolist()} <= set(chosen)
    assert len(set(chosen)) == 9
    assert choose(gradient, settings) == chosen
    assert choose(gradient, settings.model_copy(update={"seed": 2})) != chosen
    every = settings.model_copy(update={"exact_random": 1000})
    assert choose(gradient, every) == list(product(range(1, LAYERS + 1), range(HEADS)))


@pytest.mark.parametrize(
    ("m", "n", "chosen"), [(32, 500, 32), (32, 48, 16), (4, 48, 4), (32, 1, 1)]
)
def test_some_images_choose_and_most_measure(m, n, chosen):
    ids = [f"img-{i}" for i in range(n)]
    sample = draw(ids, HeadEffectConfig(m=m))
    assert len(set(sample)) == chosen
    assert sample == draw(ids[::-1], HeadEffectConfig(m=m))


def test_rank_correlation():
    gradient = [[0.1, -0.2, 0.3], [0.0, 0.5, 0.4]]
    changes = {(1, 0): -0.3, (1, 2): -0.1, (2, 0): 0.1, (2, 1): -0.9}
    expected = spearmanr([-0.1, -0.3, 0.0, -0.5], [-0.3, -0.1, 0.1, -0.9]).statistic
    assert rank_correlation(gradient, changes) == pytest.approx(expected)
    perfect = {at: -(gradient[at[0] - 1][at[1]] ** 3) for at in changes}
    assert rank_correlation(gradient, perfect) == pytest.approx(1)
    assert rank_correlation(gradient, {(1, 0): 0.1, (1, 1): 0.2}) is None
    assert rank_correlation(gradient, dict.fromkeys(changes, 0.0)) is None
    assert rank_correlation([[0.0] * 3] * 2, changes) is None


def test_the_stage(config, captioner, run, tmp_path):
    measured = config.model_copy(
        update={"head_effect": HeadEffectConfig(batch_size=1, m=2, exact_top=3, exact_random=2)}
    )
    folder = run(tmp_path, config)
    (plan,) = plan_runs(measured)
    with Watch() as watch:
        measure_heads(Job(plan, folder.parent, lambda: captioner, Maker(watch)))
    publish(folder)
    with open_run(folder) as opened:
        table = opened.table("head_effect")
        stats = opened.table("image_stat")
        final = opened.table("caption").query("layer == 3").set_index("image_id")
    stats = stats[stats.metric == RANK_CORRELATION]
    assert len(table) == 5 * LAYERS * HEADS
    removed = table.dropna(subset="without").groupby("image_id")[["layer", "head"]]
    heads = {tuple(map(tuple, rows.to_numpy().tolist())) for _, rows in removed}
    assert len(heads) == 1 and len(next(iter(heads))) == 5, "the same heads of all images"
    (sample,) = set(final.index) - set(removed.groups)
    assert set(stats.image_id) == set(removed.groups), "what chose the heads measures none"
    gradient = table[table.image_id == sample].set_index(["layer", "head"]).gradient.astype(float)
    assert set(gradient.abs().nlargest(3).index) <= set(next(iter(heads)))
    for item in plan.items:
        if item.image_id not in final.index:
            continue
        pixels = captioner.pixels([item.open()])
        ids = [final.token_ids[item.image_id].tolist()]
        expected = gradients(captioner, pixels, ids, PROMPT)
        rows = table[table.image_id == item.image_id].sort_values(["layer", "head"])
        np.testing.assert_allclose(
            rows.gradient.to_numpy(dtype=float),
            expected.gradient.numpy().ravel(),
            rtol=1e-3,
            atol=1e-6,
        )
        exact = rows.dropna(subset="without")
        if item.image_id == sample:
            continue
        rho = spearmanr(-exact.gradient, exact.without).statistic
        (kept,) = stats[stats.image_id == item.image_id].value
        assert kept == pytest.approx(rho, abs=1e-6)
    stages = json.loads((folder / "run.json").read_text())["stages"]
    assert stages["head_effect"].startswith("head_effect-")
    fail = functools.partial(pytest.fail, "nothing is missing")
    with Watch() as watch:
        measure_heads(Job(plan, folder.parent, fail, Maker(watch)))
