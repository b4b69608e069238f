import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from precompute.demo import drawing, scenes
from precompute.demo.drawing import FLOOR, SIDE, bits_seen, draw
from precompute.demo.scenes import LAYOUTS, SUBJECTS_OF, Scene, View
from precompute.demo.vocabulary import LEVELS, PLACES

WORDS = ("kite", "house", "owl")


def scene(layout, place="sea", **other):
    return Scene(WORDS[: SUBJECTS_OF[layout]], place, layout, **other)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_things_stand_where_the_caption_says(book, layout):
    for seed in range(20):
        picture = draw(scene(layout, seed=seed), book)
        assert (picture.image.size, picture.image.mode) == ((SIDE, SIDE), "RGB")
        assert len(picture.masks) == {"pair": 2, "trio": 3}.get(layout, SUBJECTS_OF[layout])
        boxes = [mask.getbbox() for mask in picture.masks]
        widths = [(right - left) / SIDE for left, _, right, _ in boxes]
        if layout in ("large", "middle", "small"):
            low, high = {"large": (0.5, 0.9), "middle": (0.35, 0.55), "small": (0.05, 0.31)}[layout]
            assert low < widths[0] < high
        elif layout == "front":
            front, behind = (np.asarray(mask) > 127 for mask in picture.masks)
            assert not (front & behind).any(), "what is hidden is not seen"
            disc = math.pi / 4 * (widths[1] * SIDE) ** 2
            assert 0.3 * disc < behind.sum() < 0.995 * disc
        else:
            axis = 1 if layout == "above" else 0
            starts = [box[axis] for box in boxes]
            assert starts == sorted(starts), "from left to right, or from above"
            for box, following in pairwise(boxes):
                assert box[axis + 2] <= following[axis] + 0.06 * SIDE, "they hardly overlap"


def test_a_scene_is_always_drawn_alike_and_another_seed_differs(book):
    one = scene("large", "city", seed=7)
    assert draw(one, book).image.tobytes() == draw(one, book).image.tobytes()
    assert draw(one, book).image.tobytes() != draw(replace(one, seed=8), book).image.tobytes()


def test_another_place_or_subject_leaves_the_rest_where_it_was(book):
    one = scene("next", seed=3)
    elsewhere = draw(replace(one, place="city"), book)
    other = draw(replace(one, subjects=("kite", "owl")), book)
    here = draw(one, book)
    for picture in (elsewhere, other):
        for mask, same in zip(here.masks, picture.masks, strict=True):
            assert mask.tobytes() == same.tobytes(), "discs are alike"
    seen = np.asarray(here.masks[1]) > 0
    np.testing.assert_array_equal(np.asarray(here.image)[~seen], np.asarray(other.image)[~seen])


def test_places_look_different(book):
    looks = {
        place: np.asarray(draw(scene("small", place), book).image, float).mean((0, 1))
        for place in PLACES
    }
    for place, look in looks.items():
        for other, another in looks.items():
            assert place == other or np.abs(look - another).max() > 4, (place, other)


def test_bits_are_the_capacity_of_the_cells_that_can_be_told_apart():
    """By hand: each cell carries log2 of how many grey levels stand out of the noise."""
    contrast = np.zeros((SIDE, SIDE, 3))
    mask = np.zeros((SIDE, SIDE), bool)
    mask[10:20, 10:30] = True
    contrast[mask] = 60.0
    noise = 8.0
    by_hand = 200 * math.log2(math.sqrt(1 + 60**2 / (noise**2 + FLOOR**2)))
    assert bits_seen(contrast, mask, 0.0, noise) == pytest.approx(by_hand)
    blurred = by_hand / (1 + 4 * math.pi * 2**2)
    assert bits_seen(contrast, mask, 2.0, noise) == pytest.approx(blurred)
    assert bits_seen(contrast, np.zeros_like(mask), 0.0, noise) == 0


@pytest.mark.parametrize(
    "view", [View(light=0.2), View(blur=2.0), View(grain=40.0), View(hidden=0.6)], ids=str
)
def test_what_dims_a_picture_takes_bits_and_makes_words_higher(book, view):
    for seed in range(5):
        clear = scene("middle", "meadow", seed=seed)
        bits = draw(clear, book).bits[0]
        dimmed = draw(replace(clear, view=view), book)
        assert dimmed.bits[0] < 0.8 * bits
        assert LEVELS.index(dimmed.levels[0]) >= LEVELS.index(draw(clear, book).levels[0])


def test_level_and_caption_follow_from_what_is_visible_alone(book):
    """All four levels come up, in the order of bits, for the same scene seen ever less."""
    blurs = np.linspace(0, 12, 25).tolist()
    seen = [draw(scene("small", "pool", view=View(blur=blur)), book) for blur in blurs]
    levels = [LEVELS.index(picture.levels[0]) for picture in seen]
    assert levels == sorted(levels)
    assert set(levels) == {0, 1, 2, 3}
    assert seen[-1].caption == f"something {seen[-1].colours[0]} in the pool"


def test_a_larger_drawing_shows_as_much(book):
    rng = np.random.default_rng(5)
    for _ in range(40):
        one = scenes.sample(rng)
        small, large = draw(one, book), draw(one, book, 2 * SIDE)
        for less, more in zip(small.bits, large.bits, strict=True):
            assert more == pytest.approx(less, rel=0.3, abs=6)


def test_noise_is_as_loud_as_it_says(book):
    plain, noisy = (
        draw(scene("small", "kitchen", view=View(grain=g)), book, 192) for g in (0.0, 20.0)
    )
    middle = (np.asarray(plain.image, float) > 60) & (np.asarray(plain.image, float) < 195)
    noise = (np.asarray(noisy.image, float) - np.asarray(plain.image, float))[middle]
    assert noise.std() == pytest.approx(20, rel=0.1)
    assert drawing.level_of(0.0) == "colour"
