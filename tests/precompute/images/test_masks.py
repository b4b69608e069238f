"""Folders of masks: what is read of them, and what is wrong with others, in sentences."""

import numpy as np
import pytest
from PIL import Image

from precompute.config.settings import PROJECT
from precompute.images import ImageItem, load, read_masks


def folder_of(tmp_path, table, name="one", mode="L"):
    values = Image.fromarray(np.array([[0, 1], [2, 2]], np.uint8)).convert(mode)
    values.save(tmp_path / f"{name}.png")
    (tmp_path / "things.csv").write_text(table, encoding="utf-8")
    return tmp_path


def item(image_id, source):
    return ImageItem(image_id, source, lambda: b"")


def test_a_mask_is_found_by_the_pictures_id_or_its_files_name(tmp_path):
    masks = read_masks(folder_of(tmp_path, "image,value,word,kind\none,1,Cat,animal\none,2,dog,\n"))
    for one in (item("one", "a/b.jpg"), item("id", "a/one.jpg")):
        things, values = masks.of(one)
        assert [(t.value, t.names) for t in things] == [(1, {"cat", "animal"}), (2, {"dog"})]
        assert values.tolist() == [[0, 1], [2, 2]]
    assert masks.of(item("two", "two.jpg")) is None


def test_its_identity_is_that_of_its_content(tmp_path):
    table = "image,value,word\none,1,cat\n"
    before = read_masks(folder_of(tmp_path, table)).sha256
    assert read_masks(tmp_path).sha256 == before
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "one.png")
    assert read_masks(tmp_path).sha256 != before


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ("image,value\none,1\n", "lacks word"),
        ("image,value,word\none,0,cat\n", r"line 2, value: expected a number in 1\.\.255; got '0'"),
        ("image,value,word\none,x,cat\n", "got 'x'"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, table, error):
    with pytest.raises(ValueError, match=error):
        read_masks(folder_of(tmp_path, table))


def test_what_is_no_mask_is_refused(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        read_masks(tmp_path / "gone")
    masks = read_masks(folder_of(tmp_path, "image,value,word\none,1,cat\n", mode="RGB"))
    with pytest.raises(ValueError, match="of mode RGB"):
        masks.of(item("one", "one.jpg"))


@pytest.mark.parametrize("name", ["whoops", "imagenet"])
def test_the_demos_own_are_read(name):
    masks = read_masks(PROJECT / "precompute/demo/masks" / name)
    pictures = load(name, PROJECT / "precompute/demo" / name)
    for picture in (pictures[0], pictures[-1]):
        things, values = masks.of(picture)
        assert values.shape[::-1] == picture.open().size
        assert {t.value for t in things} >= set(np.unique(values)) - {0}
