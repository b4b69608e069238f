"""WHOOPS in every layout that it is in the field in: the same ids, references and pictures."""

import csv
import pickle
import unicodedata
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from precompute.config.settings import DatasetConfig
from precompute.images import UnknownLayout, UnreadableImage, fingerprint, load, load_dataset
from precompute.images.whoops import item_from_row
from tests.precompute.images.whoops_layouts import (
    CAPTIONS,
    LAYOUTS,
    ROWS,
    image_folder,
    old_unpacked,
    old_zip,
    parquet,
    placeless,
    row,
    write_csv,
)


@pytest.fixture
def reference(tmp_path, bytes_of):
    image_folder(tmp_path / "reference", bytes_of)
    return load("whoops", tmp_path / "reference")


@pytest.mark.parametrize("write", LAYOUTS, ids=lambda w: w.__name__)
def test_every_layout_gives_the_same(write, tmp_path, bytes_of, reference):
    write(tmp_path / "set", bytes_of)
    got = load("whoops", tmp_path / "set")
    assert got.layout == LAYOUTS[write]
    assert [item.image_id for item in got] == ["b-2", "a-1", "c-3"], "the order of the metadata"
    for item, wanted, other in zip(got, ROWS, reference, strict=True):
        assert item.references == other.references == tuple(wanted["crowd_captions"])
        assert item.questions == other.questions == (("what is it?", "a snowman"),)
        assert (item.category, item.explanation, item.label) == (
            wanted["commonsense_category"],
            "It would melt.",
            None,
        )
        assert item.read() == bytes_of(item.image_id)
        assert item.open().mode == "RGB"
    assert fingerprint(placeless(got)) == fingerprint(placeless(reference)), "all but where"


@pytest.mark.parametrize("write", LAYOUTS, ids=lambda w: w.__name__)
def test_items_go_to_another_process(write, tmp_path, bytes_of):
    write(tmp_path, bytes_of)
    for item in pickle.loads(pickle.dumps(load("whoops", tmp_path).items)):
        assert item.read() == bytes_of(item.image_id)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # of `datasets`' own reader
@pytest.mark.parametrize("write", [image_folder, parquet], ids=lambda w: w.__name__)
def test_the_hub_gives_the_same(write, tmp_path, bytes_of, reference, hub_cache):
    write(tmp_path / "set", bytes_of)
    for file in (tmp_path / "set").rglob("train-*"):
        file.unlink()
    config = DatasetConfig(name="w", kind="whoops", path=f"hub:{tmp_path / 'set'}")
    got = load_dataset(config)
    assert got.layout.endswith("of the hub, split test")
    assert fingerprint(placeless(got)) == fingerprint(placeless(reference))
    assert [item.questions for item in got] == [item.questions for item in reference]
    assert len({item.source for item in got}) == 3
    again = pickle.loads(pickle.dumps(got.items))
    assert [item.read() for item in again] == [item.read() for item in reference]


def test_listing_opens_no_picture(tmp_path, bytes_of):
    image_folder(tmp_path, bytes_of)
    (tmp_path / "test" / "a-1.png").unlink()
    with pytest.raises(UnreadableImage, match=r"test/a-1.png"):
        load("whoops", tmp_path)[1].open()


def test_a_picture_that_the_zip_lacks_or_that_is_damaged_is_unreadable(tmp_path, bytes_of):
    old_zip(tmp_path, bytes_of)
    write_csv(tmp_path / "whoops_dataset.csv", [*ROWS, row("z-9")])
    got = load("whoops", tmp_path)
    with pytest.raises(UnreadableImage, match=r"whoops_images\.zip has no whoops_images/z-9\.png"):
        got[3].read()
    archive = tmp_path / "whoops_images.zip"
    content = archive.read_bytes().replace(bytes_of("b-2"), bytes_of("b-2")[::-1])
    archive.write_bytes(content)
    with pytest.raises(UnreadableImage, match="CRC"):
        got[0].read()


