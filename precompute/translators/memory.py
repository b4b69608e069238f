"""What the sums of translators take of memory, and the rank that fits."""

import math
import os
from pathlib import Path
from typing import Literal

import torch
from rich.filesize import decimal

from precompute.translators.directions import OVERSAMPLED
from precompute.translators.sums import sums_bytes

Rank = Literal["full"] | int
_SHARE = 0.8
"""Of the free memory; the rest is for states on the way."""
_MEMORY = Path("/proc/meminfo")
_SPLITS = 2
_SOLVING = 16
"""Matrices of one layer beside its sums while it is solved: eigenvectors, products, the map; and
what eigh takes for itself."""


def features_of(rank: Rank, width: int) -> int:
    """How many features a map of this rank reads."""
    return width if rank == "full" else min(rank, width)


def memory_of(rank: Rank, width: int, n_layers: int) -> int:
    """Bytes of the float64 sums of all layers, for the images that fit and those that choose.

    Sums stay on the tower's device until their layer is solved, one after the other.
    """
    k = features_of(rank, width)
    sums = _SPLITS * (n_layers + 1) * sums_bytes(k, width)
    if k < width:  # directions are found in a pass before
        sums = max(sums, (n_layers + 1) * 8 * width * (k + OVERSAMPLED))
        sums += (n_layers + 1) * 8 * width * k
    return sums + _SOLVING * sums_bytes(k, width) // 2


def lens_memory(width: int, n_layers: int) -> int:
    """Bytes of the tower's derivatives of all layers, d x d each in float32, and of their maps."""
    return 2 * 4 * n_layers * width * width


def require_lens(width: int, n_layers: int, free: int) -> None:
    """Hold the lens, which has no rank, against the memory that is free.

    Raises:
        ValueError: it does not fit.
    """
    if (needed := lens_memory(width, n_layers)) > _SHARE * free:
        raise ValueError(
            f"the Jacobian lens of {n_layers} layers of width {width} takes {decimal(needed)}; "
            f"{decimal(free)} are free, of which {_SHARE:.0%} may be taken. Leave 'jacobian' out "
            "of beside under [[translators]], or take a machine with more."
        )


def file_bytes(rank: Rank, width: int, n_layers: int) -> int:
    """Bytes of the float32 maps of all layers on disk."""
    k = features_of(rank, width)
    return 4 * (n_layers + 1) * (k * width * (1 + (k < width)) + 4 * width) + 8 * width


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a device; of a CPU, with what is kept of files and can be let go."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if _MEMORY.exists():
        return 1024 * int(_MEMORY.read_text().partition("MemAvailable:")[2].split()[0])
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # all: others do not say


def require_memory(rank: Rank, width: int, n_layers: int, free: int) -> None:
    """Hold the sums against the memory that is free.

    Args:
        rank: of the maps.
        width: d of the tower.
        n_layers: L.
        free: bytes.

    Raises:
        ValueError: they do not fit; names the largest rank whose sums do.
    """
    room = math.floor(_SHARE * free)
    needed = memory_of(rank, width, n_layers)
    if needed <= room:
        return
    low, high = 0, features_of(rank, width) - 1  # the largest that fits lies in low..high
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (
            (middle, high) if memory_of(middle, width, n_layers) <= room else (low, middle - 1)
        )
    remedy = (
        f"rank = {low} fits ({decimal(memory_of(low, width, n_layers))}): set it under "
        "[[translators]]"
        if low
        else "not even rank = 1 fits: take a machine with more"
    )
    raise ValueError(
        f"translators of rank {rank} for {n_layers} layers of width {width} keep sums of "
        f"{decimal(needed)} in memory; {decimal(free)} are free, of which {_SHARE:.0%} may be "
        f"taken. {remedy}."
    )
