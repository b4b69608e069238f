"""Any folder of pictures, with captions and without."""

import json
import unicodedata

import pytest

from precompute.config.settings import DatasetConfig
from precompute.images import UnknownLayout, UnreadableImage, load, load_dataset


@pytest.fixture
def album(tmp_path, bytes_of):
    for name in ("b.JPG", "cats/a.png", "dogs/a.png", ".trash/c.png", "._b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes_of(name))
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


HEAD = "file_name,caption\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "a.jpg,a man in a hat, riding a horse, at dusk\n",
            "line 2: .* got 4 cells, parted by a c",
        ),
        ("b.JPG,a dog\n\ncats/a.png\n", "line 4: .* got 1 cells"),
        ('b.JPG,"a dog\ncats/a.png,a cat\ndogs/a.png,"a dog"\n', "line 2: .* after"),
        ('b.JPG,"a dog\ncats/a.png,a cat\n', "line 2: .* got unexpected end of data"),
        ('b.JPG,"a dog\ncats/a.png,a cat"\n', "line 2: .* got a quote that ends 1 lines below"),
        ('b.JPG,"a dog"s bone\n', "line 2: .* got ',' expected after"),
        (f"b.JPG,{'x' * 200_000}\n", "line 2: .* got field larger than field limit"),
        (",a dog\n", "line 2, file_name: expected a picture's file name; got ''"),
        ('b.JPG,"[""a dog"", null]"\n', "line 2, caption: expected a text, or .*; got None"),
    ],
)
def test_a_row_of_another_shape_says_its_line_and_what_to_do(text, words, album):
    (album / "captions.csv").write_text(HEAD + text)
    with pytest.raises(ValueError, match=rf"captions\.csv, {words}") as caught:
        load("folder", album)
    quoting = 'a.jpg,"a ""good"" dog, asleep"'
    assert quoting in str(caught.value) or "Correct that row" in str(caught.value)


def test_how_to_quote_is_read_as_it_is_told(album):
    (album / "captions.csv").write_text(HEAD + 'b.JPG,"a ""good"" dog, asleep"\n')
    assert load("folder", album)[0].references == ('a "good" dog, asleep',)


def test_rows_that_excel_leaves_empty_are_none(album):
    (album / "captions.csv").write_text("file_name,caption,\nb.JPG,a dog,\n,,\n , \n")
    items = load("folder", album)
    assert [(item.image_id, item.references) for item in items] == [
        ("b.JPG", ("a dog",)),
        ("cats/a.png", ()),
        ("dogs/a.png", ()),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_files_as_spreadsheets_save_them(delimiter, end, encoding, album):
    rows = [
        ["file_name", "caption"],
        ["b.JPG", '"a dog; a bone,\ta größer one"'],
        ["cats/a.png", " "],
    ]
    text = end.join(delimiter.join(row) for row in rows) + end
    (album / "captions.csv").write_text(text, encoding=encoding, newline="")
    got = load("folder", album)
    assert [item.references for item in got] == [("a dog; a bone,\ta größer one",), (), ()]


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-16", "this looks like UTF-16"),
        ("utf-16-le", "this looks like UTF-16"),
        ("cp1252", "captions.csv, line 3: .* the byte 0xf6 is none. It looks like Windows-1252"),
    ],
)
@pytest.mark.parametrize("name", ["captions.csv", "captions.jsonl"])
def test_other_encodings_are_refused_by_name(name, encoding, words, album):
    (album / name).write_text("file_name,caption\nb.JPG,a dog\nb.JPG,größer\n", encoding=encoding)
    with pytest.raises(ValueError, match=words.replace("captions.csv", name)) as caught:
        load("folder", album)
    assert 'Save it as UTF-8 (in Excel: "CSV UTF-8")' in str(caught.value)


def test_names_and_captions_are_stripped(album):
    (album / "captions.csv").write_text(
        "file_name , caption\n b.JPG ,  a dog \ncats/a.png,\u00a0\n"
    )
    assert [item.references for item in load("folder", album)] == [("a dog",), (), ()]


def test_names_match_by_unicode_form_and_if_unique_by_case(tmp_path, bytes_of):
    parted = unicodedata.normalize("NFD", "für.jpg")
    for name in (parted, "Tom.jpg", "x.jpg", "X.jpg"):
        (tmp_path / name).write_bytes(bytes_of(name))
    rows = [("für.jpg", "one"), ("tom.JPG", "two"), ("X.jpg", "three"), ("x.JPG", "four")]
    (tmp_path / "captions.csv").write_text(HEAD + "".join(f"{a},{b}\n" for a, b in rows))
    got = {item.image_id: item.references for item in load("folder", tmp_path)}
    assert got == {
        parted: ("one",),
        "Tom.jpg": ("two",),
        "X.jpg": ("three",),
        "x.jpg": (),
        "x.JPG": ("four",),  # two may be meant: it stays a picture that is not there
    }


def test_columns_of_one_name_are_refused(album):
    (album / "captions.csv").write_text("file_name,caption,caption\nb.JPG,a dog,a bone\n")
    with pytest.raises(ValueError, match=r"line 1: expected different .* 'caption' stands there m"):
        load("folder", album)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "captions.csv",
            "bild;satz\n1;2\n",
            "line 1: expected the columns file_name and one of caption, captions, text; got bild, "
            "satz, parted by a semicolon. Name them so in that line; .* than captions.csv",
        ),
        ("captions.csv", "", "line 1: expected the columns .* got nothing"),
        ("captions.jsonl", '{"file_name": "b.JPG"}\n', "line 1, caption: expected a .*; got noth"),
        ("captions.jsonl", "[1]\n", r"line 1: expected a JSON object; got '\[1"),
        ("captions.jsonl", "\n{\n", "line 2: expected a JSON object; Expecting"),
        ("captions.jsonl", "[" * 100_000, "line 1: expected a JSON object; maximum recursion"),
        ("captions.jsonl", '{"file_name": 3, "text": "a"}', "line 1, file_name: .*; got 3"),
        ("captions.jsonl", '{"file_name": null, "text": "a"}', "line 1, file_name: .*; got None"),
        ("captions.jsonl", '{"file_name": "a", "text": 4}', "line 1, text: .*; got 4"),
        ("captions.jsonl", '{"file_name": "a", "text": ["b", 4]}', "line 1, text: .*; got 4"),
        ("captions.jsonl", '{"file_name": "a", "text": ["b", null]}', "line 1, text: .*; got None"),
        ("captions.jsonl", '{"file_name": "a", "text": {"b": 1}}', "line 1, text: .*; got {"),
    ],
)
def test_captions_that_do_not_fit_say_where(name, text, words, album):
    (album / name).write_text(text)
    with pytest.raises(ValueError, match=f"{name}, {words}") as caught:
        load("folder", album)
    assert str(caught.value).count(str(album)) == 1


def test_no_pictures_at_all(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UnknownLayout, match=r"expected pictures \(.*found notes\.txt"):
        load("folder", tmp_path)