def test_a_zip_that_is_locked_or_packed_strangely_is_unreadable(tmp_path, bytes_of):
    old_zip(tmp_path, bytes_of)
    got = load("whoops", tmp_path)
    archive = tmp_path / "whoops_images.zip"
    whole = archive.read_bytes()
    local, central = whole.index(b"PK\3\4"), whole.index(b"PK\1\2")
    for at, value, words in ((0, 1, "encrypted"), (2, 99, "compression method")):
        content = bytearray(whole)
        content[local + 6 + at] = content[central + 8 + at] = value
        archive.write_bytes(content)
        with pytest.raises(UnreadableImage, match=rf"whoops_images/b-2\.png: .*{words}"):
            got[0].open()
    assert got[1].read() == bytes_of("a-1")


def test_a_row_of_parquet_without_bytes_is_unreadable(tmp_path):
    rows = [{**ROWS[0], "image": {"bytes": None, "path": "b-2.png"}}]
    table = pa.Table.from_pylist(
        rows,
        pa.schema(
            [
                ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
                ("image_id", pa.string()),
                ("crowd_captions", pa.list_(pa.string())),
            ]
        ),
    )
    pq.write_table(table, tmp_path / "whoops.parquet")
    (item,) = load("whoops", tmp_path)
    with pytest.raises(UnreadableImage, match=r"whoops\.parquet/0: the row has no bytes"):
        item.read()


def test_a_shard_that_is_cut_off_is_named(tmp_path, bytes_of):
    parquet(tmp_path, bytes_of)
    shard = tmp_path / "data" / "test-00001-of-00002.parquet"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-10])
    with pytest.raises(
        ValueError, match=r"test-00001-of-00002\.parquet: expected a parquet file; "
    ):
        load("whoops", tmp_path)
    # Its end is whole, so that it is opened; what its first pages say is not.
    shard.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    with pytest.raises(
        ValueError, match=r"test-00001-of-00002\.parquet: expected a parquet file; "
    ):
        load("whoops", tmp_path)


@pytest.mark.parametrize(
    "column", ["picture", {"bytes": 3, "path": "a"}, {"bytes": b"", "path": 3}]
)
def test_a_column_of_something_else_holds_no_pictures(column, tmp_path):
    table = pa.Table.from_pylist([{"image": column, "crowd_captions": ["a"]}])
    pq.write_table(table, tmp_path / "whoops.parquet")
    with pytest.raises(UnknownLayout, match=r"found whoops\.parquet"):
        load("whoops", tmp_path)


def test_large_columns_of_other_writers_are_read(tmp_path, bytes_of):
    image = pa.struct([("bytes", pa.large_binary()), ("path", pa.large_string())])
    schema = pa.schema([("image", image), ("crowd_captions", pa.large_list(pa.large_string()))])
    rows = [{"image": {"bytes": bytes_of("a"), "path": "a.png"}, "crowd_captions": ["snow"]}]
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "whoops.parquet")
    (item,) = load("whoops", tmp_path)
    assert (item.image_id, item.references, item.read()) == ("a", ("snow",), bytes_of("a"))


def test_a_row_of_parquet_that_does_not_fit_is_named(tmp_path, bytes_of):
    parquet(tmp_path, bytes_of, column=lambda value: [3])
    with pytest.raises(
        ValueError, match=r"data/test-00000-of-00002\.parquet/0, crowd_cap.*got 3\."
    ):
        load("whoops", tmp_path)


def test_without_an_id_the_file_is_one(tmp_path, bytes_of):
    image_folder(tmp_path, bytes_of)
    write_csv(
        tmp_path / "test" / "metadata.csv", [{"file_name": "a-1.png", "crowd_captions": CAPTIONS}]
    )
    assert [item.image_id for item in load("whoops", tmp_path)] == ["a-1"]


