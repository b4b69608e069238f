"""Subsets, and how many broken pictures are too many."""

import pytest

from precompute.config.settings import DatasetConfig
from precompute.images import ImageItem, TooManyBroken, load_dataset, require_few_broken
from precompute.images.image_set import image_set, subset


def pictures(ids):
    return image_set([ImageItem(i, f"{i}.png", bytes) for i in ids], "some layout", "here")


IDS = [f"{k:03d}" for k in range(100)]


def test_a_subset_keeps_the_order_and_says_so():
    drawn = subset(pictures(IDS), 10, seed=3)
    ids = [item.image_id for item in drawn]
    assert len(set(ids)) == 10
    assert ids == sorted(ids)
    assert drawn.layout == "some layout; 10 of 100, drawn with seed 3"


def test_the_seed_alone_decides_and_not_the_order_of_a_layout():
    def draw(ids, seed):
        return {item.image_id for item in subset(pictures(ids), 10, seed)}

    assert draw(IDS, 3) == draw(IDS[::-1], 3)
    assert draw(IDS, 3) != draw(IDS, 4)


def test_a_subset_is_even():
    """Every picture is drawn about as often: 400 draws of 10 in 100, 40 times each on average."""
    times = dict.fromkeys(IDS, 0)
    for seed in range(400):
        for item in subset(pictures(IDS), 10, seed):
            times[item.image_id] += 1
    assert 15 < min(times.values()) <= max(times.values()) < 70, "4 standard deviations: 24"


def test_more_than_there_are_is_refused():
    with pytest.raises(ValueError, match=r"at least n = 101 .* has 100\. Take n out"):
        subset(pictures(IDS), 101, 0)


def test_a_configuration_draws(tmp_path):
    for name in IDS:
        (tmp_path / f"{name}.png").touch()
    config = DatasetConfig(name="f", kind="folder", path=str(tmp_path), n=7, seed=1)
    assert len(load_dataset(config)) == 7


def test_it_is_a_sequence():
    got = pictures("abc")
    assert (len(got), got[1].image_id, [i.image_id for i in got[1:]]) == (3, "b", ["b", "c"])


def test_broken_ones_up_to_the_share_pass():
    require_few_broken(["x"] * 5, 100, 0.05)
    require_few_broken([], 1, 0.0)
    words = r"at most 5\.0% of the 100 .*; 6 cannot .* so far, the last: x"
    with pytest.raises(TooManyBroken, match=words):
        require_few_broken(["w"] * 5 + ["x"], 100, 0.05)


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "hub:a/b"},
        {"kind": "whoops", "files": ["a"]},
        {"n": 0},
        {"max_broken": 2},
        {"background": "green"},
    ],
)
def test_settings_that_do_not_go_together_are_refused(wrong):
    with pytest.raises(ValueError, match="validation error"):
        DatasetConfig.model_validate({"name": "a", "kind": "folder", "path": "x", **wrong})
