"""Names and captions that want more than to be shown, from pictures to terminal and files."""

import csv
import json

import duckdb
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from precompute.__main__ import app
from precompute.config.settings import DatasetConfig
from precompute.images import UnreadableImage, load_dataset
from precompute.terminal import printable
from store import open_run
from store.errors import PartDamaged
from store.query.export import export_table
from store.upkeep.verify import verify_run
from tests import synthetic
from tests.hostile_names import NAMES


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose images have hostile ids."""
    patch = pytest.MonkeyPatch()
    patch.setattr(synthetic, "image_id", lambda i: NAMES[i])
    made = synthetic.make_run(tmp_path_factory.mktemp("hostile"), n_images=len(NAMES))
    patch.undo()
    return made


def test_any_name_is_found_again(run):
    with open_run(run) as opened:
        assert set(opened.table("image").image_id) == set(NAMES)
        for name in NAMES:
            assert opened.tensors(name).image_id == name
            assert len(opened.table("caption", "image_id = ?", [name])) == 6
    assert verify_run(run).ok


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_any_name_is_exported_as_it_is(run, tmp_path, suffix):
    path = tmp_path / f"image{suffix}"
    with open_run(run) as opened:
        export_table(opened, "image", path)
    read = pd.read_parquet if suffix == ".parquet" else pd.read_csv
    options = {} if suffix == ".parquet" else {"keep_default_na": False}
    assert set(read(path, **options).image_id) == set(NAMES)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_table_that_somebody_sent_names_no_file_elsewhere(tmp_path):
    """Only arrays within the run's parts are opened, whatever the database says."""
    mine = synthetic.make_run(tmp_path / "mine", n_images=2)
    other = synthetic.make_run(tmp_path / "secret", n_images=2)
    part = next(other.glob("parts/capture-*/part-00000"))
    for there in (
        f"../../../secret/{other.name}/parts/{part.parent.name}/{part.name}",
        str(part),
        "../parts",
    ):
        with duckdb.connect(str(mine / "results-1.duckdb")) as con:
            con.execute("UPDATE image SET part = ?", [there])
        with open_run(mine) as opened, pytest.raises(PartDamaged, match="Publish again"):
            opened.tensors("img00000")


def secret_and_data(tmp_path):
    folder = tmp_path / "data"
    (folder / "test").mkdir(parents=True)
    Image.new("RGB", (8, 8), "red").save(tmp_path / "secret.png")
    Image.new("RGB", (8, 8), "blue").save(folder / "test" / "own.png")
    return folder


@pytest.mark.parametrize("out", ["../secret.png", "test/../../secret.png", "absolute"])
def test_a_captions_file_cannot_name_a_picture_outside(tmp_path, out):
    folder = secret_and_data(tmp_path)
    name = str(tmp_path / "secret.png") if out == "absolute" else out
    (folder / "captions.jsonl").write_text(json.dumps({"file_name": name, "caption": "x"}))
    items = load_dataset(DatasetConfig(name="own", kind="folder", path=str(folder)))
    assert len(items) == 2
    (bad,) = (item for item in items if item.source == name)
    with pytest.raises(UnreadableImage, match="leads out"):
        bad.open()


@pytest.mark.parametrize("out", ["../../secret.png", "absolute"])
def test_nor_can_the_metadata_of_an_image_folder(tmp_path, out):
    folder = secret_and_data(tmp_path)
    name = str(tmp_path / "secret.png") if out == "absolute" else out
    with (folder / "test" / "metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows(
            [
                ["file_name", "image_id", "crowd_captions"],
                [name, "out", "[]"],
                ["own.png", "own", "[]"],
            ]
        )
    items = load_dataset(DatasetConfig(name="own", kind="whoops", path=str(folder)))
    (bad,) = (item for item in items if item.image_id == "out")
    with pytest.raises(UnreadableImage, match="leads out"):
        bad.open()
    (mine,) = (item for item in items if item.image_id == "own")
    assert mine.open().size == (8, 8)


def test_a_terminal_obeys_nothing():
    for name in NAMES:
        output = printable(name)
        assert output.replace("\n", "").isprintable()
        assert output.encode().decode("unicode_escape") == name or name.isprintable()


def test_errors_in_a_terminal_obey_nothing(tmp_path):
    output = CliRunner().invoke(app, ["publish", "x\x1b[31m\u202e", "--results", str(tmp_path)])
    assert output.exit_code == 1
    assert "x\\x1b[31m\\u202e" in output.output
    assert "\u202e" not in output.output
