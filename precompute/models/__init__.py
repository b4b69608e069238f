"""The only place that knows a library's internals: one file a family of captioners.

A back end's file offers

    load(folder: Path, placement: Placement) -> Captioner
    weight_files(folder: Path) -> list[Path]      raises CheckpointMissing with what is not there
    size_of(folder: Path) -> ModelSize            from the configuration alone, without weights
    LIBRARIES: tuple[str, ...]                    packages whose versions decide its numbers

and is imported only when a configuration chooses it: LAVIS and transformers 5 cannot share an
environment, so that one of the two is never importable. A captioner gives its tower, reads states
and writes texts; edits, layers' numbers, runs and parts it must not know.
"""

import functools
import hashlib
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import torch

from precompute.config import ModelConfig, local_path
from precompute.models.captioner import (
    Captioner,
    HasInnerWords,
    HasTaps,
    Memory,
    Placement,
    all_as_read,
    as_read,
    logprobs_of,
)
from precompute.models.checkpoint import (
    CheckpointMissing,
    find_folder,
    require_folder,
    setting_files,
)
from precompute.models.layouts import Layout, by_layout, fitted, keeps_shape, layout_key, squashed
from precompute.models.permuted import with_permuted_tower
from precompute.models.size import ModelSize
from precompute.models.text_space import HasTexts, TextSpace
from precompute.models.tower import Block, Heads, VisionTower
from precompute.texts import texts_of

ATTENTION = "sdpa"
"""How the instrumented forward attends, and the library where it has it."""

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@runtime_checkable
class _BackEnd(Protocol):
    LIBRARIES: tuple[str, ...]

    def load(self, folder: Path, placement: Placement) -> Captioner: ...

    def weight_files(self, folder: Path) -> list[Path]: ...

    def size_of(self, folder: Path) -> ModelSize: ...


def device_of(config: ModelConfig) -> str:
    """`cpu` or `cuda`: where the model of this configuration runs on this machine."""
    if config.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return config.device


def dtype_of(config: ModelConfig) -> torch.dtype:
    """The dtype of the weights. Never float16: Flan-T5 turns to NaN in it.

    `auto` is bfloat16 on a GPU that computes it, float32 on older ones and on the CPU. A plan for
    a GPU box, made where there is no GPU, takes it to be one of those that do.
    """
    if config.dtype != "auto":
        return _DTYPES[config.dtype]
    if device_of(config) == "cpu":
        return torch.float32
    old = torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.float32 if old else torch.bfloat16


def weight_files(config: ModelConfig) -> list[Path]:
    """The weights of this configuration.

    Raises:
        CheckpointMissing: they are not on this machine, or not whole.
    """
    return _back_end(config).weight_files(_folder(config))


def missing_weights(config: ModelConfig) -> str | None:
    """What of the checkpoint is not on this machine and how to get it; None if all is there."""
    try:
        weight_files(config)
    except CheckpointMissing as error:
        return str(error)
    return None


def weights_sha256(config: ModelConfig) -> str:
    """One hash over the names and bytes of all weight files.

    Raises:
        CheckpointMissing: they are not on this machine, or not whole.
    """
    return _sha256((file.name, file) for file in weight_files(config))


def checkpoint_sha256(config: ModelConfig) -> str:
    """One hash over what of a checkpoint is no weight: its configurations, tokenizers, processors.

    Raises:
        CheckpointMissing: the checkpoint is not on this machine.
    """
    folder = _folder(config)
    return _sha256((path.relative_to(folder).as_posix(), path) for path in setting_files(folder))


def _sha256(files: Iterable[tuple[str, Path]]) -> str:
    total = hashlib.sha256()
    for name, file in files:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        total.update(f"{name} {digest}\n".encode())
    return total.hexdigest()


def versions(config: ModelConfig) -> dict[str, str | None]:
    """The versions of the packages that decide a model's numbers; None of what is not installed.

    Raises:
        CheckpointMissing: the back end is not in this environment.
    """
    versions = dict[str, str | None]()
    for name in _back_end(config).LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return versions


def size_of(config: ModelConfig) -> ModelSize | None:
    """The dimensions of the model; None if its configuration is not on this machine."""
    folder = find_folder(config)
    if folder is None or not (folder / "config.json").is_file():
        return None
    return _back_end(config).size_of(folder).cut(config.tiles)


def load_captioner(config: ModelConfig) -> Captioner:
    """Load the captioner of a configuration onto its device.

    Raises:
        CheckpointMissing: the weights are not on this machine.
        ValueError: the checkpoint does not fit the back end or the device.
    """
    texts = texts_of(config.texts) if config.texts else ()
    placement = Placement(
        device_of(config),
        dtype_of(config),
        gpus=config.gpus,
        deepstack=config.deepstack,
        aspect=config.aspect,
        tiles=config.tiles,
        texts=texts,
    )
    return _back_end(config).load(_folder(config), placement)


@functools.lru_cache(maxsize=1)
def _loaded(config: ModelConfig) -> Captioner:
    return load_captioner(config)


def captioner_of(config: ModelConfig) -> Callable[[], Captioner]:
    """What gives a configuration's captioner, loaded when first asked for, once a process.

    It can be pickled: other processes load their own, on the device and in the dtype of this one.
    """
    dtype = str(dtype_of(config)).removeprefix("torch.")
    settled = {"device": device_of(config), "dtype": dtype}
    return functools.partial(_loaded, config.model_copy(update=settled))


def _folder(config: ModelConfig) -> Path:
    """The folder of a checkpoint. LAVIS's are not on the hub: its back end says where they are."""
    return local_path(config.path) if config.backend == "lavis" else require_folder(config)


def _back_end(config: ModelConfig) -> _BackEnd:
    try:
        return cast(_BackEnd, import_module(f"precompute.models.{config.backend}"))
    except ImportError as error:
        raise CheckpointMissing(
            f"the back end {config.backend!r} is not in this environment: {error}. LAVIS has one "
            "of its own, `make setup-lavis`, for `make precompute BACKEND=lavis`; all other back "
            "ends need the packages of requirements.txt."
        ) from error


__all__ = [
    "ATTENTION",
    "Block",
    "Captioner",
    "CheckpointMissing",
    "HasInnerWords",
    "HasTaps",
    "HasTexts",
    "Heads",
    "Layout",
    "Memory",
    "ModelSize",
    "TextSpace",
    "VisionTower",
    "all_as_read",
    "as_read",
    "by_layout",
    "captioner_of",
    "checkpoint_sha256",
    "decoder_only",
    "device_of",
    "dtype_of",
    "family",
    "find_folder",
    "fitted",
    "huggingface",
    "idefics3",
    "keeps_shape",
    "layout_key",
    "llava_onevision",
    "load_captioner",
    "logprobs_of",
    "missing_weights",
    "qwen3_vl",
    "size_of",
    "squashed",
    "versions",
    "vision",
    "weight_files",
    "weights_sha256",
    "with_permuted_tower",
]
