import re
from itertools import product

import numpy as np
import pytest

from precompute.demo import scenes
from precompute.demo.scenes import LAYOUTS, SUBJECTS_OF, Scene
from precompute.demo.vocabulary import (
    BY_WORD,
    CAPTION_PROMPT,
    LEVELS,
    PAINTS,
    PLACES,
    SUBJECTS,
    WORDS,
)


def every_scene():
    """Each layout with every subject and every place at least once."""
    for k in range(len(SUBJECTS)):
        for place, layout in product(PLACES, LAYOUTS):
            words = tuple(SUBJECTS[k - n].word for n in range(SUBJECTS_OF[layout]))
            yield Scene(words, place, layout)


def said(scene, level):
    levels, colours = ([one] * len(scene.subjects) for one in (level, "red"))
    return tuple(levels), tuple(colours)


@pytest.mark.parametrize("level", LEVELS)
def test_every_text_is_made_of_known_words(level):
    texts = {CAPTION_PROMPT}
    for scene in every_scene():
        texts.add(scenes.caption(scene, *said(scene, level)))
        for question, answer in scenes.questions(scene, *said(scene, level)):
            texts |= {scenes.question_prompt(question), answer}
    used = {word for text in texts for word in re.findall(r"\w+|[^\w\s]", text)}
    assert used <= set(WORDS)


def test_different_contents_have_different_captions():
    captions = [scenes.caption(scene, *said(scene, "name")) for scene in every_scene()]
    assert len(set(captions)) == len(captions)


def test_captions_hedge_by_what_is_told_and_say_the_rest():
    scene = Scene(("car", "poodle"), "snow", "front", ("blue", None))
    texts = [scenes.caption(scene, (level, "name"), ("blue", "grey")) for level in LEVELS]
    assert texts == [
        "a blue car in front of a poodle in the snow",
        "a vehicle in front of a poodle in the snow",
        "an object in front of a poodle in the snow",
        "something blue in front of a poodle in the snow",
    ]
    assert scenes.caption(Scene(("kite",), "cave", "small"), ("realm",), ("red",)) == (
        "a small object in the cave"
    )
    row = Scene(("kite", "pizza", "owl"), "cave", "row")
    assert scenes.caption(row, ("name", "realm", "kind"), ("red",) * 3) == (
        "a kite and some food and a bird in the cave"
    )


@pytest.mark.parametrize("level", LEVELS)
def test_a_question_has_one_answer_and_asks_for_nothing_unseen(level):
    for scene in every_scene():
        asked = scenes.questions(scene, *said(scene, level))
        assert len(dict(asked)) == len(asked) >= 1
        if level in ("realm", "colour"):
            words = set(" ".join(f"{q} {a}" for q, a in asked).split())
            assert not words & ({*scene.subjects} - {"thing", "object", "plant"})


def test_layout_and_number_of_subjects_must_agree():
    with pytest.raises(ValueError, match="layout 'above' takes 2 subjects; got"):
        Scene(("kite",), "beach", "above")


def test_only_what_is_recoloured_has_a_paint():
    assert Scene(("car",), "beach", "large").sprites == (f"{PAINTS[0]} car",)
    assert Scene(("kite",), "beach", "large").sprites == ("kite",)
    for word, paint in (("kite", "red"), ("car", "pink")):
        with pytest.raises(ValueError, match="expected a colour for what is recoloured; got"):
            Scene((word,), "beach", "large", (paint,))


@pytest.mark.parametrize("held_out", [True, False])
def test_training_and_evaluation_share_no_combination(held_out):
    rng = np.random.default_rng(0)
    for _ in range(30):
        assert scenes.is_held_out(scenes.sample(rng, held_out)) == held_out


def test_subjects_places_and_what_dims_are_drawn_independently():
    rng = np.random.default_rng(1)
    drawn = [scenes.sample(rng) for _ in range(4000)]
    assert {scene.place for scene in drawn} == set(PLACES)
    assert {scene.layout for scene in drawn} == set(LAYOUTS)
    assert {word for scene in drawn for word in scene.subjects} == set(BY_WORD)
    dark = [scene for scene in drawn if scene.view.light < 1]
    assert 0.17 < len(dark) / len(drawn) < 0.23
    assert {scene.place for scene in dark} == set(PLACES)
    assert len({word for scene in dark for word in scene.subjects}) > 0.9 * len(SUBJECTS)
    assert 0.15 < np.mean([scene.view.blur > 0 for scene in dark]) < 0.25
