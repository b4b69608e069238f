"""Patches covered and moved, against loops over them."""

import pytest
import torch

from precompute.inputs.patches import cover, reorder

GRID = (3, 2)
SIDE = 4


@pytest.fixture(scope="module")
def pixels():
    return torch.randn(2, 3, GRID[0] * SIDE, GRID[1] * SIDE, generator=torch.Generator())


@pytest.fixture(scope="module")
def order():
    return torch.tensor([[3, 0, 5, 1, 4, 2], [5, 4, 3, 2, 1, 0]])


def _place(patch):
    row, column = divmod(int(patch), GRID[1])
    return slice(row * SIDE, (row + 1) * SIDE), slice(column * SIDE, (column + 1) * SIDE)


@pytest.mark.parametrize(("share", "n"), [(0.0, 0), (0.3, 2), (0.5, 3), (1.0, 6)])
def test_the_first_of_the_order_are_covered(pixels, order, share, n):
    covered = cover(pixels, order, share, GRID)
    expected = pixels.clone()
    for i, of_image in enumerate(order):
        for patch in of_image[:n]:
            rows, columns = _place(patch)
            expected[i, :, rows, columns] = 0
    assert torch.equal(covered, expected)


def test_patches_move_as_the_order_says(pixels, order):
    moved = reorder(pixels, order, GRID)
    for i, of_image in enumerate(order):
        for place, patch in enumerate(of_image):
            (rows, columns), (from_rows, from_columns) = _place(place), _place(patch)
            assert torch.equal(moved[i, :, rows, columns], pixels[i, :, from_rows, from_columns])


def test_a_picture_of_broken_patches_is_refused(pixels, order):
    with pytest.raises(ValueError, match="3 x 2 whole patches; got 11 x 8 pixels"):
        reorder(pixels[:, :, 1:], order, GRID)
