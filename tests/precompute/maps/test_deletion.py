"""Patches taken away, against loops over pixels and kernels."""

import math

import pytest
import torch

from precompute.maps import deletion
from tests.precompute.models.tiny_families import FAMILIES


def test_what_stands_there_is_the_mean_or_a_gaussian(captioner, pixels):
    mean = deletion.filled(pixels[:1], captioner.tower, "mean")
    assert mean.shape == pixels[:1].shape
    for channel in range(3):
        plain = float(pixels[0, channel].double().mean())
        assert float(mean[0, channel, 3, 7]) == pytest.approx(plain, abs=1e-5)
    blurred = deletion.filled(pixels[:1], captioner.tower, "blur")
    side = pixels.shape[2]
    sigma = side // captioner.tower.grid[0]
    for y, x in ((0, 0), (side // 2, 3), (side - 1, side - 2)):
        total = weight = 0.0
        for dy in range(-3 * sigma, 3 * sigma + 1):
            for dx in range(-3 * sigma, 3 * sigma + 1):
                w = math.exp(-(dy**2 + dx**2) / (2 * sigma**2))
                at = (min(max(y + dy, 0), side - 1), min(max(x + dx, 0), side - 1))
                total, weight = total + w * float(pixels[0, 1][at]), weight + w
        assert float(blurred[0, 1, y, x]) == pytest.approx(total / weight, abs=1e-4)


def test_patches_are_replaced_pixel_by_pixel(captioner, pixels):
    tower, some = captioner.tower, pixels[:2]
    fill = torch.full_like(some, 7.0)
    n = tower.grid[0] * tower.grid[1]
    gone = torch.stack([deletion.mask_of([0, n - 1], n), deletion.mask_of([], n)])
    got = deletion.without(some, fill, gone, tower)
    side = some.shape[2] // tower.grid[0]
    for y in range(some.shape[2]):
        for x in range(some.shape[3]):
            away = (y // side, x // side) in ((0, 0), (tower.grid[0] - 1, tower.grid[1] - 1))
            assert torch.equal(got[0, :, y, x], fill[0, :, y, x] if away else some[0, :, y, x])
    assert torch.equal(got[1], some[1])


@pytest.mark.parametrize("name", sorted(FAMILIES))
@torch.inference_mode()
def test_a_patch_of_the_picture_is_its_token_in_every_family(name, pictures):
    family = FAMILIES[name]()
    tower, pixels = family.tower, family.pixels(pictures[:1])
    n = tower.grid[0] * tower.grid[1]
    patch = tower.grid[1] + 1
    gone = deletion.mask_of([patch], n)[None]
    edited = deletion.without(pixels, pixels + 3.0, gone, tower)
    moved = (tower.embed(edited) - tower.embed(pixels)).abs().amax(-1)
    assert tower.patches(moved)[0].nonzero().flatten().tolist() == [patch]


def test_groups_share_the_grid_out():
    for grid, a_side in (((8, 8), 4), ((5, 3), 2), ((27, 27), 4)):
        groups = deletion.groups(grid, a_side)
        assert len(groups) == a_side**2
        assert sorted(patch for group in groups for patch in group) == list(
            range(grid[0] * grid[1])
        )
        sizes = [len(group) for group in groups]
        assert max(sizes) <= math.ceil(grid[0] / a_side) * math.ceil(grid[1] / a_side)
