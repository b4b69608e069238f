"""Scales by hand; controls at equal count."""

import json
import random

import pytest
from pydantic import ValidationError

from precompute.config.settings import PruningConfig
from precompute.heads.importance import Importance
from precompute.heads.pruned import controls, curve, least, pruned, weigh

WEIGHTS = {3: [0.4, 0.1, 0.3, 0.2], 5: [0.1, 0.2, 0.3, 0.4]}
HEADS = Importance(WEIGHTS, WEIGHTS, 0.1)
NORMS = {3: [1.0, 5.0, 3.0, 2.0], 5: [4.0, 3.0, 1.0, 2.0]}
STORED = {
    "group": "x",
    "layers": [3, 5],
    "softmax": "mean-preserving",
    "temperature": 0.1,
    "sample": ["a"],
    "importance": {"3": WEIGHTS[3], "5": WEIGHTS[5]},
}


def config(**settings):
    return PruningConfig(name="x", **settings)


@pytest.mark.parametrize(
    ("settings", "at_3", "at_5"),
    [
        ({}, [1.6, 0.4, 1.2, 0.8], [0.4, 0.8, 1.2, 1.6]),
        ({"softmax": "literal"}, [0.4, 0.1, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4]),
        ({"top_k": 2}, [16 / 7, 0, 12 / 7, 0], [0, 0, 12 / 7, 16 / 7]),
        ({"top_k": 2, "softmax": "mean-of-kept"}, [8 / 7, 0, 6 / 7, 0], [0, 0, 6 / 7, 8 / 7]),
        ({"top_k": 2, "softmax": "literal"}, [0.4, 0, 0.3, 0], [0, 0, 0.3, 0.4]),
        ({"threshold": 0.5}, [16 / 9, 0, 12 / 9, 8 / 9], [0, 8 / 9, 12 / 9, 16 / 9]),
        ({"threshold": 1.4, "softmax": "literal"}, [0.4, 0, 0, 0], [0, 0, 0, 0.4]),
        ({"threshold": 9}, [0, 0, 0, 0], [0, 0, 0, 0]),
    ],
)
def test_scales(settings, at_3, at_5):
    scales = weigh(HEADS, config(**settings))
    assert scales[3] == pytest.approx(at_3)
    assert scales[5] == pytest.approx(at_5)


@pytest.mark.parametrize("top_k", range(1, 8))
@pytest.mark.parametrize(
    ("softmax", "mean"), [("mean-preserving", lambda k: 1), ("mean-of-kept", lambda k: k / 8)]
)
def test_the_mean_scale_is_what_the_name_says_and_that_of_all_controls(top_k, softmax, mean):
    """Over all heads, removed ones at 0, whatever is kept."""
    chance = random.Random(top_k)
    weights = {at: [chance.expovariate(1) for _ in range(8)] for at in (1, 2)}
    weights = {at: [w / sum(values) for w in values] for at, values in weights.items()}
    settings = config(top_k=top_k, softmax=softmax, random_seeds=2)
    main = weigh(Importance(weights, weights, None), settings)
    every = [pruned("x", main, STORED, "importance"), *controls(settings, main, weights, STORED)]
    assert len(every) == 5
    for condition in every:
        for values in full_scales(condition, 8).values():
            assert sum(values) / 8 == pytest.approx(mean(top_k))
            assert sum(s > 0 for s in values) == top_k


def full_scales(condition, n_heads):
    """Those of layers that are left as they are, too."""
    return {**dict.fromkeys((1, 2), [1.0] * n_heads), **scales_of(condition)}


def test_a_literal_softmax_is_compared_at_its_own_sum():
    settings = config(top_k=2, softmax="literal", random_seeds=1)
    main = weigh(HEADS, settings)
    for control in controls(settings, main, NORMS, STORED):
        for values in scales_of(control).values():
            assert sum(values) == pytest.approx(0.7)
            assert len(set(values)) == 2


def test_heads_that_are_no_better_than_none_go_beyond_the_top_k():
    ranks = {3: [0.3, -0.1, 0.1, -0.2], 5: [-0.4, -0.1, -0.3, -0.2]}
    weights = {3: [0.75, 0, 0.25, 0], 5: [0.25] * 4}
    heads = Importance(ranks, weights, None)
    scales = weigh(heads, config(importance="above-null", top_k=3))
    assert scales[3] == pytest.approx([3, 0, 1, 0])
    assert scales[5] == pytest.approx([0, 4 / 3, 4 / 3, 4 / 3])
    one = config(importance="above-null", counts=(1,), random_seeds=1)
    for condition in curve(one, heads, NORMS, STORED):
        lost = {at: values.count(0) for at, values in scales_of(condition).items()}
        assert lost == {3: 2, 5: 1}, "controls lose as many as the weights took"
    with pytest.raises(ValidationError, match="no temperature"):
        config(importance="above-null", temperature=0.1)


