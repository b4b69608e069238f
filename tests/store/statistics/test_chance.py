"""Prunings minus random heads against a loop over images; the test's level by simulation."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from store import open_run
from store.statistics import bootstrap, matrices
from store.statistics.chance import interval, p_value
from tests.store.slow import left_out, slow_ends
from tests.store.statistics.test_changes import LAST, values_of
from tests.synthetic import image_id, make_run


def test_differences_to_random_heads_equal_a_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "N_BOOTSTRAP", 40)
    monkeypatch.setattr(matrices, "_CHUNK", 4)
    run = make_run(tmp_path, n_images=9, n_layers=LAST, conditions=True)
    images = [image_id(i) for i in range(9)]
    with open_run(run) as opened:
        values, without = values_of(opened), left_out(opened.table("condition"))
        specs = opened.table("condition", "kind = 'prune'").set_index("condition_id").spec
        chance = opened.table("chance").set_index(["condition_id", "metric", "against"])
    pruning = {name: json.loads(spec)["pruning"] for name, spec in specs.items()}
    assert {pruning[name]["algorithm"] for name in chance.index.levels[0]} == {
        "importance",
        "least_norm",
    }
    for (condition, *what), row in chance.iterrows():
        random = [
            name
            for name, other in pruning.items()
            if other["algorithm"] == "random"
            and other["n_pruned"] == pruning[condition]["n_pruned"]
        ]
        assert row.n_random == len(random) == 2
        differences = np.full((9, 2), np.nan)
        for i, image in enumerate(images):
            if image in without[condition]:
                continue
            mine = values[condition, *what].get(image)
            for k, other in enumerate(random):
                theirs = values[other, *what].get(image)
                if None not in (mine, theirs) and not math.isnan(mine) and not math.isnan(theirs):
                    differences[i, k] = mine - theirs
        there = np.isfinite(differences).any(axis=1)
        of_mean = np.array([np.nanmean(row) for row in differences[there]])
        each = [np.nanmean(column) for column in differences[there].T]
        assert row.n == there.sum()
        assert row.difference == pytest.approx(of_mean.mean())
        assert math.isnan(row.low) and math.isnan(row.high), "two choices tell no interval"
        better = sum(value <= 1e-12 for value in each)
        if what[0] == "rouge_l":
            assert row.p == pytest.approx((1 + better) / 3)
        if what[0] == "convergence_layer":
            assert math.isnan(row.p), "neither early nor late is better"


@pytest.mark.parametrize(("n", "choices"), [(12, 20), (40, 12)])
def test_intervals_equal_a_loop_over_samples_of_images_and_choices(n: int, choices: int) -> None:
    chance = np.random.default_rng(n)
    each = chance.normal(0.4, 0.3, choices)
    values = 0.5 * chance.normal(size=(n, 1)) + each
    weights = bootstrap.bootstrap_weights(n)[:200]
    drawn = np.random.default_rng(bootstrap.SEED).integers(0, choices, (200, choices))
    both = []
    for images, others in zip(weights, drawn, strict=True):
        rows = [row.mean() for row, times in zip(values, images, strict=True) for _ in range(times)]
        of_choices = [values[:, k].mean() - values.mean() for k in others]
        both.append(float(np.mean(rows) + np.mean(of_choices)))
    low, high = interval(
        weights @ values.mean(axis=1) / n, values.mean(axis=0), n, seed=bootstrap.SEED
    )
    expected = slow_ends(both, min(n, choices))
    assert [low, high] == pytest.approx(expected, abs=2e-3)
    for few in ((9, choices), (n, 9)):
        assert math.isnan(interval(weights @ values.mean(axis=1) / n, each[: few[1]], few[0])[0])


def test_p_counts_the_choice_itself_and_ties() -> None:
    each = np.array([0.3, 0.1, 0.0, -0.2])
    assert p_value(each, 1) == 3 / 5
    assert p_value(each, -1) == (1 + 3) / 5
    assert p_value(each, 0) is None
    assert p_value(np.array([1e-8, -1e-8]), 1) == 1, "rounding is no difference"
    assert p_value(np.array([1.0, 2.0]), 1) == 1 / 3


def _draw(chance: np.random.Generator, n: int, choices: int) -> np.ndarray:
    """Scores [image, choice]: pictures differ, choices differ, and each likes other pictures."""
    return (
        chance.normal(0, 0.5, (n, 1))
        + chance.normal(0, 0.3, choices)
        + chance.normal(0, 0.4, (n, choices))
    )


@pytest.mark.parametrize(("n", "choices"), [(12, 20), (36, 10), (36, 20), (200, 20), (200, 50)])
def test_intervals_cover_and_chance_seldom_beats_chance(n: int, choices: int) -> None:
    """0.3 is what choices differ by: 20 of them alone leave an error of 0.07."""
    chance = np.random.default_rng(n + choices)
    weights = chance.multinomial(n, [1 / n] * n, 400) / n
    covered, below, repeats = 0, 0, 300
    for repeat in range(repeats):
        scores = _draw(chance, n, choices + 1)
        null = scores[:, [0]] - scores[:, 1:]
        below += p_value(null.mean(axis=0), 1) <= 0.05
        # The chosen one lies 0.8 above the mean of all choices that there could be, which is 0.
        mine = 0.8 + chance.normal(0, 0.4, n)
        pictures = chance.normal(0, 0.5, n)
        others = pictures[:, None] + chance.normal(0, 0.3, choices)
        others = others + chance.normal(0, 0.4, (n, choices))
        each = (pictures + mine)[:, None] - others
        low, high = interval(weights @ each.mean(axis=1), each.mean(axis=0), n, seed=repeat)
        covered += low <= 0.8 <= high
    assert 0.90 <= covered / repeats <= 0.98
    assert below / repeats <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / repeats)
