"""Scales by hand; controls at equal count."""

import json

import pytest
from pydantic import ValidationError

from precompute.config.settings import PruningConfig
from precompute.heads.pruned import controls, curve, least, pruned, weigh

WEIGHTS = {3: [0.4, 0.1, 0.3, 0.2], 5: [0.1, 0.2, 0.3, 0.4]}
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
        ({"top_k": 2}, [1.6, 0, 1.2, 0], [0, 0, 1.2, 1.6]),
        ({"threshold": 0.5}, [1.6, 0, 1.2, 0.8], [0, 0.8, 1.2, 1.6]),
        ({"threshold": 1.4, "softmax": "literal"}, [0.4, 0, 0, 0], [0, 0, 0, 0.4]),
    ],
)
def test_scales(settings, at_3, at_5):
    scales = weigh(WEIGHTS, config(**settings))
    assert scales[3] == pytest.approx(at_3)
    assert scales[5] == pytest.approx(at_5)
    if not settings:
        assert sum(scales[3]) / 4 == pytest.approx(1)


def scales_of(condition):
    return {
        int(at): values
        for edit in condition.spec("data")["edits"]
        for at, values in edit["scale"].items()
    }


def test_the_curve_and_its_controls_lose_as_many_heads():
    settings = config(top_k=3, counts=(2,), random_seeds=(0, 7))
    main = weigh(WEIGHTS, settings)
    conditions = [
        pruned("x", main, STORED, "importance"),
        *controls(settings, WEIGHTS, main, NORMS, STORED),
        *curve(settings, WEIGHTS, NORMS, STORED),
    ]
    by_count = {}
    for condition in conditions:
        messages = json.loads(condition.row("run", "data", 1)["spec"])["pruning"]
        scales = scales_of(condition)
        removed = {at: [h for h, s in enumerate(values) if s == 0] for at, values in scales.items()}
        assert messages["n_pruned"] == sum(map(len, removed.values()))
        assert len({len(values) for values in removed.values()}) == 1
        if messages["algorithm"] != "importance":
            assert {s for values in scales.values() for s in values} == {0.0, 1.0}
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
            ("random", 7),
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
    conditions = controls(settings, weights, weigh(weights, settings), NORMS, STORED)
    assert len(conditions) == 5
    for condition in conditions:
        # Nothing is to be done at layer 5, whose heads are all alike.
        assert {at: values.count(0) for at, values in scales_of(condition).items()} == {3: 2}
    everything = config()
    assert controls(everything, WEIGHTS, weigh(WEIGHTS, everything), NORMS, STORED) == []
    assert list(curve(everything, WEIGHTS, NORMS, STORED)) == []


def test_ids_differ_where_anything_does():
    scales = weigh(WEIGHTS, config(top_k=2))
    one = pruned("x", scales, STORED, "importance")
    assert one.id.startswith("prune:x-")
    assert one.kind == "prune"
    others = [
        pruned("x", scales, STORED, "random", 1),
        pruned("x", scales, STORED, "random", 2),
        pruned("x", weigh(WEIGHTS, config(top_k=1)), STORED, "importance"),
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
