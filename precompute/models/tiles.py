"""A picture in tiles: the whole at the tower's size, and beside it what it is cut into.

The tower takes each tile for itself. The tokens of an image are those of all its tiles, the whole
picture's first: of that one are maps and statistics, and captions read them all. In pixels the
tiles of a picture lie on a sheet: the whole in its upper left corner, the tiles below as they lie
in the picture. So that their number and order can be told from a batch's shape.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from precompute.models.layouts import Layout

WHOLE: Layout = (0, 1)
"""The layout of a picture that is not cut: a sheet with no row of tiles."""


def to_sheet(
    whole: Float[Tensor, "batch 3 side side"],
    tiles: Float[Tensor, "batch tile 3 side side"],
    layout: Layout,
) -> Float[Tensor, "batch 3 y x"]:
    """A picture's whole and its tiles, row by row, as one sheet."""
    rows, columns = layout
    n, _, side, _ = whole.shape
    sheet = whole.new_zeros(n, 3, (1 + rows) * side, columns * side)
    sheet[:, :, :side, :side] = whole
    for i, tile in enumerate(tiles.unbind(1)):
        top, left = (1 + i // columns) * side, i % columns * side
        sheet[:, :, top : top + side, left : left + side] = tile
    return sheet


def from_sheet(
    sheet: Float[Tensor, "batch 3 y x"], side: int
) -> Float[Tensor, "batch tile 3 side side"]:
    """All tiles of a sheet, the whole picture first."""
    cut = sheet.unfold(2, side, side).unfold(3, side, side).permute(0, 2, 3, 1, 4, 5)
    return torch.cat([cut[:, 0, :1], cut[:, 1:].flatten(1, 2)], 1)


def layout_of_sheet(sheet: Float[Tensor, "batch 3 y x"], side: int) -> Layout:
    """Rows and columns of the tiles on a sheet."""
    return sheet.shape[2] // side - 1, sheet.shape[3] // side


class TileByTile(nn.Module):
    """The embeddings of all tiles of a sheet, one tile's tokens after the other's.

    Args:
        one: pixels of tiles -> Z^0 of each.
        side: pixels of a tile's side.
        layout: of the sheets.
    """

    def __init__(self, one: Any, side: int, layout: Layout) -> None:
        super().__init__()
        self.one, self.side, self.layout = one, side, layout

    def forward(self, sheet: Tensor) -> Tensor:
        """Z^0.

        Raises:
            ValueError: sheets of another layout.
        """
        if (there := layout_of_sheet(sheet, self.side)) != self.layout:
            raise ValueError(
                f"expected pictures of {self.layout} rows and columns of tiles; got {there}. "
                "`models.fitted` gives the captioner for them."
            )
        tiles = from_sheet(sheet, self.side)
        states: Tensor = self.one(tiles.flatten(0, 1))
        return states.reshape(len(sheet), -1, states.shape[-1])
