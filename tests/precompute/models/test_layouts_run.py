"""A run of pictures that keep their shape, from files to tables and arrays."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from precompute.config.settings import read_config
from precompute.interventions.experiments import read_experiments
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from store.upkeep.verify import verify_run
from tests.precompute.models.test_family_files import _CONFIG
from tests.precompute.models.tiny_families import FAMILIES

SHAPES = ((60, 180), (180, 60), (100, 100), (61, 182), (64, 64))
"""Rows and columns of pixels; the first and the fourth have one grid."""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Of a Qwen3-VL that keeps shapes; every stage, no mean of a position."""
    folder, rng = tmp_path_factory.mktemp("shapes"), np.random.default_rng(3)
    (folder / "photos").mkdir()
    for i, shape in enumerate(SHAPES):
        picture = Image.fromarray(rng.integers(0, 256, (*shape, 3), dtype=np.uint8))
        picture.save(folder / "photos" / f"{i}.png")
    saved = FAMILIES["qwen3_vl"]()
    saved.model.save_pretrained(folder / "model")
    saved.processor.save_pretrained(folder / "model")
    text = _CONFIG.format(name="qwen3_vl", model=folder / "model", photos=folder / "photos")
    text = text.replace('device = "cpu"', 'device = "cpu"\naspect = "keep"')
    for kind in ("mean:*", "confuse:1"):
        text = text.replace(f'"{kind}"', f'"{kind}~token"')
    (folder / "config.toml").write_text(text.replace("token_attention = 1", "token_attention = 2"))
    return folder / "config.toml"


@pytest.fixture(scope="module")
def captioner():
    family = FAMILIES["qwen3_vl"]()
    object.__setattr__(family, "aspect", "keep")
    return family


@pytest.fixture(scope="module")
def results(config, captioner):
    (plan,) = plan_runs(read_config(config, []))
    with Watch() as watch:
        execute(Job(plan, config.parent / "results", lambda: captioner, Maker(watch)))
    return config.parent / "results"


def test_every_image_has_its_own_grid(results, captioner):
    tower = captioner.tower
    with open_run(results, "photos") as run:
        assert verify_run(run.path).ok
        assert run.info["parity"]["passed"]
        images = run.table("image").set_index("source")
        grids = {}
        for name, row in images.iterrows():
            grids[name] = (row.grid_rows, row.grid_columns)
            with Image.open(results.parent / "photos" / name) as picture:
                assert grids[name] == captioner.layout_of(picture)
            arrays = run.tensors(row.image_id)
            n = row.grid_rows * row.grid_columns
            assert arrays.grid == grids[name]
            for of_head in (arrays.attention, arrays.contribution):
                assert of_head.shape == (tower.n_layers, tower.n_heads, n)
                assert np.isfinite(of_head).all()
            assert abs(arrays.attention.astype(float).sum(-1) - 1).max() < 0.01
            assert run.picture(row.image_id).size == (16 * grids[name][1], 16 * grids[name][0])
        assert grids["0.png"] == grids["3.png"] == grids["1.png"][::-1]
        assert len(set(grids.values())) > 2
        parts = run.path / "parts" / run.info["stages"]["capture"]
        (part,) = parts.glob("images*/part.json")
        batches = json.loads(part.read_text())["meta"]["batches"]
        assert sorted(len(batch) for batch in batches) == [1, 1, 1, 2]  # of one grid each


def test_edits_heads_and_words_have_the_images_grid(results, captioner):
    tower = captioner.tower
    n_captions = len(SHAPES) * (tower.n_layers + 1)
    with open_run(results, "photos") as run:
        captions = run.table("caption").groupby("condition_id").size()
        assert {"baseline", "mean:1~token", "confuse:1~token", "mean:2~resample"} <= {
            *captions.index
        }
        assert (captions[["baseline", "mean:1~token", "mean:2~resample"]] == n_captions).all()
        heads = run.table("head_effect")
        assert len(heads) == len(SHAPES) * tower.n_layers * tower.n_heads
        for row in run.table("image").itertuples():
            edited = run.condition_tensors(row.image_id, "mean:2~resample")
            assert edited.grid == (row.grid_rows, row.grid_columns)
            assert edited.attention.shape == run.tensors(row.image_id).attention.shape
            tokens = run.token_attention(row.image_id)
            if tokens is not None:
                n = row.grid_rows * row.grid_columns
                assert tokens.shape == (tower.n_layers, n, n)
                assert abs(tokens.astype(float).sum(-1) - 1).max() < 0.01
        words = run.table("inner_word").merge(run.table("image"), on="image_id")
        of = ["grid_row", "grid_column", "grid_rows", "grid_columns"]
        at = words.groupby("image_id")[of].max()
        assert (at.grid_row + 1 == at.grid_rows // 2).all()
        assert (at.grid_column + 1 == at.grid_columns // 2).all()


def test_a_mean_of_positions_is_refused_before_any_work(config, results):
    with open_run(results, "photos") as run:
        plan = plan_runs(read_config(config, ["experiments.0.conditions=['mean:2']"]))[0]
        with pytest.raises(ValueError, match="have positions of their own"):
            read_experiments(run.path, plan)


def test_a_run_in_tiles_has_maps_of_the_whole_picture(config, tmp_path):
    """Of a SmolVLM: captions of all tiles, arrays of the first."""
    family = replace(FAMILIES["smolvlm"](), tiles=2)
    family.model.save_pretrained(tmp_path / "model")
    family.processor.save_pretrained(tmp_path / "model")
    text = _CONFIG.format(name="smolvlm", model=tmp_path / "model", photos=config.parent / "photos")
    text = text.partition("[heads]")[0].replace('device = "cpu"', 'device = "cpu"\ntiles = 2')
    edits = 'name = "e"\nconditions = ["mean:2~token", "mean:2~resample"]\ncapture = true\n'
    (tmp_path / "config.toml").write_text(f"{text}\n[[experiments]]\n{edits}")
    (plan,) = plan_runs(read_config(tmp_path / "config.toml", []))
    with Watch() as watch:
        execute(Job(plan, tmp_path / "results", lambda: family, Maker(watch)))
    tower = family.tower
    with open_run(tmp_path / "results", "photos") as run:
        assert run.info["parity"]["passed"]
        assert run.info["maps_of"] == "the whole picture, not its tiles"
        assert run.info["decides"]["tiles"] == 2
        images = run.table("image")
        assert {*zip(images.grid_rows, images.grid_columns, strict=True)} == {tower.grid}
        for image_id in images.image_id:
            for arrays in (
                run.tensors(image_id),
                run.condition_tensors(image_id, "mean:2~resample"),
            ):
                shape = (tower.n_layers, tower.n_heads, tower.n_seen)
                assert arrays.attention.shape == shape
                assert abs(arrays.attention.astype(float).sum(-1) - 1).max() < 0.01
            assert run.picture(image_id).size == (32, 32)
        assert set(run.table("caption").condition_id) == {
            "baseline",
            "mean:2~token",
            "mean:2~resample",
        }
