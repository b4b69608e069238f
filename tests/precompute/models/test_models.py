"""The door of `models/`: which back end, which files, which dtype."""

import json
import subprocess
import sys

import pytest
import torch

from precompute.config.settings import ModelConfig
from precompute.models import (
    CheckpointMissing,
    dtype_of,
    load_captioner,
    missing_weights,
    weight_files,
    weights_sha256,
)
from precompute.models.checkpoint import find_folder


def test_a_back_end_is_imported_only_when_it_is_chosen():
    """LAVIS lives where transformers 5 does not, and the other way round."""
    code = (
        "import sys, precompute.__main__, precompute.models\n"
        "named = [m for m in sys.modules if m.startswith('precompute.models.')]\n"
        "print(sorted(named))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    files = ("captioner", "checkpoint", "layouts", "permuted", "size", "text_space", "tower")
    names = [f"precompute.models.{name}" for name in files]
    assert out.strip() == str(names)


def test_a_folder_of_the_project_is_found(checkpoint):
    config = ModelConfig(path=str(checkpoint), device="cpu")
    assert find_folder(config) == checkpoint
    assert missing_weights(config) is None
    assert [file.name for file in weight_files(config)] == ["model.safetensors"]
    assert len(weights_sha256(config)) == 64


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub's cache with one model at two revisions, in the hub client's layout."""
    model = tmp_path / "models--someone--tiny"
    for commit in ("a" * 40, "b" * 40):
        snapshot = model / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text("{}")
        (snapshot / "model.safetensors").write_bytes(commit.encode())
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("a" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return model / "snapshots"


def test_a_name_on_the_hub_is_its_snapshot_in_the_cache(hub):
    assert find_folder(ModelConfig(path="someone/tiny")) == hub / ("a" * 40)


def test_a_revision_is_another_snapshot_with_another_hash(hub):
    main = ModelConfig(path="someone/tiny")
    pinned = ModelConfig(path="someone/tiny", revision="b" * 40)
    assert find_folder(pinned) == hub / ("b" * 40)
    assert weights_sha256(main) != weights_sha256(pinned)


def test_a_revision_that_is_not_here_says_how_to_get_it(hub):
    absent = ModelConfig(path="someone/tiny", revision="v2")
    output = missing_weights(absent)
    assert "someone/tiny at revision v2" in output
    assert "`hf download someone/tiny --revision v2" in output
    with pytest.raises(CheckpointMissing, match="hf download"):
        load_captioner(absent)


@pytest.mark.parametrize("path", ["nobody/nothing", "results/no/such/folder", "nowhere"])
def test_what_is_nowhere_is_missing(path):
    assert "neither a folder of the project nor in the hub's cache" in missing_weights(
        ModelConfig(path=path)
    )
    for wants_weights in (weight_files, weights_sha256):
        with pytest.raises(CheckpointMissing, match="nor in the hub's cache"):
            wants_weights(ModelConfig(path=path))


def test_a_download_that_was_cut_off_is_distinguished_from_a_whole_one(tmp_path):
    names = [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
    index = {"weight_map": {f"layer.{i}": name for i, name in enumerate(names)}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    config = ModelConfig(path=str(tmp_path))
    (tmp_path / names[0]).touch()
    output = missing_weights(config)
    assert "2 are missing, the first is model-00002-of-00003.safetensors" in output
    for name in names:
        (tmp_path / name).touch()
    assert [file.name for file in weight_files(config)] == names


def test_pickles_are_not_read(tmp_path):
    (tmp_path / "pytorch_model.bin").touch()
    assert "found pytorch_model.bin" in missing_weights(ModelConfig(path=str(tmp_path)))


@pytest.mark.parametrize(
    ("device", "dtype", "has_bfloat16", "expected"),
    [
        ("cpu", "auto", True, torch.float32),
        ("cpu", "bfloat16", False, torch.bfloat16),
        ("cuda", "auto", True, torch.bfloat16),
        ("cuda", "auto", False, torch.float32),
        ("cuda", "float32", True, torch.float32),
    ],
)
def test_the_dtype_goes_by_the_device(device, dtype, has_bfloat16, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bfloat16)
    assert dtype_of(ModelConfig(path="x", device=device, dtype=dtype)) == expected


def test_float16_is_no_choice():
    with pytest.raises(ValueError, match="'float32' or 'bfloat16'"):
        ModelConfig(path="x", dtype="float16")


def test_a_plan_for_a_gpu_box_is_in_bfloat16_here_too(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert dtype_of(ModelConfig(path="x", device="cuda")) == torch.bfloat16
