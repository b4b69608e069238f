import re

import numpy as np
import pytest

from precompute.demo import scenes
from precompute.demo.scenes import LAYOUTS, Scene
from precompute.demo.vocabulary import CAPTION_PROMPT, PLACES, SUBJECTS, WORDS


def every_scene():
    """Each layout with every subject and every place at least once."""
    for k, subject in enumerate(SUBJECTS):
        other = SUBJECTS[k - 1].word
        for place in PLACES:
            for layout in LAYOUTS:
                single = layout in ("big", "small")
                yield Scene((subject.word,) if single else (subject.word, other), place, layout)


def test_the_book_is_as_large_as_it_should_be():
    assert len(SUBJECTS) >= 32
    assert len(PLACES) >= 8
    assert len(set(WORDS)) == len(WORDS), "a word twice would have two ids"


def test_every_text_is_made_of_known_words():
    texts = {CAPTION_PROMPT}
    for scene in every_scene():
        texts.add(scenes.caption(scene))
        for question, answer in scenes.questions(scene):
            texts |= {scenes.question_prompt(question), answer}
    used = {word for text in texts for word in re.findall(r"\w+|[^\w\s]", text)}
    assert used <= set(WORDS)


def test_different_contents_have_different_captions():
    captions = [scenes.caption(scene) for scene in every_scene()]
    assert len(set(captions)) == len(captions)


def test_a_question_has_one_answer():
    for scene in every_scene():
        answers = dict(scenes.questions(scene))
        assert len(answers) == len(scenes.questions(scene)) == 4


def test_layout_and_number_of_subjects_must_agree():
    with pytest.raises(ValueError, match="layout 'above' takes 2 subjects; got"):
        Scene(("kite",), "beach", "above")


@pytest.mark.parametrize("held_out", [True, False])
def test_training_and_evaluation_share_no_combination(held_out):
    rng = np.random.default_rng(0)
    for _ in range(30):
        assert scenes.is_held_out(scenes.sample(rng, held_out)) == held_out


def test_subjects_and_places_are_drawn_independently():
    rng = np.random.default_rng(1)
    drawn = [scenes.sample(rng) for _ in range(2000)]
    assert {scene.place for scene in drawn} == set(PLACES)
    assert {word for scene in drawn for word in scene.subjects} == {s.word for s in SUBJECTS}
    on_moon = [scene for scene in drawn if scene.place == "moon"]
    assert len({word for scene in on_moon for word in scene.subjects}) > 0.9 * len(SUBJECTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_subjects_stand_where_the_caption_says(book, layout):
    single = layout in ("big", "small")
    for seed in range(20):
        words = ("kite",) if single else ("kite", "house")
        image, masks = scenes.compose(Scene(words, "sea", layout, seed), book)
        assert (image.size, image.mode) == ((scenes.SIDE, scenes.SIDE), "RGB")
        boxes = [mask.getbbox() for mask in masks]
        assert all(0 <= edge <= scenes.SIDE for box in boxes for edge in box)
        widths = [right - left for left, _, right, _ in boxes]
        if layout == "big":
            assert widths[0] > 0.6 * scenes.SIDE
        elif layout == "small":
            assert widths[0] < 0.45 * scenes.SIDE
        else:
            axis = 0 if layout == "next" else 1
            (first, second) = boxes
            assert first[axis] < second[axis]
            assert first[axis + 2] <= second[axis] + 0.06 * scenes.SIDE, "they hardly overlap"


def test_a_scene_is_always_drawn_alike_and_another_seed_differs(book):
    scene = Scene(("kite",), "city", "big", 7)
    assert scenes.draw(scene, book).tobytes() == scenes.draw(scene, book).tobytes()
    other = Scene(("kite",), "city", "big", 8)
    assert scenes.draw(scene, book).tobytes() != scenes.draw(other, book).tobytes()


def test_places_look_different(book):
    looks = {
        place: np.asarray(scenes.draw(Scene(("kite",), place, "small"), book), float).mean((0, 1))
        for place in PLACES
    }
    for place, look in looks.items():
        for other, another in looks.items():
            assert place == other or np.abs(look - another).max() > 5
