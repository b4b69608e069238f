"""A folder as people have it, from its files to the tables: nothing odd in it ends the run."""

import io
import json
import os

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dashboard.names import provenance
from precompute.__main__ import app
from store import open_run
from tests.precompute.images.test_damaged import NEGATIVE_WIDTH, TURNED, exif_of, jpeg
from tests.precompute.images.written import png, tiff

GREY = np.arange(256).reshape(16, 16, 1)


def album(folder):
    """A folder with pictures of many kinds, and what is none."""
    (folder / "bundle.png").mkdir(parents=True)
    picture, avif = Image.fromarray(np.tile(GREY, 3).astype(np.uint8)), io.BytesIO()
    picture.save(avif, "AVIF")
    clear = picture.convert("RGBA")
    clear.putalpha(0)
    clear.save(folder / "clear.png")
    for name, content in {
        "turned.jpg": jpeg(exif_of(TURNED, NEGATIVE_WIDTH)),
        "damaged.jpg": avif.getvalue()[:-300],
        "deep.png": png(GREY.astype(np.uint16) * 257),
        "floats.tiff": tiff((GREY / 255).astype(np.float32), 1, 3),
        "flat.tiff": tiff(np.ones((4, 4, 1), np.float32), 1, 3),
        os.fsdecode(b"caf\xe9.jpg"): jpeg(exif_of(TURNED)),
        "notes.txt": b"",
    }.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def peel(checkpoint, tmp_path):
    """Calls a command on a configuration whose one data set is the folder `album`."""
    config = tmp_path / "odd.toml"
    config.write_text(f"""
        [model]
        path = "{checkpoint}"
        device = "cpu"
        [[datasets]]
        name = "odd"
        kind = "folder"
        path = "{tmp_path / "album"}"
        max_broken = 1.0
        [decode]
        prompt = "a short image caption."
        generation = {{ max_new_tokens = 3 }}
    """)
    results = str(tmp_path / "results")
    return lambda command: CliRunner().invoke(app, [command, str(config), "--results", results])


def test_plan_says_of_a_wrong_file_of_captions_what_it_is_once(peel, tmp_path):
    folder = album(tmp_path / "album")
    (folder / "captions.csv").write_text("bild;satz\ndeep.png;ein Verlauf\n")
    planned = peel("plan")
    assert planned.exit_code == 0, planned.output
    assert (
        "100 in 4 parts; 100 to do; an example, as its pictures cannot be listed" in planned.output
    )
    assert planned.output.count(str(folder)) == 1
    assert (
        f"the images of odd: {folder}/captions.csv, line 1: expected the columns file_name and one "
        "of caption, captions, text; got bild, satz, parted by a semicolon. Name them so in that "
        "line; a file that holds no captions needs another name than captions.csv."
    ) in planned.output


def test_a_folder_as_people_have_it(peel, tmp_path):
    results = tmp_path / "results"
    album(tmp_path / "album")
    planned = peel("plan")
    assert "a folder of pictures, no captions; left out: 1 .txt" in planned.output
    ran = peel("run")
    assert ran.exit_code == 0, ran.output
    assert "odd: left out: 1 .txt" in ran.output
    assert "5 pictures" in ran.output and "2 more could not be read" in ran.output
    (run,) = results.iterdir()
    on_runs = dict(provenance.facts(json.loads((run / "run.json").read_text())))
    assert on_runs["layout"].endswith("; left out: 1 .txt")
    log = (run / "run.log").read_text()
    assert "7 pictures, a folder of pictures, no captions; left out: 1 .txt" in log
    assert "floats.tiff: its values from 0 to 1 are shown as black to white" in log
    with open_run(run) as opened:
        sizes = opened.table("image").set_index("image_id")[["width", "height"]]
        skipped = opened.table("skipped").set_index("source").reason
        read = [r"caf\xe9.jpg", "clear.png", "deep.png", "floats.tiff", "turned.jpg"]
        assert sorted(sizes.index) == read
        assert list(sizes.loc["turned.jpg"]) == [24, 32]
        assert sorted(skipped.index) == ["damaged.jpg", "flat.tiff"]
        assert "the value 1 alone" in skipped["flat.tiff"]
        assert [name for name in read if opened.is_transparent(name)] == ["clear.png"]
        seen = {name: np.asarray(opened.picture(name)).astype(float) for name in read}
        for name in ("deep.png", "floats.tiff"):
            assert np.abs(seen[name] - seen["clear.png"]).mean() < 2, "the same greys as 8 bits"
