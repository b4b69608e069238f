"""Spread a BLIP-2 or InstructBLIP over several GPUs: the tower on one, T5 block by block."""

from collections.abc import Sequence
from typing import Any

import torch

_VISUAL = ("vision_model", "query_tokens", "qformer", "language_projection")


def on_one(device: str) -> dict[str, int | str] | None:
    """A whole model on one device, in the form that `from_pretrained` takes.

    None is the CPU: any map wants accelerate, which the demo is installed without.
    """
    return None if device == "cpu" else {"": device}


def device_map(
    model_class: Any, config: Any, device: str, gpus: int
) -> dict[str, int | str] | None:
    """Which module goes where, in the form that `from_pretrained` hands to accelerate.

    Tower and Q-Former stay on GPU 0, and so do T5's embeddings, norms and output layer: what goes
    in and out of the language model is there, only its blocks are elsewhere. Blocks follow each
    other in order, and all GPUs hold about as many weights.

    Args:
        model_class: class of the model; it is laid out without memory to weigh its modules.
        config: of the model.
        device: `cpu` or `cuda`.
        gpus: over how many; 1 means the whole model on `device`.
    """
    if gpus == 1:
        return on_one(device)
    with torch.device("meta"):
        model = model_class(config)
    text = model.language_model
    blocks = {
        f"language_model.{name}.block.{i}": sum(weight.numel() for weight in block.parameters())
        for name, stack in (("encoder", text.encoder), ("decoder", text.decoder))
        for i, block in enumerate(stack.block)
    }
    rest = sum(weight.numel() for weight in model.parameters()) - sum(blocks.values())
    places: dict[str, int | str] = dict.fromkeys(_VISUAL, 0)
    for name in ("shared", "lm_head"):
        places[f"language_model.{name}"] = 0
    for stack in ("encoder", "decoder"):
        for name in ("embed_tokens", "final_layer_norm", "dropout"):
            places[f"language_model.{stack}.{name}"] = 0
    return places | dict(zip(blocks, split(list(blocks.values()), rest, gpus), strict=True))


def split(sizes: Sequence[int], first: int, gpus: int) -> list[int]:
    """The GPU of each block, in order: equal shares, of which `first` lies on GPU 0 already.

    >>> split([10] * 6, first=30, gpus=3)
    [1, 1, 1, 2, 2, 2]
    """
    share = (first + sum(sizes)) / gpus
    places, before = [], float(first)
    for size in sizes:
        places.append(min(gpus - 1, int((before + size / 2) / share)))
        before += size
    return places


def require_gpus(device: str, gpus: int) -> None:
    """Refuse more GPUs than there are.

    Raises:
        ValueError: says how many there are.
    """
    there = torch.cuda.device_count() if device == "cuda" else 0
    if gpus > max(there, 1):
        raise ValueError(
            f"expected {gpus} GPUs as [model] gpus says; this machine shows {there}"
            f"{'' if device == 'cuda' else ' to a model on the CPU'}. "
            f"Set gpus = {max(there, 1)}, or run where there are {gpus}."
        )
