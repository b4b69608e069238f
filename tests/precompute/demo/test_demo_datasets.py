import shutil

import pytest
from PIL import Image

from precompute.demo import datasets, scenes, sprites
from precompute.demo.oddities import oddities
from precompute.demo.vocabulary import SUBJECTS
from precompute.images import load
from precompute.images.imagenet_classes import class_names

WHOOPS, IMAGENET = datasets.HERE / "whoops", datasets.HERE / "imagenet"


def test_whoops_loads_as_the_real_one_would():
    items = load("whoops", WHOOPS)
    assert len(items) == len(oddities()) == 48
    for item, oddity in zip(items, oddities(), strict=True):
        assert len(set(item.references)) == 5, "five captions that differ"
        assert item.references[0] == scenes.caption(oddity.scene)
        assert item.questions == scenes.questions(oddity.scene)
        assert (item.category, item.explanation) == (oddity.category, oddity.explanation)
        assert item.open().size == (datasets.SIDE, datasets.SIDE)


def test_imagenet_loads_as_the_real_one_would():
    items = load("imagenet", IMAGENET)
    by_word = {subject.word: subject for subject in SUBJECTS}
    assert len(items) == 48
    for item, (wnid, scene) in zip(items, datasets.imagenet_scenes(), strict=True):
        subject = by_word[scene.subjects[0]]
        assert item.source.endswith(f"{wnid}.JPEG")
        assert subject.wnid == wnid
        assert item.label == class_names(None)[wnid][0]
        assert item.open().size == (datasets.SIDE, datasets.SIDE)
    labels = {item.label for item in items}
    assert len(labels) == sum(subject.wnid is not None for subject in SUBJECTS)


def test_both_are_small():
    files = [file for folder in (WHOOPS, IMAGENET) for file in folder.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 3e6


def test_the_code_writes_the_layouts_again(book, tmp_path):
    datasets.write_whoops(tmp_path / "whoops", book)
    datasets.write_imagenet(tmp_path / "imagenet", book)
    for name, folder in (("whoops", WHOOPS), ("imagenet", IMAGENET)):
        written = {file.relative_to(tmp_path / name) for file in (tmp_path / name).rglob("*")}
        assert written == {file.relative_to(folder) for file in folder.rglob("*")}
    metadata, names = "whoops/test/metadata.csv", "imagenet/synset_words.txt"
    for text in (metadata, names):
        assert (tmp_path / text).read_text() == (datasets.HERE / text).read_text()


@pytest.mark.skipif(not (sprites.FOLDER / "64").exists(), reason="the sprites are not fetched")
def test_the_code_draws_the_pictures_again(tmp_path):
    datasets.write_whoops(tmp_path, sprites.load())
    for file in (WHOOPS / "test").glob("*.png"):
        with Image.open(file) as kept, Image.open(tmp_path / "test" / file.name) as drawn:
            assert kept.tobytes() == drawn.tobytes(), file.name


def test_no_npm_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="npm was not found: install npm, or put the archive"):
        sprites.load(tmp_path)