def test_the_selected_caption_stands_in_for_an_absent_crowd():
    item = item_from_row(row("x", crowd_captions=""), None, "x", bytes, "here")
    assert item.references == ("a snowman",)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("crowd_captions", "['a']", "expected a list of texts, or one in JSON"),
        ("crowd_captions", ["a", 3], "expected a list of texts.*; got 3"),
        ("crowd_captions", ["a", None], "expected a list of texts.*; got None"),
        ("crowd_captions", 7, "expected a list of texts.*; got 7"),
        (
            "question_answering_pairs",
            [["what?"]],
            r"expected a list of questions and answers.*; got \['what\?'\]",
        ),
        (
            "question_answering_pairs",
            [["what?", None]],
            "expected a list of questions and answers.*; got None",
        ),
        (
            "question_answering_pairs",
            [["what?", " "]],
            "expected a list of questions and answers.*; got ' '",
        ),
        ("image_id", 5, "expected a text; got 5"),
        ("designer_explanation", ["It would melt."], "expected a text; got"),
    ],
)
def test_a_row_that_holds_something_else_says_where_and_what(column, value, words):
    with pytest.raises(ValueError, match=rf"^test/0, {column}: {words}"):
        item_from_row({**row("x"), column: value}, None, "x", bytes, "test/0")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_metadata_as_spreadsheets_save_them(encoding, delimiter, tmp_path, bytes_of, reference):
    image_folder(tmp_path / "set", bytes_of)
    file = tmp_path / "set" / "test" / "metadata.csv"
    rows = list(csv.reader(file.read_text(encoding="utf-8").splitlines()))
    with file.open("w", newline="", encoding=encoding) as written:
        csv.writer(written, delimiter=delimiter).writerows([*rows, [""] * len(rows[0])])
    assert fingerprint(load("whoops", tmp_path / "set")) == fingerprint(reference)


def test_an_explanation_may_have_two_lines(tmp_path, bytes_of):
    image_folder(tmp_path, bytes_of, rows=[row("a", designer_explanation="It melts.\nSoon.")])
    (item,) = load("whoops", tmp_path)
    assert item.explanation == "It melts.\nSoon."


def test_a_short_row_says_where(tmp_path, bytes_of):
    image_folder(tmp_path, bytes_of)
    with (tmp_path / "test" / "metadata.csv").open("a") as file:
        file.write("d-4.png,d-4\n")
    with pytest.raises(ValueError, match=r"test/metadata\.csv, line 5: .* got 2 cells.* 9 columns"):
        load("whoops", tmp_path)


@pytest.mark.parametrize("write", [image_folder, old_zip, old_unpacked], ids=lambda w: w.__name__)
def test_pictures_under_another_spelling_of_their_name(write, tmp_path, bytes_of):
    """The metadata have the umlaut as one character, a Mac's disk as two, and other capitals."""
    composed, parted = unicodedata.normalize("NFC", "Jäger"), unicodedata.normalize("NFD", "jäger")
    written = "RENAMED"
    write(tmp_path, bytes_of, rows=[row(written)])
    for file in tmp_path.rglob("*.csv"):
        file.write_text(file.read_text().replace(written, composed), encoding="utf-8")
    for file in [*tmp_path.rglob(f"{written}.png")]:
        file.rename(file.with_name(f"{parted}.PNG"))
    if write is old_zip:
        with zipfile.ZipFile(tmp_path / "whoops_images.zip", "w") as archive:
            archive.writestr(f"{parted}.PNG", bytes_of(written))
    (item,) = load("whoops", tmp_path)
    assert item.image_id == composed
    assert item.read() == bytes_of(written)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (
            lambda root: write_csv(root / "metadata.csv", [{"file_name": "s", "text": "snow"}]),
            r"the column crowd_captions; found file_name, text",
        ),
        (
            lambda root: write_csv(root / "metadata.csv", [{"crowd_captions": "x"}]),
            r"metadata\.csv, line 2 .* expected the column file_name .*; found crowd_captions",
        ),
        (
            lambda root: write_csv(root / "whoops_dataset.csv", ROWS),
            r"whoops_images\.zip or whoops_images/ beside .*; found whoops_dataset\.csv",
        ),
        (
            lambda root: (
                write_csv(root / "whoops_dataset.csv", ROWS),
                (root / "whoops_images.zip").write_bytes(b"cut"),
            ),
            r"a zip file whoops_images\.zip; found File is not a zip",
        ),
        (lambda root: (root / "metadata.csv").write_text("file_name\n"), "expected rows"),
        (
            lambda root: (root / "whoops_images.rar").touch(),
            r"test/metadata\.csv, or whoops_dataset\.csv .*or \*\.parquet; found "
            r"whoops_images\.rar",
        ),
    ],
)
def test_an_unknown_layout_says_what_was_sought_and_found(write, words, tmp_path):
    write(tmp_path)
    with pytest.raises(UnknownLayout, match=words) as caught:
        load("whoops", tmp_path)
    assert "hub:nlphuji/whoops" in str(caught.value)
