"""Specifications of conditions: what is read, and what of a stranger's is left."""

import json

import pytest

from precompute.interventions.conditions import Shape
from precompute.interventions.parse import parse
from store.interventions import read_spec

IDS = (
    "gaussian_noise@3",
    "occlude:30:map",
    "shuffle-patches:4000000000",
    "pgd:eps=4,step=0.5,n=10",
    "pgd:eps=4,step=1,n=1,target=a dog",
    "fog@2,skip:1",
)


@pytest.mark.parametrize("text", IDS)
def test_what_a_condition_says_of_its_picture_is_read_back(text):
    spec = parse(text, Shape(3, 8)).spec("x")
    assert read_spec(json.dumps(spec)) == json.loads(json.dumps(spec))


@pytest.mark.parametrize(
    "edit",
    [
        None,
        3,
        [],
        {},
        {"kind": []},
        {"kind": "frost"},
        {"kind": "corrupt", "name": 3, "severity": 3, "seed": 0},
        {"kind": "corrupt", "name": "fog", "severity": 10**400, "seed": 0},
        {"kind": "occlude", "percent": "30", "seed": 0, "by_map": False},
        {"kind": "pgd", "eps": float("nan"), "step": 1, "n": 3, "target": None},
    ],
)
def test_what_nobody_here_wrote_is_not_read(edit):
    assert read_spec(json.dumps({"edits": [], "mean": None, "input": edit})) == {}
