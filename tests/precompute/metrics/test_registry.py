"""What `precompute.metrics` computes is what `store.metrics` describes."""

import math

import pytest

from precompute.config.settings import ScoreConfig
from precompute.metrics import METRICS, Corpus
from precompute.scoring.answers import OF_ANSWERS
from store import metrics as registry

TEXTS = ["a penguin in the desert", "a cat on a cat on a mat", "Penguin!", "in the desert"]
REFERENCES = [["a penguin in the desert"], ["two dogs", "a cat on a mat"], ["penguin"], ["a cat"]]
CORPUS = Corpus({str(i): tuple(texts) for i, texts in enumerate(REFERENCES)}, {}, "sha")
OF_NAMES = Corpus({}, {"0": ("penguin",)}, "sha")


def prepared(name):
    metric = METRICS[name](ScoreConfig(), CORPUS) or METRICS[name](ScoreConfig(), OF_NAMES)
    assert metric is not None
    return metric


def test_both_name_the_same_metrics():
    assert set(METRICS) == set(registry.SCORES)
    assert {f"answer_{name}" for name in OF_ANSWERS} < set(registry.METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_what_is_compared_is_larger_for_captions_more_alike(name):
    """Grounded gains and Algorithm 1 take a larger score for the better one."""
    if {"shuffled", "baseline"} & set(prepared(name).against):
        assert registry.METRICS[name].better == "more"


@pytest.mark.parametrize("name", sorted(set(METRICS) - {"bertscore", "uniqueness"}))
def test_values_lie_in_the_range_of_the_registry(name, tmp_path):
    low, high = registry.METRICS[name].range
    values = prepared(name).open(tmp_path)(TEXTS, REFERENCES)
    there = [value for value in values if not math.isnan(value)]
    assert there and all(low <= value <= high + 1e-6 for value in there)


@pytest.mark.parametrize("name", sorted(set(registry.likeness()) - {"bertscore"}))
def test_a_likeness_of_the_same_captions_is_1(name, tmp_path):
    texts = TEXTS[:2]
    values = prepared(name).open(tmp_path)(texts, [[text] for text in texts])
    assert values == pytest.approx([1.0, 1.0])
