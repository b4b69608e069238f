"""Translators on disk: read back as they were, and refused where they are not what they say."""

import json
import os
import pickle

import pytest
import torch
from safetensors.torch import load, save

from precompute.translators.maps import Map
from precompute.translators.storage import (
    FORMAT,
    Identity,
    Translators,
    read_identity,
    read_translators,
    write_translators,
)

WEIGHTS = "a" * 64


@pytest.fixture
def value(captioner):
    tower, generator = captioner.tower, torch.Generator().manual_seed(0)

    def some(*shape):
        return torch.randn(shape, generator=generator)

    maps = [
        Map(some(4, tower.width), some(2, tower.width), some(2, tower.width), some(tower.width, 4))
        for _ in range(tower.n_layers)
    ]
    identity = Identity(
        format=FORMAT,
        kind="tuned",
        weights_sha256=WEIGHTS,
        dataset="some",
        dataset_sha256="b" * 64,
        settings={"n": 3, "rank": 4},
        seed=0,
        permuted_seed=0,
        fit=("x", "y"),
        choose=("z",),
        rank=4,
        layers=tower.n_layers,
        penalty=(0.1,) * tower.n_layers,
    )
    return Translators(tuple(maps), some(2, tower.width), identity)


@pytest.fixture
def path(value, tmp_path):
    path = tmp_path / "translators.safetensors"
    write_translators(path, value)
    return path


def test_they_come_back_as_they_were(value, path, captioner):
    got = read_translators(path, captioner.tower, WEIGHTS)
    assert got.identity == value.identity == read_identity(path, WEIGHTS)
    assert torch.equal(got.final_mean, value.final_mean)
    for mine, theirs in zip(got.maps, value.maps, strict=True):
        for part in ("matrix", "offset", "shift", "basis"):
            assert torch.equal(getattr(mine, part), getattr(theirs, part))


def rewritten(path, tensors=None, **changes):
    """The file with other tensors, or another identity."""
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    identity = json.loads(header["__metadata__"]["peel"]) | changes
    path.write_bytes(save({**load(content), **(tensors or {})}, {"peel": json.dumps(identity)}))


@pytest.mark.parametrize(
    ("changes", "tensors", "says"),
    [
        ({"weights_sha256": "c" * 64}, None, "of weights cccccccccccc, this model's are aaaa"),
        ({"format": 9}, None, "format 9, where 1 is known"),
        ({"rank": 33}, None, "expected a rank of 1..32"),
        ({"layers": 1}, None, "3 or 4 layers; got rank 4 and 1"),
        ({"layers": 4}, None, "'003.basis' is missing"),
        ({"odd": 1}, None, "odd: Extra inputs"),
        ({}, {"000.matrix": torch.zeros(4, 31)}, r"000.matrix must be float32 of shape \(4, 32\)"),
        ({}, {"001.offset": torch.zeros(2, 32).half()}, "must be float32 of shape"),
        ({}, {"002.shift": torch.full((2, 32), torch.nan)}, "002.shift must have finite"),
        ({}, {"extra": torch.zeros(1)}, "'extra' is missing or too many"),
    ],
)
def test_what_does_not_fit_is_refused(path, captioner, changes, tensors, says):
    rewritten(path, tensors, **changes)
    with pytest.raises(ValueError, match=says) as refused:
        read_translators(path, captioner.tower, WEIGHTS)
    assert "train-translators` makes them" in str(refused.value)


def test_other_files_are_refused(path, captioner, tmp_path):
    tower, whole = captioner.tower, path.read_bytes()
    for content, says in (
        (b"", "its header is cut off"),
        (whole[:100], "its header is cut off"),
        (whole[:-10], "translators of this model"),
        (pickle.dumps({"a": 1}), "its header is cut off"),
        (save({"a": torch.zeros(2)}), "says nothing of whose"),
        (whole + b"\0" * 2**25, "bytes, where at most"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=says):
            read_translators(path, tower, WEIGHTS)
    path.write_bytes(whole)
    link = tmp_path / "link.safetensors"
    link.symlink_to(path)
    with pytest.raises(ValueError, match="a link"):
        read_translators(link, tower, WEIGHTS)
    pipe = tmp_path / "pipe.safetensors"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="no regular file"):
        read_translators(pipe, tower, WEIGHTS)
    with pytest.raises(ValueError, match="No such file"):
        read_translators(tmp_path / "none.safetensors", tower, WEIGHTS)
