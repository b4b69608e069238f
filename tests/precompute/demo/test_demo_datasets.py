import csv
import shutil
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from precompute.demo import datasets, drawing, sprites
from precompute.demo.backgrounds import paint
from precompute.demo.oddities import oddities
from precompute.demo.scenes import Scene
from precompute.demo.vocabulary import BY_WORD
from precompute.images import load
from precompute.images.imagenet_classes import class_names

HERE = datasets.HERE
WHOOPS, IMAGENET, MASKS, PAIRS = (HERE / n for n in ("whoops", "imagenet", "masks", "pairs"))


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_whoops_loads_as_the_real_one_would():
    items = load("whoops", WHOOPS)
    assert len(items) == len(oddities()) == 48
    for item, oddity in zip(items, oddities(), strict=True):
        assert len(set(item.references)) >= 4, "captions that differ"
        assert item.questions
        assert (item.category, item.explanation) == (oddity.category, oddity.explanation)
        assert item.open().size == (datasets.SIDE, datasets.SIDE)


def test_imagenet_loads_as_the_real_one_would():
    items = load("imagenet", IMAGENET)
    assert len(items) == 48
    for item, (wnid, scene) in zip(items, datasets.imagenet_scenes(), strict=True):
        subject = BY_WORD[scene.subjects[0]]
        assert item.source.endswith(f"{wnid}.JPEG")
        assert subject.wnid == wnid
        assert item.label == class_names(None)[wnid][0]
        assert item.open().size == (datasets.SIDE, datasets.SIDE)
    assert len({item.label for item in items}) == 48


def test_class_names_have_the_words_of_the_tree():
    lines = (IMAGENET / "synset_words.txt").read_text(encoding="utf-8").splitlines()
    names = dict(line.split(" ", 1) for line in lines)
    for subject in BY_WORD.values():
        if subject.wnid:
            assert {subject.word, subject.kind} <= set(names[subject.wnid].split(", "))


def test_all_are_small():
    files = [f for part in (WHOOPS, IMAGENET, MASKS, PAIRS) for f in part.rglob("*") if f.is_file()]
    assert sum(file.stat().st_size for file in files) < 5e6


@pytest.mark.parametrize("name", ["whoops", "imagenet"])
def test_masks_say_where_everything_is(name):
    pictures = {
        "whoops": {path.stem for path in (WHOOPS / "test").glob("*.png")},
        "imagenet": {path.stem for path in IMAGENET.glob("*.JPEG")},
    }[name]
    things = table(MASKS / name / "things.csv")
    assert {row["image"] for row in things} == pictures
    for image in pictures:
        with Image.open(MASKS / name / f"{image}.png") as file:
            values = np.asarray(file)
        rows = [row for row in things if row["image"] == image]
        assert values.shape == (datasets.SIDE, datasets.SIDE)
        assert set(np.unique(values)) <= {0, *(int(row["value"]) for row in rows)}
        for row in rows:
            subject = BY_WORD[row["word"]]
            assert (row["kind"], row["realm"]) == (subject.kind, subject.realm)
            level = drawing.level_of(float(row["bits"]))
            assert row["said"] == {
                "name": subject.word, "kind": subject.kind, "realm": subject.realm,
                "colour": "thing",
            }[level]  # fmt: skip


def test_masks_cover_what_stands_out_of_the_place(book):
    """Where the mask is, the picture differs from the empty place; elsewhere it does not."""
    picture = drawing.draw(Scene(("kite", "owl"), "cave", "front", seed=2), book, 192)
    empty = paint("cave", 192, np.random.default_rng([2, 0]))
    differs = (np.asarray(picture.image) != np.asarray(empty)).any(2)
    covered = np.maximum(*(np.asarray(mask) for mask in picture.masks))
    assert not differs[covered == 0].any()
    assert differs[covered == 255].mean() > 0.99


def test_minimal_pairs_differ_in_one_thing():
    pairs = datasets.minimal_pairs()
    assert len(pairs) == 24
    for changed, one, other in pairs:
        differing = {f.name for f in fields(one) if getattr(one, f.name) != getattr(other, f.name)}
        allowed = {
            "subject": {"subjects", "paints"}, "order": {"subjects", "paints"},
            "place": {"place"}, "colour": {"paints"},
        }[changed]  # fmt: skip
        assert differing and differing <= allowed
        if changed == "subject":
            assert one.subjects[1:] == other.subjects[1:]
        if changed == "order":
            assert one.subjects == other.subjects[::-1]


def test_pairs_are_there_as_their_table_says():
    rows = table(PAIRS / "pairs.csv")
    assert len(rows) == 24
    for row in rows:
        assert row["caption_a"] != row["caption_b"]
        looks = [np.asarray(Image.open(PAIRS / row[f"file_{letter}"])) for letter in "ab"]
        share = (looks[0] != looks[1]).any(2).mean()
        assert 0 < share < (1 if row["changed"] == "place" else 0.7)


def test_the_code_writes_the_layouts_again(book, tmp_path):
    datasets.write_masks(tmp_path / "masks", datasets.write_whoops(tmp_path / "whoops", book))
    datasets.write_imagenet(tmp_path / "imagenet", book)
    datasets.write_pairs(tmp_path / "pairs", book)
    for name, folder in (
        ("whoops", WHOOPS), ("imagenet", IMAGENET), ("pairs", PAIRS), ("masks", MASKS / "whoops"),
    ):  # fmt: skip
        written = {file.relative_to(tmp_path / name) for file in (tmp_path / name).rglob("*")}
        assert written == {file.relative_to(folder) for file in folder.rglob("*")}
    names = "imagenet/synset_words.txt"
    assert (tmp_path / names).read_text() == (HERE / names).read_text()


@pytest.mark.skipif(not (sprites.FOLDER / "64").exists(), reason="the sprites are not fetched")
def test_the_code_draws_the_pictures_again(tmp_path):
    datasets.write_whoops(tmp_path, sprites.load())
    metadata = "test/metadata.csv"
    assert (tmp_path / metadata).read_text() == (WHOOPS / metadata).read_text()
    for file in (WHOOPS / "test").glob("*.png"):
        with Image.open(file) as kept, Image.open(tmp_path / "test" / file.name) as drawn:
            assert kept.tobytes() == drawn.tobytes(), file.name


def test_no_npm_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="npm was not found: install npm, or put the archive"):
        sprites.load(tmp_path)
