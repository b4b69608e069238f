"""A picture's patches covered, or in another order."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def cover(
    pixels: Float[Tensor, "batch 3 y x"],
    order: Int[Tensor, "batch patch"],
    share: float,
    grid: tuple[int, int],
) -> Float[Tensor, "batch 3 y x"]:
    """Pixels with the first patches of an order at 0, which is the middle colour.

    Args:
        pixels: normalised.
        order: patches, row by row, in the order in which they are covered.
        share: of the patches, 0..1; rounded to whole ones.
        grid: rows and columns of patches.
    """
    n = round(share * order.shape[1])
    covered = torch.zeros(order.shape, dtype=torch.bool)
    covered.scatter_(1, order[:, :n].cpu(), True)
    rows, columns = (
        torch.arange(side) * n_patches // side
        for side, n_patches in zip(pixels.shape[2:], grid, strict=True)
    )
    mask = covered.reshape(-1, *grid)[:, rows][:, :, columns]
    return pixels.masked_fill(mask[:, None].to(pixels.device), 0)


def reorder(
    pixels: Float[Tensor, "batch 3 y x"],
    order: Int[Tensor, "batch patch"],
    grid: tuple[int, int],
) -> Float[Tensor, "batch 3 y x"]:
    """Pixels whose patches lie in another order: place i has patch order[i].

    Raises:
        ValueError: the picture does not fall into whole patches.
    """
    (batch, _, height, width), (rows, columns) = pixels.shape, grid
    if height % rows or width % columns:
        raise ValueError(
            f"expected a picture of {rows} x {columns} whole patches; got {height} x {width} "
            "pixels."
        )
    cut = pixels.reshape(batch, 3, rows, height // rows, columns, width // columns)
    patches = cut.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    moved = torch.stack([p[o] for p, o in zip(patches, order.to(pixels.device), strict=True)])
    laid = moved.reshape(batch, rows, columns, *moved.shape[2:])
    return laid.permute(0, 3, 1, 4, 2, 5).reshape(pixels.shape)
