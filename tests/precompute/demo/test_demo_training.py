from functools import partial

import numpy as np
import pytest
import torch

from precompute.demo import batches, evaluate, scenes, trainer
from precompute.demo.scenes import Scene
from precompute.demo.vocabulary import PLACES, SUBJECTS


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
    expected = [scenes.sample(rng) for _ in range(6)]
    tokenizer = run.processor.tokenizer
    labels = batch.captions["labels"].masked_fill(batch.captions["labels"] < 0, 0)
    captions = tokenizer.batch_decode(labels, skip_special_tokens=True)
    assert captions == [scenes.caption(scene) for scene in expected]
    assert [int(n) for n in batch.present.sum(1)] == [len(s.subjects) + 2 for s in expected]
    assert batch.asked.tolist() == [0, 2, 4]
    assert len(batch.answers["labels"]) == 3
    assert "question : " in tokenizer.decode(batch.answers["input_ids"][0])


def test_patches_are_labelled_by_what_covers_them(book):
    scene = Scene(("kite", "house"), "sea", "next", 3)
    _, masks = scenes.compose(scene, book)
    labels = np.array(batches.patch_labels(scene, masks)).reshape(8, 8)
    words = [subject.word for subject in SUBJECTS]
    sea = len(SUBJECTS) + list(PLACES).index("sea")
    assert set(labels.ravel()) == {words.index("kite"), words.index("house"), sea}
    columns = [np.argwhere(labels == words.index(word))[:, 1].mean() for word in scene.subjects]
    assert columns[0] < 3.5 < columns[1]


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
    scene = Scene(("kite", "house"), "beach", "above")
    assert evaluate.names_subjects("a house above a kite on the beach", scene)
    assert not evaluate.names_subjects("a kites above a house on the beach", scene)
    assert evaluate.names_place("a car on the beach", scene)
    assert not evaluate.names_place("on the beach a car", scene)
