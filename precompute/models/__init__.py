"""The only place that knows a library's internals: one file a family of captioners.

A back end's file offers `load(path, device, dtype) -> Captioner` and `weight_files(path)`.
"""

import hashlib
from pathlib import Path

import torch

from precompute.config import PROJECT, ModelConfig
from precompute.models import huggingface
from precompute.models.captioner import Captioner

ATTENTION = "sdpa"
"""The attention implementation that every back end loads its model with."""

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def device_of(config: ModelConfig) -> str:
    """`cpu` or `cuda`: where the model of this configuration runs on this machine."""
    if config.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return config.device


def dtype_of(config: ModelConfig) -> torch.dtype:
    """The dtype of the weights. Never float16: Flan-T5 turns to NaN in it."""
    if config.dtype != "auto":
        return _DTYPES[config.dtype]
    return torch.bfloat16 if device_of(config) == "cuda" else torch.float32


def weight_files(config: ModelConfig) -> list[Path]:
    """The weights of this configuration that are on this machine; empty if there are none."""
    return huggingface.weight_files(_checkpoint(config))


def weights_sha256(config: ModelConfig) -> str:
    """One hash over the names and bytes of all weight files."""
    total = hashlib.sha256()
    for file in weight_files(config):
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        total.update(f"{file.name} {digest}\n".encode())
    return total.hexdigest()


def load_captioner(config: ModelConfig) -> Captioner:
    """Load the captioner of a configuration onto its device."""
    return huggingface.load(_checkpoint(config), device_of(config), dtype_of(config))


def _checkpoint(config: ModelConfig) -> str:
    """A folder of the project if there is one of that name, else a name on the hub."""
    folder = PROJECT / config.path
    return str(folder) if folder.is_dir() else config.path
