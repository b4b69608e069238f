"""Translators as a safetensors file with their identity, and the gate that a file comes in by.

safetensors is imported here alone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from precompute.models import VisionTower
from precompute.translators.maps import Map
from store.disk import read_beginning, read_regular

FILE_NAME = "translators.safetensors"
FORMAT = 1
"""Of the file; another is refused."""

_HEADER = 16 * 2**20
"""Bytes that names and identity may take beside the numbers."""
_PARTS = ("matrix", "offset", "shift", "basis")
_FINAL = "final_mean"


class Identity(BaseModel):
    """Whose translators these are and how they came about; JSON beside the numbers.

    Attributes:
        format: of the file.
        kind: whose states lead where: `tuned`, `permuted`, `untrained` or `jacobian`.
        weights_sha256: of the model.
        dataset: whose images.
        dataset_sha256: its fingerprint.
        settings: rank, penalties ..., as the configuration has them; for the record.
        seed: of the images' draw and split.
        permuted_seed: of the permutation of weights, where there is one.
        fit: ids of the images that fitted them, or over which the derivative is the mean.
        choose: ids of those that chose.
        rank: features that a map reads.
        layers: how many layers have a map, from 0 on.
        penalty: by layer, the one chosen; of the lens none.
        fit_error: by layer, what of Z^L - Z^l about its mean is left where it was fitted.
        chosen_error: the same on the images that chose.
        steps: by layer, after how many steps of refining its map was taken; empty without any.
        ridge_kl: by layer, KL to the words on Z^L, before, on the images that chose.
        chosen_kl: the same after.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    kind: str
    weights_sha256: str
    dataset: str
    dataset_sha256: str
    settings: dict[str, Any]
    seed: int
    permuted_seed: int
    fit: tuple[str, ...]
    choose: tuple[str, ...]
    rank: int
    layers: int
    penalty: tuple[float, ...] = ()
    fit_error: tuple[float, ...] = ()
    chosen_error: tuple[float, ...] = ()
    steps: tuple[int, ...] = ()
    ridge_kl: tuple[float, ...] = ()
    chosen_kl: tuple[float, ...] = ()


@dataclass(frozen=True)
class Translators:
    """The maps of a tower's layers.

    Attributes:
        maps: of layers 0, 1, ...
        final_mean: mean of Z^L by group of tokens over the images that fitted them.
        identity: whose they are.
    """

    maps: tuple[Map, ...]
    final_mean: Tensor
    identity: Identity


def write_translators(path: Path, value: Translators) -> None:
    """Write translators to a new file."""
    tensors = {_FINAL: value.final_mean.float().cpu().contiguous()}
    for layer, map_ in enumerate(value.maps):
        for part in _PARTS:
            tensor = getattr(map_, part)
            if tensor is not None:
                tensors[f"{layer:03}.{part}"] = tensor.float().cpu().contiguous()
    path.write_bytes(save(tensors, {"peel": value.identity.model_dump_json()}))


def read_translators(path: Path, tower: VisionTower, weights_sha256: str) -> Translators:
    """Read translators for a tower, from whoever wrote them.

    A link is not followed; the file may be no larger than what it has to hold; every tensor must
    have the name, shape and type that the tower and the identity ask for, and finite numbers.

    Args:
        path: the file.
        tower: the tower that they are for.
        weights_sha256: of its model.

    Raises:
        ValueError: it is not such a file, or of another model; says what was expected.
    """
    groups, width, n = 1 + tower.class_token, tower.width, tower.n_layers + 1
    limit = _HEADER + 4 * (n * (2 * width * width + 2 * groups * width) + groups * width)
    identity = read_identity(path, weights_sha256)
    try:
        tensors = load(read_regular(path, limit))
        _check(tensors, _shapes(identity, groups, width, n))
    except (OSError, ValueError, SafetensorError, RecursionError) as error:
        raise _refused(path, error) from error
    maps = tuple(
        Map(*(tensors.get(f"{layer:03}.{part}") for part in _PARTS))  # type: ignore[arg-type]
        for layer in range(identity.layers)
    )
    return Translators(maps, tensors[_FINAL], identity)


def read_identity(path: Path, weights_sha256: str) -> Identity:
    """Whose translators a file has, without the numbers.

    Args:
        path: the file; a link is not followed.
        weights_sha256: of the model that they are for.

    Raises:
        ValueError: it is not such a file, or of another model.
    """
    try:
        identity = _identity(read_beginning(path, _HEADER))
        if identity.format != FORMAT:
            raise ValueError(f"format {identity.format}, where {FORMAT} is known")
        if identity.weights_sha256 != weights_sha256:
            raise ValueError(
                f"they are of weights {identity.weights_sha256[:12]}, this model's are "
                f"{weights_sha256[:12]}"
            )
    except (OSError, ValueError, RecursionError) as error:
        raise _refused(path, error) from error
    return identity


def _refused(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"expected translators of this model at {path}; {error}. They lie in a run's folder "
        "parts/translators.<name>-<hash>/<kind>; `python -m precompute train-translators` makes "
        "them."
    )


def _identity(content: bytes) -> Identity:
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(_HEADER, len(content) - 8):
        raise ValueError("its header is cut off")
    header = json.loads(content[8 : 8 + length])
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("peel"), str):
        raise ValueError("it says nothing of whose they are")
    try:
        return Identity.model_validate_json(metadata["peel"])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))[:80]}: {first['msg']}") from None


def _shapes(identity: Identity, groups: int, width: int, n: int) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor that the file must have."""
    k = identity.rank
    if not 1 <= k <= width or identity.layers not in (n - 1, n):
        raise ValueError(
            f"expected a rank of 1..{width} and {n - 1} or {n} layers; got rank {k} and "
            f"{identity.layers}"
        )
    shapes: dict[str, tuple[int, ...]] = {_FINAL: (groups, width)}
    for layer in range(identity.layers):
        shapes[f"{layer:03}.matrix"] = (k, width)
        shapes[f"{layer:03}.offset"] = shapes[f"{layer:03}.shift"] = (groups, width)
        if k < width:
            shapes[f"{layer:03}.basis"] = (width, k)
    return shapes


def _check(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    if tensors.keys() != shapes.keys():
        odd = sorted(tensors.keys() ^ shapes.keys())[0]
        raise ValueError(f"tensor {odd[:80]!r} is missing or too many")
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tensor.dtype != torch.float32 or tuple(tensor.shape) != shape:
            raise ValueError(
                f"{name} must be float32 of shape {shape}; got {tensor.dtype} of "
                f"{tuple(tensor.shape)}"
            )
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} must have finite numbers")
