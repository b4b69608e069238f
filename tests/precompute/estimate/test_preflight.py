"""A run that cannot be is refused at once, with the remedy."""

import shutil

import pytest
import torch

from precompute.config.settings import DatasetConfig, ModelConfig
from precompute.estimate.cost import array_bytes
from precompute.estimate.preflight import NotReady, require_ready, require_space
from precompute.images import hub
from precompute.models import size_of
from precompute.runner.plan import plan_runs


def test_what_is_here_passes(config):
    require_ready(config)


def test_all_that_is_missing_is_named_at_once(config, tmp_path, monkeypatch):
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
    assert "`hf download nobody/nothing" in lines[2]
    assert "the images of mine" in lines[3]
    assert "`make demo`" in lines[4]


def test_a_folder_without_weights_is_no_checkpoint(config, tmp_path):
    empty = config.model_copy(update={"model": ModelConfig(path=str(tmp_path), device="cpu")})
    with pytest.raises(NotReady, match=r"the weights: .*expected weights|the weights: .*neither"):
        require_ready(empty)


def test_a_folder_of_something_else_says_what_was_sought(config, tmp_path):
    (tmp_path / "holiday.txt").touch()
    dataset = DatasetConfig(name="mine", kind="imagenet", path=str(tmp_path))
    with pytest.raises(NotReady, match=r"the images of mine: .*; found holiday\.txt"):
        require_ready(config.model_copy(update={"datasets": (dataset,)}))


def test_a_closed_gate_is_named_with_the_way_in(config, monkeypatch):
    monkeypatch.setattr(hub, "what_bars", lambda name: hub._gate(name))
    dataset = DatasetConfig(name="whoops", kind="whoops", path="hub:nlphuji/whoops")
    with pytest.raises(NotReady, match=r"whoops is gated .*accept its terms .*\n.*make demo"):
        require_ready(config.model_copy(update={"datasets": (dataset,)}))


def test_too_small_a_disk_is_refused_before_anything_is_written(config, tmp_path, monkeypatch):
    results, plans = tmp_path / "not" / "yet", plan_runs(config)
    size = size_of(config.model)
    arrays = 6 * array_bytes(size, config.capture.cls_state)

    def space(free):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, free))
        require_space(plans, results)

    def has(run):
        there = results / run / "parts"
        there.mkdir(parents=True)
        (there / "tensors.h5").write_bytes(bytes(arrays))

    space(2 * arrays)
    with pytest.raises(NotReady, match=r"space on the disk of .*--results .*\n.*make demo"):
        space(arrays)
    assert not results.exists()
    has("tiny-1a2b3c4d")  # of the same data set, by other settings: that spares this run nothing
    with pytest.raises(NotReady, match="space on the disk"):
        space(arrays)
    has(plans[0].run_id)
    space(arrays)  # a run that goes on
