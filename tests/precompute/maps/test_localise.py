"""Maps against masks, by loops; names of things; masks through the picture's own way."""

import numpy as np
import pytest
from PIL import Image

from precompute.images import ImageItem, read_masks
from precompute.maps import localise


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_loops(seed):
    rng = np.random.default_rng(seed)
    values, inside = rng.normal(size=20), rng.random(20) < 0.3
    inside[0] = True
    got = localise.scores(values, inside)
    best = max(range(20), key=lambda k: values[k])
    total = sum(v for v in values if v > 0)
    there = sum(v for v, i in zip(values, inside, strict=True) if v > 0 and i)
    ranked = sorted(range(20), key=lambda k: -values[k])[: sum(inside)]
    assert got == {
        "pointing": float(inside[best]),
        "mass": pytest.approx(there / total),
        "rank": pytest.approx(sum(inside[k] for k in ranked) / sum(inside)),
    }


def test_by_chance_the_scores_are_the_targets_share():
    rng = np.random.default_rng(0)
    inside = np.arange(20) < 6
    drawn = [localise.scores(rng.random(20), inside) for _ in range(4000)]
    for name in ("pointing", "mass", "rank"):
        assert np.mean([one[name] for one in drawn]) == pytest.approx(0.3, abs=0.03)


def test_a_map_without_a_positive_value_points_nowhere():
    assert localise.scores(-np.ones(4), np.array([True, False, False, False])) == {}


@pytest.mark.parametrize(
    ("word", "named"),
    [("zebra", True), ("zebras", True), ("animals", True), ("horse", False), ("poodle", True)],
)
def test_a_thing_is_named_in_singular_and_plural(word, named):
    assert localise.names(frozenset({"zebra", "animal", "standard poodle"}), word) == named


def test_patches_are_those_that_are_mostly_covered(captioner, tmp_path):
    rows, columns = captioner.tower.grid
    side = 12
    mask = np.zeros((rows * side, columns * side), bool)
    mask[side : 2 * side, side : 2 * side + 4] = True  # one patch, and a third of its neighbour
    inside = localise.patches_of(captioner, mask)
    assert inside.nonzero()[0].tolist() == [columns + 1]
    small = np.zeros_like(mask)
    small[2 * side + 2 : 2 * side + 5, 1:5] = True
    assert localise.patches_of(captioner, small).nonzero()[0].tolist() == [2 * columns]
    assert localise.patches_of(captioner, np.zeros_like(mask)) is None
    values = np.where(mask, 2, 0).astype(np.uint8)
    values[-side:, -side:] = 1
    Image.fromarray(values).save(tmp_path / "one.png")
    (tmp_path / "things.csv").write_text("image,value,word\none,1,zebra\none,2,zebra\none,2,dog\n")
    item = ImageItem("one", "one.jpg", (tmp_path / "one.png").read_bytes)
    found = localise.targets(captioner, read_masks(tmp_path), item, ["zebras", "dog", "cat", "dog"])
    assert [(t.word, t.patches.nonzero()[0].tolist()) for t in found] == [
        ("zebras", [columns + 1, rows * columns - 1]),
        ("dog", [columns + 1]),
    ]
    assert localise.targets(captioner, None, item, ["dog"]) == []
    Image.fromarray(values[:-1]).save(tmp_path / "other.png")
    other = ImageItem("one", "one.jpg", (tmp_path / "other.png").read_bytes)
    with pytest.raises(ValueError, match=r"as large as the picture, \(96, 95\); got \(96, 96\)"):
        localise.targets(captioner, read_masks(tmp_path), other, ["dog"])
