"""Checkpoints of families with a decoder-only language model: from a folder to tables."""

import json

import pytest
import torch

from precompute.config.settings import Generation, ModelConfig, read_config
from precompute.estimate.preflight import require_ready
from precompute.models import as_read, load_captioner, size_of
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from tests.precompute.models.tiny_families import FAMILIES

_CONFIG = """
[model]
backend = "{name}"
path = "{model}"
device = "cpu"

[[datasets]]
name = "photos"
kind = "folder"
path = "{photos}"

[capture]
batch_size = 3
cls_state = true
token_attention = 1

[decode]
prompt = "a short image caption."
batch_size = 7
generation = {{ max_new_tokens = 4 }}

[score]
metrics = ["exact", "uniqueness"]

[inner_words]
images = 2

[heads]
layers = [2]

[floor]
seeds = [0]
n = 2

[[experiments]]
name = "edits"
conditions = ["mean:*", "confuse:1", "skip:2", "heads:1-only-*", "mean:2~resample"]
all_layers = true
capture = true

[head_effect]
batch_size = 2
m = 2
exact_top = 2
exact_random = 1

[[pruning]]
name = "algorithm1"
m = 2
layers = [1, 2]
top_k = 2
counts = [1]
random_seeds = 2
metric = "exact"
"""
PROMPT = "a short image caption."


@pytest.fixture(scope="module", params=FAMILIES)
def saved(request, tmp_path_factory):
    """A family's name, a captioner, and its checkpoint as the library writes it."""
    captioner, folder = FAMILIES[request.param](), tmp_path_factory.mktemp(request.param)
    captioner.model.save_pretrained(folder)
    captioner.processor.save_pretrained(folder)
    return request.param, captioner, folder


def _config(name, folder):
    return ModelConfig(backend=name, path=str(folder), device="cpu")


def test_it_loads_from_its_folder(saved, pictures):
    """With the same captions; Qwen's tiny models see smaller pictures than what is loaded."""
    name, captioner, folder = saved
    loaded = load_captioner(_config(name, folder))
    assert type(loaded) in type(captioner).__mro__
    assert (loaded.tower.n_layers, loaded.tower.n_dead) == (
        captioner.tower.n_layers,
        captioner.tower.n_dead,
    )
    if loaded.tower.grid == captioner.tower.grid:
        pixels = captioner.pixels(pictures)
        assert torch.equal(loaded.pixels(pictures), pixels)
        generation = Generation(max_new_tokens=4)
        assert loaded.library_captions(pictures, PROMPT, generation) == (
            captioner.library_captions(pictures, PROMPT, generation)
        )


def test_its_size_is_known_without_weights(saved):
    name, _, folder = saved
    size, loaded = size_of(_config(name, folder)), load_captioner(_config(name, folder))
    tower = loaded.tower
    assert (size.n_layers, size.n_heads, size.width) == (tower.n_layers, tower.n_heads, tower.width)
    assert (size.n_tokens, size.grid) == (tower.n_tokens, tower.grid)
    assert size.decoder_only
    nothing = [torch.zeros(1, tower.n_tokens, tower.width)] * (tower.n_layers + 1)
    hidden = loaded.read(as_read(loaded, 0, nothing), PROMPT).hidden
    assert size.source == hidden.shape[1]
    assert size.weights == sum(weight.numel() for weight in loaded.model.parameters())


def test_another_family_is_sent_away(saved):
    name, _, folder = saved
    other = "paligemma" if name == "llava" else "llava"
    with pytest.raises(ValueError, match="backend"):
        load_captioner(_config(other, folder))


@pytest.fixture(scope="module")
def photos(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for i, picture in enumerate(pictures[:4]):
        picture.save(folder / f"{i}.png")
    return folder


@pytest.mark.parametrize("name", ["llava", "smolvlm", "qwen3_vl"])
def test_every_stage_from_file_to_tables(name, photos, tmp_path):
    """One of each stage, on a model with CLS and two without."""
    captioner = FAMILIES[name]()
    captioner.model.save_pretrained(tmp_path / "model")
    captioner.processor.save_pretrained(tmp_path / "model")
    (tmp_path / "config.toml").write_text(
        _CONFIG.format(name=name, model=tmp_path / "model", photos=photos)
    )
    config = read_config(tmp_path / "config.toml", [])
    require_ready(config)
    (plan,) = plan_runs(config)
    with Watch() as watch:
        execute(Job(plan, tmp_path / "results", lambda: captioner, Maker(watch)))
    info = json.loads((next((tmp_path / "results").iterdir()) / "run.json").read_text())
    tower = captioner.tower
    assert info["parity"]["passed"]
    assert (info["class_token"], info["n_layers"]) == (tower.class_token, tower.n_layers)
    with open_run(tmp_path / "results", "photos") as run:
        captions = run.table("caption").query("condition_id == 'baseline'")
        assert len(captions) == 4 * (tower.n_layers + 1)
        tensors = run.tensors(captions.image_id[0])
        assert tensors.attention.shape == (tower.n_layers, tower.n_heads, tower.n_tokens)
        stats = run.table("layer_stat").query("condition_id == 'baseline'")
        mean, cls = stats.mean_update_norm.notna().all(), stats.update_norm.notna().all()
        assert (mean, cls) == (not tower.class_token, tower.class_token)
        assert len(run.table("head_effect")) == 4 * tower.n_layers * tower.n_heads
        for table in ("head_caption", "floor_caption", "inner_word", "curve", "change"):
            assert len(run.table(table)), table
