"""Which files of a folder are pictures; what is left out is said."""

import io
import json
import os
import pickle

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from precompute.images import ImageItem, UnreadableImage, fingerprint, load
from precompute.images.decode import FORMATS
from precompute.images.files import by_ending, suffixes
from precompute.images.image_set import subset
from store.disk import canonical
from tests.precompute.images.by_hand import fingerprint_by_hand

PICTURE = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
KINDS = {
    "jpe": "JPEG",
    "jfif": "JPEG",
    "JPG": "JPEG",
    "mpo": "MPO",
    "avif": "AVIF",
    "jp2": "JPEG2000",
    "j2k": "JPEG2000",
    "apng": "PNG",
    "ppm": "PPM",
    "tiff": "TIFF",
    "webp": "WEBP",
    "gif": "GIF",
}


def saved(kind):
    written = io.BytesIO()
    PICTURE.save(written, kind)
    return written.getvalue()


def test_pictures_of_all_endings_are_listed_and_open(tmp_path):
    for ending, kind in KINDS.items():
        (tmp_path / f"a.{ending}").write_bytes(saved(kind))
    got = load("folder", tmp_path)
    assert [item.image_id for item in got] == sorted(f"a.{ending}" for ending in KINDS)
    assert got.layout == "a folder of pictures, no captions"
    for item in got:
        with Image.open(io.BytesIO(item.read())) as image:
            assert np.array_equal(np.asarray(item.open()), np.asarray(image.convert("RGB")))


def test_endings_are_those_of_formats_that_open():
    assert {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"} <= suffixes()
    assert not {".eps", ".pdf", ".ps", ".wmf", ".txt", ""} & suffixes()
    assert (".heic" in suffixes()) == ("HEIF" in FORMATS)


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000"])
def test_formats_that_were_skipped_once_have_another_fingerprint(kind):
    """Runs that skipped such a file under another ending are other runs than those that read it."""
    content = saved(kind)
    before = fingerprint_by_hand(content, "a.jpg")
    now = fingerprint_by_hand(content, "a.jpg", reading=f"{kind} RGB 1")
    got = fingerprint([ImageItem("a", "a.jpg", lambda: content)])
    assert got == now != before


def test_what_is_left_out_is_counted_by_ending(tmp_path, bytes_of):
    (tmp_path / "captions.csv").write_text("file_name,caption\na.png,a dog\nscan.raw,a cat\n")
    for name in ("a.png", "scan.raw"):
        (tmp_path / name).write_bytes(bytes_of(name))
    others = ("b.heif2", "c.HEIF2", "sub/d.txt", "captions.jsonl", "Makefile")
    for name in (*others, ".hidden", "._a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "e.txt").touch()
    (tmp_path / "bundle.png").mkdir()
    got = load("folder", tmp_path)
    assert [item.image_id for item in got] == ["a.png", "scan.raw"], "a folder is no picture"
    counts = "2 .heif2, 1 .jsonl, 1 .txt, 1 without an ending"
    assert got.left_out == counts
    assert got.layout == f"a folder of pictures, captions for 2; left out: {counts}"
    assert subset(got, 1, 0).left_out == counts


def test_endings_are_counted_in_one_order():
    assert by_ending([]) == ""
    assert by_ending(["b.x", "a.y", "c", "d.Y"]) == "2 .y, 1 .x, 1 without an ending"


@pytest.fixture
def linked(tmp_path):
    """A data set with links to a folder elsewhere, to one of its own, and back up."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (tmp_path / "set" / "own").mkdir(parents=True)
    for file in (elsewhere / "a.png", elsewhere / "deep" / "b.png", tmp_path / "set/own/c.png"):
        PICTURE.save(file)
    links = {
        "set/linked": elsewhere,
        "set/again": tmp_path / "set" / "own",
        "set/up": tmp_path / "set",
        "set/further-up": tmp_path,
        "elsewhere/loop": elsewhere,
        "elsewhere/back": tmp_path / "set",
        "set/gone": tmp_path / "nowhere",
    }
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    return tmp_path / "set"


def test_linked_folders_are_followed_once_and_never_in_a_circle(linked):
    got = load("folder", linked)
    assert [item.image_id for item in got] == ["linked/a.png", "linked/deep/b.png", "own/c.png"]
    assert all(item.open().size == (8, 8) for item in got)


def test_a_linked_picture_is_one_and_a_link_to_nothing_is_a_broken_one(tmp_path):
    PICTURE.save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "c.png").symlink_to(tmp_path / "gone.png")
    _, linked, broken = load("folder", tmp_path)
    assert linked.open().size == (8, 8)
    with pytest.raises(UnreadableImage, match=r"c\.png: No such file"):
        broken.open()


def test_a_pipe_under_a_pictures_name_is_skipped(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    (item,) = load("folder", tmp_path)
    with pytest.raises(UnreadableImage, match=r"a\.png: it is no file"):
        item.open()


@pytest.mark.parametrize("name", [b"caf\xe9.jpg", b"\xff\xfe.png"])
def test_a_name_that_is_no_utf8_works_and_is_shown_spelt_out(name, tmp_path, bytes_of):
    (tmp_path / os.fsdecode(name)).write_bytes(bytes_of("a"))
    text = json.dumps({"file_name": os.fsdecode(name), "caption": "a café"})
    (tmp_path / "captions.jsonl").write_text(text)
    (item,) = pickle.loads(pickle.dumps(load("folder", tmp_path).items))
    shown = name.decode("utf-8", "backslashreplace")
    assert (item.image_id, item.source, item.references) == (shown, shown, ("a café",))
    assert item.read() == bytes_of("a")
    assert pa.array([item.image_id, item.source]).to_pylist() == [shown, shown]
    canonical(item.source)
    (tmp_path / os.fsdecode(name)).write_bytes(b"no picture")
    with pytest.raises(UnreadableImage) as caught:
        item.open()
    assert caught.value.source == shown
    assert str(pickle.loads(pickle.dumps(caught.value))).isprintable()


@pytest.mark.parametrize("name", ["half\ud83d.png", "nul\0.png", "x" * 300 + ".png", "sub"])
def test_a_name_that_no_picture_can_have_is_skipped_and_named(name, tmp_path):
    PICTURE.save(tmp_path / "a.png")
    (tmp_path / "sub").mkdir()
    (tmp_path / "captions.jsonl").write_text(json.dumps({"file_name": name, "caption": "\ud83d"}))
    got = {item.image_id: item for item in load("folder", tmp_path)}
    (broken,) = got.keys() - {"a.png"}
    assert got[broken].references == ("\\ud83d",)
    pa.array([broken, *got[broken].references])
    with pytest.raises(UnreadableImage, match=r"no file can have|too long|it is no file"):
        got[broken].open()
