"""Edits in words: from the specifications that conditions really have, against what is expected."""

import pytest

from dashboard.names.conditions import edit_name, which_mean
from precompute.interventions.conditions import Shape
from precompute.interventions.parse import parse
from store.interventions import read_spec

NAMES = {
    "mean:5": "layer 5",
    "mean:4-6": "layers 4-6",
    "confuse:3+7": "layers 3+7",
    "skip:12": "layer 12",
    "mean:4-6@other-1a2b": "layers 4-6, mean of other-1a2b",
    "mean:5~output~token~n100~seed1": "layer 5, output, token, n100, seed1",
    "confuse:5@my-set-1a2b~seed3": "layer 5, mean of my-set-1a2b, seed3",
    "heads:9-only-3": "layer 9 with head 3 alone",
    "heads:9-without-0+3": "layer 9 without head 0+3",
    "heads:2-4-without-1": "layers 2-4 without head 1",
    "skip:1,mean:2@other-1a2b": "skip:1,mean:2@other-1a2b",
    "mean:1@other-1a2b,skip:2": "mean:1@other-1a2b,skip:2",
    "heads:1-only-3,heads:2-only-4": "heads:1-only-3,heads:2-only-4",
}


@pytest.mark.parametrize("text", NAMES)
def test_an_edit_is_named_by_its_specification(text):
    row = parse(text, Shape(12, 6)).row("own-1a2b", "own", 7)
    spec = read_spec(row["spec"])
    assert edit_name(row["condition_id"], spec) == NAMES[text]
    _, _, said_of_mean = NAMES[text].partition(", ")
    if row["kind"] != "mixed":
        assert ", ".join(which_mean(spec)) == said_of_mean


def test_a_pruning_is_named_by_who_chose_its_heads():
    chosen = {"algorithm": "random", "n_pruned": 20, "seed": 0}
    assert edit_name("prune:x-1a2b", {"pruning": chosen}) == "20 heads, random heads, seed 0"
    chosen = {"algorithm": "importance", "n_pruned": 4, "seed": None}
    assert edit_name("prune:x-1a2b", {"pruning": chosen}) == "4 heads, Algorithm 1"


def test_what_has_no_specification_keeps_its_id():
    assert edit_name("skip:3", read_spec(None)) == "skip:3"
    assert which_mean(read_spec(None)) == []