def scales_of(condition):
    return {
        int(at): values
        for edit in condition.spec("data")["edits"]
        for at, values in edit["scale"].items()
    }


def test_the_curve_and_its_controls_lose_as_many_heads():
    settings = config(top_k=3, counts=(2,), random_seeds=2)
    main = weigh(HEADS, settings)
    conditions = [
        pruned("x", main, STORED, "importance"),
        *controls(settings, main, NORMS, STORED),
        *curve(settings, HEADS, NORMS, STORED),
    ]
    by_count = {}
    for condition in conditions:
        messages = json.loads(condition.row("run", "data", 1)["spec"])["pruning"]
        scales = scales_of(condition)
        removed = {at: [h for h, s in enumerate(values) if s == 0] for at, values in scales.items()}
        assert messages["n_pruned"] == sum(map(len, removed.values()))
        assert len({len(values) for values in removed.values()}) == 1
        if messages["algorithm"] != "importance":
            (kept,) = {s for values in scales.values() for s in values} - {0.0}
            assert kept == 4 / (4 - messages["n_pruned"] / 2)
        by_count.setdefault(messages["n_pruned"], {})[messages["algorithm"], messages["seed"]] = (
            removed
        )
    assert set(by_count) == {2, 4}
    for count, values in by_count.items():
        assert set(values) == {
            ("importance", None),
            ("importance_mask", None),
            ("least_norm", None),
            ("random", 0),
            ("random", 1),
        }
        assert values["importance", None] == values["importance_mask", None]
        expected = {2: {3: [0], 5: [2]}, 4: {3: [0, 3], 5: [2, 3]}}[count]
        assert values["least_norm", None] == expected
    fewer, more = by_count[2], by_count[4]
    for key in fewer:
        assert all(set(fewer[key][at]) < set(more[key][at]) for at in (3, 5))
    assert fewer["importance", None] == {3: [1], 5: [0]}


def test_layers_may_lose_different_numbers_of_heads():
    settings = config(threshold=0.9)
    weights = {3: WEIGHTS[3], 5: [0.25] * 4}
    main = weigh(Importance(weights, weights, None), settings)
    conditions = controls(settings, main, NORMS, STORED)
    assert len(conditions) == 2 + 20
    for condition in conditions:
        # Nothing is to be done at layer 5, whose heads are all alike.
        assert {at: values.count(0) for at, values in scales_of(condition).items()} == {3: 2}
    everything = config()
    assert controls(everything, weigh(HEADS, everything), NORMS, STORED) == []
    assert list(curve(everything, HEADS, NORMS, STORED)) == []


def test_the_curve_has_few_of_many_random_controls():
    settings = config(counts=(1, 2), random_seeds=50)
    of_curve = [c.pruning for c in curve(settings, HEADS, NORMS, STORED)]
    assert [p["seed"] for p in of_curve if p["algorithm"] == "random"] == [0, 1, 0, 1]
    # What was chosen by chance, the scores say nothing of.
    assert {p["importance"] is None for p in of_curve if p["algorithm"] == "random"} == {True}


def test_ids_differ_where_anything_does():
    scales = weigh(HEADS, config(top_k=2))
    one = pruned("x", scales, STORED, "importance")
    assert one.id.startswith("prune:x-")
    assert one.kind == "prune"
    others = [
        pruned("x", scales, STORED, "random", 1),
        pruned("x", scales, STORED, "random", 2),
        pruned("x", weigh(HEADS, config(top_k=1)), STORED, "importance"),
        pruned("x", scales, {**STORED, "sample": ["b"]}, "importance"),
    ]
    assert len({one.id, *(other.id for other in others)}) == 5
    with pytest.raises(ValueError, match="must change some head"):
        pruned("x", {3: [1.0] * 4}, STORED, "importance")


def test_of_equal_heads_the_first_go():
    assert least([2.0, 1.0, 1.0, 1.0], 2) == {1, 2}


def test_one_rule_of_removal():
    with pytest.raises(ValidationError, match="not by both"):
        config(top_k=1, threshold=0.5)
