"""Any folder of pictures, with captions and without."""

import json

import pytest

from precompute.config.settings import DatasetConfig
from precompute.images import UnknownLayout, UnreadableImage, load, load_dataset


@pytest.fixture
def album(tmp_path, bytes_of):
    for name in ("b.JPG", "cats/a.png", "dogs/a.png", ".trash/c.png", "._b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes_of(name))
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_pictures_of_all_folders_by_name(album, bytes_of):
    got = load("folder", album)
    assert got.layout == "a folder of pictures, no captions"
    assert [item.image_id for item in got] == ["b.JPG", "cats/a.png", "dogs/a.png"]
    for item in got:
        assert item.source == item.image_id
        assert item.read() == bytes_of(item.image_id)
        assert (item.references, item.label) == ((), None)


CSV = 'file_name,caption\nb.JPG,"a dog, a bone"\ncats/a.png,[sic] a cat\nb.JPG,a dog\n'
ROWS = [
    {"file_name": "b.JPG", "captions": ["a dog, a bone", "a dog"]},
    {"file_name": "cats/a.png", "text": "[sic] a cat"},
]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.csv", CSV),
        ("metadata.csv", "\ufeff" + CSV.replace("caption", "text")),
        ("captions.jsonl", "\n".join(map(json.dumps, ROWS)) + "\n\n"),
        (
            "captions.csv",
            'file_name,captions\nb.JPG,"[""a dog, a bone"", ""a dog""]"\n'
            "cats/a.png,[sic] a cat\ndogs/a.png,\n",
        ),
    ],
)
def test_captions_become_references(name, text, album):
    (album / name).write_text(text, encoding="utf-8")
    got = load("folder", album)
    assert got.layout == "a folder of pictures, captions for 2"
    assert [item.references for item in got] == [("a dog, a bone", "a dog"), ("[sic] a cat",), ()]


def test_a_caption_without_its_picture_is_a_broken_picture(album):
    (album / "captions.csv").write_text("file_name,caption\ngone.png,a ghost\n")
    items = {item.image_id: item for item in load("folder", album)}
    with pytest.raises(UnreadableImage, match=r"gone\.png: No such file"):
        items["gone.png"].open()


def test_files_may_be_named_one_by_one(album):
    def named(*files):
        config = DatasetConfig(name="f", kind="folder", path=str(album), files=files)
        return [(item.image_id, item.source) for item in load_dataset(config)]

    assert named("dogs/a.png", "x.png") == [("a.png", "dogs/a.png"), ("x.png", "x.png")]
    both = ["cats/a.png", "dogs/a.png"]
    assert named(*both) == [(name, name) for name in both], "one name in two folders"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("captions.csv", "file,caption\n1,2\n", r"file_name and one of caption.*found caption, f"),
        ("captions.jsonl", '{"file_name": "b.JPG"}\n', "found file_name. Rename"),
        ("captions.jsonl", "[1]\n", r"captions\.jsonl, line 1: expected a JSON object; got '\[1"),
        ("captions.jsonl", "\n{\n", "line 2: expected a JSON object; Expecting"),
    ],
)
def test_captions_that_do_not_fit_say_where(name, text, words, album):
    (album / name).write_text(text)
    with pytest.raises(ValueError, match=words):
        load("folder", album)


def test_no_pictures_at_all(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UnknownLayout, match=r"expected pictures \(.*found notes\.txt"):
        load("folder", tmp_path)
