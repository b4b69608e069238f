"""ImageNet-val in every layout that people have it in: the same ids, labels and pictures."""

import json
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from precompute.config.settings import DatasetConfig
from precompute.images import (
    UnknownLayout,
    UnreadableImage,
    fingerprint,
    imagenet_classes,
    load,
    load_dataset,
)
from precompute.images.sources import _row_group
from tests.precompute.images.imagenet_layouts import (
    LABELS,
    LAYOUTS,
    WNID,
    flat,
    flat_beside_devkit,
    flat_with_wnids,
    parquet,
    placeless,
)


@pytest.mark.parametrize("write", LAYOUTS, ids=lambda w: w.__name__)
def test_every_layout_gives_the_same(write, tmp_path, bytes_of):
    flat_with_wnids(tmp_path / "reference", bytes_of)
    write(tmp_path / "set" / "images", bytes_of)
    got = load("imagenet", tmp_path / "set" / "images")
    assert got.layout == LAYOUTS[write]
    assert [item.image_id for item in got] == list(WNID)
    assert [item.label for item in got] == LABELS
    for item in pickle.loads(pickle.dumps(got.items)):
        assert item.read() == bytes_of(item.image_id)
        assert item.references == (), "ImageNet has no captions"
        assert item.open().mode == "RGB", "some are CMYK, some grey"
    reference = load("imagenet", tmp_path / "reference")
    assert fingerprint(placeless(got)) == fingerprint(placeless(reference))


def test_the_hub_gives_the_same(tmp_path, bytes_of, hub_cache):
    parquet(tmp_path / "set", bytes_of)
    flat_with_wnids(tmp_path / "reference", bytes_of)
    got = load_dataset(DatasetConfig(name="i", kind="imagenet", path=f"hub:{tmp_path / 'set'}"))
    reference = load("imagenet", tmp_path / "reference")
    assert fingerprint(placeless(got)) == fingerprint(placeless(reference))
    assert [item.label for item in got] == LABELS
    prepared = {file.stem.split("-")[-1] for file in (tmp_path / "hub-cache").rglob("*.arrow")}
    assert prepared == {"validation"}, "the training pictures are never fetched"


def test_pictures_of_one_name_in_several_classes_are_told_by_their_class(tmp_path, bytes_of):
    """As in ImageNet-R; a name that one class alone has stays the id."""
    places = ["n01440764/art_0", "n02056570/art_0", "n02056570/art_1"]
    for place in places:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / f"{place}.jpg").write_bytes(bytes_of(place))
    got = {item.image_id: item for item in load("imagenet", tmp_path)}
    assert list(got) == ["art_1", *places[:2]]
    assert [got[name].label for name in got] == ["king penguin", "tench", "king penguin"]
    assert got[places[0]].read() == bytes_of(places[0])
    (tmp_path / f"{places[0]}.png").touch()
    with pytest.raises(ValueError, match=r"'n01440764/art_0' twice: n01440764/art_0\.jpg and n01"):
        load("imagenet", tmp_path)


def test_rows_of_one_name_are_told_by_their_place(tmp_path, bytes_of):
    rows = [
        {"image": {"bytes": bytes_of(name), "path": name}, "label": k}
        for k, name in enumerate(("art_0.jpg", "art_1.jpg", "art_0.jpg"))
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "val.parquet")
    got = {item.image_id: item for item in load("imagenet", tmp_path)}
    assert list(got) == ["art_1", "val.parquet/0", "val.parquet/2"]
    assert got["val.parquet/2"].label == imagenet_classes.class_names(None)["n01484850"][0]


def test_what_is_left_out_is_counted_and_pictures_are_of_any_ending(tmp_path, bytes_of):
    for wnid in ("n01440764", "n02056570"):
        (tmp_path / wnid / f"{wnid}_folder.png").mkdir(parents=True)
        (tmp_path / wnid / f"a_{wnid}.JFIF").write_bytes(bytes_of(wnid))
        for name in ("b.psd", "c.PSD", "notes", ".hidden.psd"):
            (tmp_path / wnid / name).touch()
    (tmp_path / "synset_words.txt").write_text("n02056570 king penguin\n")
    got = load("imagenet", tmp_path)
    assert [item.image_id for item in got] == ["n01440764/a", "n02056570/a"]
    assert got.layout == "2 folders, one a wnid; left out: 4 .psd, 2 without an ending"


def test_a_file_in_the_folder_names_the_classes(tmp_path, bytes_of):
    flat_with_wnids(tmp_path / "set", bytes_of)
    (tmp_path / "set" / "LOC_synset_mapping.txt").write_text(
        "n02056570 pinguin, koningspinguin\n\nn01440764 zeelt\n"
    )
    labels = [item.label for item in load("imagenet", tmp_path / "set")]
    assert labels == ["pinguin", "zeelt", "pinguin", "n15075141"]


