"""One shard -> one part: what lies in its folder."""

import io
import json

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from precompute.estimate.cost import array_bytes
from precompute.models import size_of
from precompute.readouts.baseline import write_capture
from precompute.runner.plan import plan_runs
from store.disk.runs import create_run
from store.parts.tensors import read_image
from store.parts.write import stage_folder, write_part


def made(config, captioner, folder, name):
    (plan,) = plan_runs(config)
    done = []
    stage = stage_folder(create_run(folder, plan.run_id, {"decides": {}}), "capture", {})
    with write_part(stage, name) as part:
        write_capture(part, captioner, plan.shards[name], "tiny", config, done.append)
    return stage / name, done


def test_the_composition_of_batches_is_kept(config, captioner, tmp_path):
    path, done = made(config, captioner, tmp_path, "images-000000")
    manifest = json.loads((path / "part.json").read_text())
    assert manifest["meta"]["batches"] == [["img-0", "img-1"]]
    assert done == [2]


def test_a_broken_picture_is_a_row_of_skipped(config, captioner, tmp_path):
    path, done = made(config, captioner, tmp_path, "images-000002")
    (row,) = pq.read_table(path / "skipped.parquet").to_pylist()
    assert row["source"] == "test/3.png"
    assert "cannot read the picture" in row["reason"]
    assert pq.read_table(path / "image.parquet")["image_id"].to_pylist() == ["img-2"]
    assert sum(done) == 1


def test_a_shard_of_broken_pictures_alone_is_a_part_too(config, captioner, whoops, tmp_path):
    (plan,) = plan_runs(config)
    stage = stage_folder(create_run(tmp_path, plan.run_id, {"decides": {}}), "capture", {})
    with write_part(stage, "images-000003") as part:
        write_capture(part, captioner, plan.items[3:4], "tiny", config, lambda n: None)
    assert pq.read_table(stage / "images-000003" / "caption.parquet").num_rows == 0
    assert pq.read_table(stage / "images-000003" / "layer_stat.parquet").num_rows == 0


def test_the_model_input_is_kept_as_jpeg(config, captioner, pictures, tmp_path):
    path, _ = made(config, captioner, tmp_path, "images-000004")
    kept = Image.open(io.BytesIO(read_image(path / "tensors.h5", 0).model_input))
    (expected,) = captioner.model_input(captioner.pixels(pictures[3:4]))
    assert kept.format == "JPEG"
    difference = np.asarray(kept).astype(int) - np.asarray(expected).astype(int)
    assert kept.size == expected.size
    assert np.abs(difference).mean() < 5


def test_array_bytes_are_those_on_disk(config, captioner, tmp_path):
    """What `plan` promises of the disk, against the arrays' size in a real part."""
    path, _ = made(config, captioner, tmp_path, "images-000000")
    image = read_image(path / "tensors.h5", 0)
    arrays = (image.attention, image.contribution, image.token_norm, image.summary_state)
    expected = sum(array.nbytes for array in arrays)
    assert array_bytes(size_of(config.model), config.capture.cls_state) == expected
