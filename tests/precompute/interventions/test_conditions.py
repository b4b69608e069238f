"""Ids read back, impossible conditions are refused, the paper's layers are found."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.interventions.conditions import Condition, Edit, MeanSource, Shape, check
from precompute.interventions.parse import expand, from_paper, parse

SHAPE = Shape(39, 16)
LAYERS = st.sets(st.integers(1, 39), min_size=1, max_size=6).map(lambda s: tuple(sorted(s)))
SCALES = (
    st.lists(st.sampled_from([0.0, 1.0]), min_size=16, max_size=16)
    .map(tuple)
    .filter(lambda scale: set(scale) != {1.0})
)
EDITS = st.one_of(
    st.builds(Edit, st.sampled_from(["mean", "confuse", "skip"]), LAYERS),
    st.builds(lambda layers, scale: Edit("heads", layers, scale), LAYERS, SCALES),
)
SOURCES = st.builds(
    MeanSource,
    run=st.sampled_from([None, "imagenet-1a2b3c4d"]),
    n=st.integers(1, 1000),
    seed=st.integers(0, 9),
    state=st.sampled_from(["input", "output"]),
    pool=st.sampled_from(["position", "token"]),
)


@given(st.lists(EDITS, min_size=1, max_size=4), SOURCES)
def test_an_id_reads_back_to_the_same_condition(edits, source):
    mean = source if any(e.kind in ("mean", "confuse") for e in edits) else None
    try:
        condition = Condition(tuple(edits), mean)
    except ValueError as error:
        assert "contradict" in str(error)
        return
    assert parse(condition.id, SHAPE) == condition
    assert parse(condition.id, SHAPE).id == condition.id


@pytest.mark.parametrize(
    "text",
    [
        "mean:5",
        "mean:12-21",
        "confuse:15",
        "skip:12",
        "heads:27-only-3",
        "heads:27-without-3",
        "heads:27-without-3+5",
        "skip:3,mean:5",
        "mean:12-21@imagenet-1a2b3c4d",
    ],
)
def test_ids_are_as_people_write_them(text):
    assert parse(text, SHAPE).id == text


def test_equal_edits_are_equal_conditions():
    assert parse("mean:5,mean:3-4", SHAPE) == parse("mean:3-5", SHAPE)
    assert hash(parse("mean:5,mean:3-4", SHAPE)) == hash(parse("mean:3-5", SHAPE))
    assert parse("heads:3-only-1", Shape(3, 2)) == parse("heads:3-without-0", Shape(3, 2))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("mean:40", r"1\.\.39 for this tower; got 40"),
        ("mean:0", r"1\.\.39 for this tower; got 0"),
        ("skip:1-99999999999", r"got 99999999999"),
        ("mean:7-5", "must ascend; got 7 to 5"),
        ("heads:3-only-16", r"heads must be in 0\.\.15"),
        ("heads:3", "expected mean:5"),
        ("erase:3", "expected mean:5"),
        ("skip:3,mean:3", "layer 3 contradict each other"),
        ("heads:3-only-1,heads:3-only-2", "layer 3 contradict each other"),
        ("skip:3@imagenet-1a2b3c4d", "only mean and confuse"),
        ("mean:3@a-1,confuse:4@b-2", "share one mean"),
        ("mean:3~n0", "1 image at least"),
        ("mean:3~middle", r"~seed1, ~resample and ~resample3; got ~middle"),
        ("paper:mean:39", r"0\.\.38; got 39-39"),
        ("heads:3-without-", r"only-3, without-3\+5 or without-\*; got 'without-'"),
        ("mean:3-only-3", "expected mean:5"),
        ("mean:+", "expected mean:5|layers must read like"),
    ],
)
def test_what_cannot_be_is_refused(entry, message):
    with pytest.raises(ValueError, match=message):
        expand(entry, SHAPE)


def test_an_id_names_one_condition():
    with pytest.raises(ValueError, match=r"'skip:1\.\.3' stands for 3"):
        parse("skip:1..3", SHAPE)


def test_values_are_checked_where_they_are_made():
    with pytest.raises(ValueError, match="names a mean exactly if"):
        Condition((Edit("mean", (3,)),))
    with pytest.raises(ValueError, match="names a mean exactly if"):
        Condition((Edit("skip", (3,)),), MeanSource())
    with pytest.raises(ValueError, match="must ascend from 1"):
        Edit("skip", (0, 1))
    with pytest.raises(ValueError, match="need one scale each"):
        Edit("heads", (3,))
    with pytest.raises(ValueError, match="need a name"):
        Condition((Edit("heads", (3,), (0.5, 1.0)),))
    with pytest.raises(ValueError, match="edits nothing"):
        Condition((Edit("heads", (3,), (1.0, 1.0)),))
    with pytest.raises(ValueError, match="one edit at least"):
        Condition(())
    with pytest.raises(ValueError, match="must scale the 16 heads"):
        check(Condition((Edit("heads", (3,), (0.0, 1.0)),)), SHAPE)


def test_entries_stand_for_several_conditions():
    assert [c.id for c in expand("mean:2..4", SHAPE)] == ["mean:2", "mean:3", "mean:4"]
    assert [c.id for c in expand("skip:*", Shape(3, 2))] == ["skip:1", "skip:2", "skip:3"]
    heads = expand("heads:27-without-*", SHAPE)
    assert [c.id for c in heads] == [f"heads:27-without-{h}" for h in range(16)]
    source = MeanSource(n=100, seed=2)
    (joint,) = expand("mean:2-4@imagenet", SHAPE, source, {"imagenet": "imagenet-1a2b3c4d"}.get)
    assert joint.id == "mean:2-4@imagenet-1a2b3c4d~n100~seed2"


@pytest.mark.parametrize("n_layers", [1, 2, 5, 12, 24, 39, 48, 78])
def test_the_papers_ranges_cover_any_tower_and_do_not_overlap(n_layers):
    ranges = [from_paper(*r, n_layers) for r in ((0, 10), (11, 20), (21, 38))]
    blocks = [layer for low, high in ranges for layer in range(low, high + 1)]
    if n_layers >= 5:
        assert blocks == list(range(1, n_layers + 1))
    else:
        assert set(blocks) <= set(range(1, n_layers + 1))


def test_on_the_papers_tower_its_layer_k_is_ours_k_plus_1():
    for first in range(39):
        for last in range(first, 39):
            assert from_paper(first, last, 39) == (first + 1, last + 1)
    assert [c.id for c in expand("paper:mean:11-20", SHAPE)] == ["mean:12-21"]
    assert [c.id for c in expand("paper:confuse:11..13", SHAPE)] == [
        "confuse:12",
        "confuse:13",
        "confuse:14",
    ]


def test_the_row_says_everything():
    row = parse("mean:2,heads:5-only-1", Shape(6, 2)).row("tiny-1", "tiny", 7)
    assert row["condition_id"] == "mean:2,heads:5-only-1"
    assert (row["kind"], row["layers"], row["heads"]) == ("mixed", [2, 5], [0])
    assert row["source"] == "tiny-1, 7 images, seed 0"
    assert json.loads(row["spec"]) == {
        "edits": [
            {"kind": "mean", "layers": [2]},
            {"kind": "heads", "layers": [5], "scale": {"5": [0.0, 1.0]}},
        ],
        "mean": {
            "run": None,
            "dataset": "tiny",
            "n": 500,
            "seed": 0,
            "state": "input",
            "pool": "position",
        },
        "pruning": None,
    }


def test_a_prunings_id_tells_its_scales_apart():
    def pruned(*scale):
        return Condition((Edit("heads", (3,), scale),), name="demo", pruning={"n_pruned": 1})

    one, other = pruned(0.0, 1.5), pruned(0.0, 1.6)
    assert one.id.startswith("prune:demo-")
    assert one.id != other.id
    assert one.id == pruned(0.0, 1.5).id
    assert one.kind == "prune"
    assert one.heads == (0, 1)