def test_a_devkit_that_is_damaged_says_so(tmp_path, bytes_of):
    flat_beside_devkit(tmp_path / "set", bytes_of)
    devkit_data = tmp_path / "ILSVRC2012_devkit_t12" / "data"
    truth = devkit_data / "ILSVRC2012_validation_ground_truth.txt"
    truth.write_text("\ufeff" + truth.read_text())
    assert [item.label for item in load("imagenet", tmp_path / "set")] == LABELS
    truth.write_text(truth.read_text() + "7000\n")
    with pytest.raises(UnknownLayout, match=r"numbers of classes of meta\.mat in .*; found 7000"):
        load("imagenet", tmp_path / "set")
    (devkit_data / "meta.mat").write_bytes(b"cut")
    with pytest.raises(UnknownLayout, match=r"classes in meta\.mat"):
        load("imagenet", tmp_path / "set")


def test_shards_of_other_classes_bring_their_names(tmp_path, bytes_of):
    table = pa.Table.from_pylist(
        [
            {"image": {"bytes": bytes_of(name), "path": name}, "label": k % 2}
            for k, name in enumerate(("a.jpg", "b.jpg", "c.jpg"))
        ]
    )
    names = {"label": {"names": ["n02056570", "cassette player"], "_type": "ClassLabel"}}
    pq.write_table(
        table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": names}})}),
        tmp_path / "imagenette.parquet",
    )
    labels = [item.label for item in load("imagenet", tmp_path)]
    assert labels == ["king penguin", "cassette player", "king penguin"]


@pytest.mark.parametrize("features", [{"label": {"names": [1]}}, {"label": 3}, ["label"]])
def test_names_of_labels_that_are_none_are_refused(features, tmp_path, bytes_of):
    parquet(tmp_path, bytes_of, features=features)
    with pytest.raises(ValueError, match=r"of-00002\.parquet: expected the names of labels in its"):
        load("imagenet", tmp_path)


def test_shards_that_forgot_the_names_still_have_unique_ids(tmp_path, bytes_of):
    parquet(tmp_path, bytes_of, named=False)
    ids = [item.image_id for item in load("imagenet", tmp_path)]
    assert ids == [
        *(f"data/validation-00000-of-00002.parquet/{k}" for k in range(3)),
        "data/validation-00001-of-00002.parquet/0",
    ]


def test_a_shard_is_read_a_row_group_at_a_time(tmp_path, bytes_of, monkeypatch):
    parquet(tmp_path, bytes_of)
    read = []
    original = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_group",
        lambda self, group, columns: (
            read.append((group, tuple(columns))),
            original(self, group, columns=columns),
        )[1],
    )
    got = load("imagenet", tmp_path)
    assert {columns for _, columns in read} == {("label", "image.path")}, "no picture is read"
    read.clear()
    _row_group.cache_clear()
    by_place = sorted(got, key=lambda item: item.source)
    assert [item.read() for item in by_place] == [bytes_of(item.image_id) for item in by_place]
    assert read == [(group, ("image.bytes",)) for group in (0, 1, 0)], "each group once, in order"
    assert _row_group.cache_info().maxsize == 2


def test_a_shard_that_is_gone_is_unreadable(tmp_path, bytes_of):
    parquet(tmp_path, bytes_of)
    got = load("imagenet", tmp_path)
    _row_group.cache_clear()
    for file in tmp_path.rglob("*.parquet"):
        file.unlink()
    with pytest.raises(UnreadableImage, match=r"validation-0000\d-of-00002\.parquet/\d: .*No such"):
        got[0].read()


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (
            flat,
            r"_<wnid>\.JPEG, or, with no wnid in any name, the devkit's "
            r"ILSVRC2012_validation_ground_truth\.txt and meta\.mat .*; "
            r"found ILSVRC2012_val_00000001\.JPEG, .* without either",
        ),
        (
            lambda root, bytes_of: (
                flat_with_wnids(root, bytes_of),
                (root / "ILSVRC2012_val_00000009.JPEG").touch(),
            ),
            r"found ILSVRC2012_val_00000009\.JPEG without either",
        ),
        (
            lambda root, bytes_of: (
                flat_beside_devkit(root, bytes_of),
                (root / "ILSVRC2012_val_00000005.JPEG").touch(),
            ),
            r"number 1 to 4>\.JPEG.*; found ILSVRC2012_val_00000005\.JPEG",
        ),
        (
            lambda root, bytes_of: (root / "pictures").mkdir(parents=True),
            r"in folders named by wnid, or \*\.parquet; found pictures\.",
        ),
        (
            lambda root, bytes_of: (
                root.mkdir(),
                pq.write_table(
                    pa.Table.from_pylist([{"image": {"bytes": b"", "path": "a"}, "label": 1000}]),
                    root / "val.parquet",
                ),
            ),
            r"a label 0 to 999 in each row; found 1000 in val\.parquet/0",
        ),
        (
            lambda root, bytes_of: (
                root.mkdir(),
                pq.write_table(pa.table({"picture": [b""]}), root / "val.parquet"),
            ),
            r"found val\.parquet\.",
        ),
    ],
    ids=["no devkit", "a name without", "beyond the devkit", "empty", "label", "no images"],
)
def test_an_unknown_layout_says_what_was_sought_and_found(write, words, tmp_path, bytes_of):
    write(tmp_path / "set", bytes_of)
    with pytest.raises(UnknownLayout, match=words):
        load("imagenet", tmp_path / "set")
