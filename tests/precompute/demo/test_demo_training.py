from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import binomtest

from precompute.demo import batches, drawing, evaluate, scenes, trainer
from precompute.demo.drawing import Picture
from precompute.demo.scenes import Scene, View


@pytest.fixture
def small(monkeypatch):
    """A trainer of a two-layer captioner."""
    build = trainer.build_config
    monkeypatch.setattr(trainer, "build_config", lambda processor: build(processor, 2, 32))
    monkeypatch.setattr(trainer, "Readouts", partial(trainer.Readouts, 32))
    return lambda: trainer.Trainer(trainer.Settings(batch=6))


def draw(run, book, seed=0):
    return batches.draw_batch(6, book, run.processor, np.random.default_rng(seed))


def test_a_batch_says_what_is_in_its_pictures(small, book):
    run = small()
    batch = draw(run, book)
    rng = np.random.default_rng(0)
    expected = [drawing.draw(scenes.sample(rng), book) for _ in range(6)]
    tokenizer = run.processor.tokenizer
    labels = batch.captions["labels"].masked_fill(batch.captions["labels"] < 0, 0)
    captions = tokenizer.batch_decode(labels, skip_special_tokens=True)
    assert captions == [picture.caption for picture in expected]
    for row, picture in zip(batch.present, expected, strict=True):
        present = {batches.LABELS[k] for k in row.nonzero().flatten()}
        called = {*picture.nouns, picture.scene.place, picture.scene.layout}
        assert present == called
    assert batch.asked.tolist() == [0, 2, 4]
    assert len(batch.answers["labels"]) == 3
    assert "question : " in tokenizer.decode(batch.answers["input_ids"][0])


def test_patches_are_labelled_by_what_covers_them(book):
    picture = drawing.draw(Scene(("kite", "house"), "sea", "next", seed=3), book)
    assert picture.levels == ("name", "name")
    labels = np.array(batches.patch_labels(picture)).reshape(batches.GRID, batches.GRID)
    words = [batches.LABELS.index(word) for word in ("kite", "house", "sea")]
    assert set(labels.ravel()) == set(words)
    columns = [np.argwhere(labels == word)[:, 1].mean() for word in words[:2]]
    assert columns[0] < batches.GRID / 2 - 0.5 < columns[1]


def test_patches_say_no_more_than_can_be_told(book):
    picture = drawing.draw(Scene(("kite",), "sea", "large", view=View(blur=6.0), seed=3), book)
    (level,) = picture.levels
    assert level != "name"
    said = {batches.LABELS[k] for k in batches.patch_labels(picture)}
    assert said == {"sea", scenes.noun("kite", level)}


def test_steps_lower_the_loss_and_a_restart_goes_on_alike(small, book, tmp_path):
    run = small()
    batch = draw(run, book)
    before = run.advance(batch)["caption"]
    run.spent = 30.0
    run.save(tmp_path / "state.pt")
    after = run.advance(batch)["caption"]
    assert after < before
    restarted = small()
    restarted.load(tmp_path / "state.pt")
    assert (restarted.step, restarted.spent) == (1, 30.0)
    assert restarted.advance(batch)["caption"] == pytest.approx(after, rel=1e-3)
    for name, weight in run.averages.items():
        torch.testing.assert_close(weight, restarted.averages[name], rtol=1e-2, atol=1e-3)


def test_training_goes_further_from_a_checkpoint(small, book, tmp_path):
    first = small()
    first.advance(draw(first, book))
    first.model.save_pretrained(tmp_path)
    further = small()
    further.take_weights(tmp_path)
    assert (further.step, further.spent) == (0, 0.0)
    for name, weight in first.model.state_dict().items():
        torch.testing.assert_close(further.model.state_dict()[name], weight, rtol=0, atol=0)
        torch.testing.assert_close(further.averages[name], weight, rtol=0, atol=0)


def test_every_weight_is_trained_once(small):
    run = small()
    groups = [p for o in run.optimizers for group in o.param_groups for p in group["params"]]
    assert len({id(p) for p in groups}) == len(groups)
    weights = [*run.model.parameters(), *run.readouts.parameters()]
    assert {id(p) for p in groups} == {id(p) for p in weights}


def test_the_rate_rises_then_falls_to_nothing():
    rates = [trainer.rate(progress, 0.02) for progress in (0.0, 0.01, 0.02, 0.5, 0.9, 1.0, 1.1)]
    assert rates[0] < rates[1] < rates[2] == 1.0
    assert rates[2] > rates[3] > rates[4] > rates[5] == rates[6] == pytest.approx(0)


def test_quality_counts_words_not_letters():
    scene = Scene(("poodle", "house"), "beach", "above")
    picture = Picture(scene, Image.new("RGB", (9, 9)), (), (1000.0, 100.0), ("grey", "red"))
    assert picture.caption == "a poodle above a building on the beach"
    judged = {
        "a building above a poodle on the beach": ([True, True], [True, True]),
        "a puppy above a castle on the beach": ([False, False], [True, True]),
        "an animal above a building on the beach": ([False, True], [False, True]),
        "a poodles above an object on the beach": ([True, False], [True, False]),
        "a poodlex above something red on the beach": ([False, False], [False, False]),
    }
    for text, (named, kinds) in judged.items():
        assert evaluate.subjects_named(text, picture) == named, text
        assert evaluate.kinds_named(text, picture) == kinds, text
    assert evaluate.place_named("a car on the beach", picture)
    assert not evaluate.place_named("on the beach a car", picture)


def test_what_is_only_a_colour_is_named_by_it_and_asked_for_no_kind():
    scene = Scene(("poodle",), "beach", "small")
    picture = Picture(scene, Image.new("RGB", (9, 9)), (), (3.0,), ("grey",))
    assert evaluate.subjects_named("something grey on the beach", picture) == [True]
    assert evaluate.subjects_named("a small poodle on the beach", picture) == [False]
    assert evaluate.kinds_named("something grey on the beach", picture) == []


def test_calibration_is_by_bins_of_equal_size():
    sure = [0.1, 0.2, 0.3, 0.9, 0.95, 0.99]
    right = [False, False, True, True, True, True]
    low, high = evaluate.calibration(sure, right, bins=2)
    assert (low.n, high.n) == (3, 3)
    assert (low.sure, low.right) == (pytest.approx(0.2), pytest.approx(1 / 3))
    assert (high.sure, high.right) == (pytest.approx(2.84 / 3), 1.0)
    exact = binomtest(1, 3).proportion_ci(method="wilson")
    assert low.interval == (pytest.approx(exact.low), pytest.approx(exact.high))
