"""Patches taken away from pictures, and what the model then says: no gradient, only pictures."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import conv2d, pad

from precompute.config import Fill
from precompute.models import VisionTower

_SIGMAS = 3  # the blur's kernel ends so many of its widths away


def filled(
    pixels: Float[Tensor, "batch 3 y x"], tower: VisionTower, fill: Fill
) -> Float[Tensor, "batch 3 y x"]:
    """What stands where patches are taken away.

    Args:
        pixels: as the tower takes them.
        tower: whose patches.
        fill: `mean`, every picture's own mean colour; `blur`, the picture through a Gaussian as
            wide (its sigma) as a patch is high, pixels at the edge repeated beyond it.
    """
    if fill == "mean":
        return pixels.mean((2, 3), keepdim=True).expand_as(pixels)
    sigma = patch_size(pixels, tower)[0]
    reach = _SIGMAS * sigma
    at = torch.arange(-reach, reach + 1, device=pixels.device, dtype=torch.float32)
    weight = (-((at / sigma) ** 2) / 2).exp()
    weight = weight / weight.sum()
    flat = pixels.float().flatten(0, 1)[:, None]
    flat = conv2d(pad(flat, (0, 0, reach, reach), "replicate"), weight[None, None, :, None])
    flat = conv2d(pad(flat, (reach, reach, 0, 0), "replicate"), weight[None, None, None, :])
    return flat.reshape(pixels.shape).to(pixels)


def patch_size(pixels: Float[Tensor, "batch 3 y x"], tower: VisionTower) -> tuple[int, int]:
    """Height and width of a patch; what is left over at the right and below belongs to none."""
    return pixels.shape[2] // tower.grid[0], pixels.shape[3] // tower.grid[1]


def without(
    pixels: Float[Tensor, "batch 3 y x"],
    fill: Float[Tensor, "#batch 3 y x"],
    gone: Bool[Tensor, "batch patch"],
    tower: VisionTower,
) -> Float[Tensor, "batch 3 y x"]:
    """The pictures with some patches taken away; `fill` stands there."""
    high, wide = patch_size(pixels, tower)
    covered = gone.reshape(-1, 1, *tower.grid)
    covered = covered.repeat_interleave(high, 2).repeat_interleave(wide, 3)
    below, right = pixels.shape[2] - covered.shape[2], pixels.shape[3] - covered.shape[3]
    return torch.where(pad(covered, (0, right, 0, below)), fill, pixels)


def groups(grid: tuple[int, int], a_side: int) -> list[list[int]]:
    """The patches of every group, row by row: rectangles as alike as the grid allows.

    >>> groups((2, 4), 2)
    [[0, 1], [2, 3], [4, 5], [6, 7]]
    >>> groups((1, 2), 4)
    [[0], [1]]
    """
    spans = [list(_spans(n, min(a_side, n))) for n in grid]
    return [
        [row * grid[1] + column for row in range(*rows) for column in range(*columns)]
        for rows in spans[0]
        for columns in spans[1]
    ]


def _spans(n: int, pieces: int) -> Iterator[tuple[int, int]]:
    ends = [n * k // pieces for k in range(pieces + 1)]
    yield from pairwise(ends)


def mask_of(patches: Sequence[int], n: int) -> Bool[Tensor, " patch"]:
    """Which of n patches are among these."""
    chosen = torch.zeros(n, dtype=torch.bool)
    chosen[list(patches)] = True
    return chosen
