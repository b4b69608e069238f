"""A run that cannot be is refused at once, with the remedy."""

import pytest
import torch

from precompute.config import DatasetConfig, ModelConfig
from precompute.preflight import NotReady, require_ready


def test_what_is_here_passes(config):
    require_ready(config)


def test_all_that_is_missing_is_said_at_once(config, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    absent = DatasetConfig(name="mine", kind="whoops", path=str(tmp_path / "none"))
    wrong = config.model_copy(
        update={
            "model": ModelConfig(path="nobody/nothing", device="cuda"),
            "datasets": (*config.datasets, absent),
        }
    )
    with pytest.raises(NotReady) as caught:
        require_ready(wrong)
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    assert "CUDA" in lines[1]
    assert "`hf download nobody/nothing`" in lines[2]
    assert "the images of mine" in lines[3]
    assert "`make demo`" in lines[4]


def test_a_folder_without_weights_is_no_checkpoint(config, tmp_path):
    empty = config.model_copy(update={"model": ModelConfig(path=str(tmp_path), device="cpu")})
    with pytest.raises(NotReady, match="the weights of"):
        require_ready(empty)
