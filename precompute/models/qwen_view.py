"""Towers of Qwen2.5-VL and Qwen3-VL as views: patches, positions, orders, windows; by grid."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.vision_utils import (
    get_vision_interpolation_indices_and_weights,
    get_vision_position_ids,
)

from precompute.models.layouts import Layout
from precompute.models.tower import Heads, VisionTower, block


class Turned(nn.Module):
    """Rotate queries and keys by their patches' places, with the library's own function.

    Args:
        rotate: the library's `apply_rotary_pos_emb_vision`.
        rotary: the library's module of angles.
        places: row and column of every patch.
    """

    def __init__(self, rotate: Any, rotary: nn.Module, places: Int[Tensor, "patch 2"]) -> None:
        super().__init__()
        self.rotate, self.rotary = rotate, rotary
        self.register_buffer("places", places, persistent=False)

    def forward(self, heads: Heads) -> Heads:
        """The same with q and k turned."""
        cos, sin = self.rotary(heads.v, self.places)
        # The library has tokens before heads.
        q, k = self.rotate(heads.q.transpose(1, 2), heads.k.transpose(1, 2), cos, sin)
        return Heads(q.transpose(1, 2), k.transpose(1, 2), heads.v)


class Patches(nn.Module):
    """Patches of a still picture, which the library takes for two frames, row by row.

    Args:
        proj: the library's convolution over frames, rows and columns.
        grid: of the pictures.
        positions: what is added to every patch; None where positions are only rotated.
    """

    def __init__(
        self, proj: nn.Conv3d, grid: Layout, positions: "AddedPositions | None" = None
    ) -> None:
        super().__init__()
        self.proj, self.grid, self.positions = proj, grid, positions

    def forward(self, pixels: Tensor) -> Tensor:
        """Z^0.

        Raises:
            ValueError: pictures of another grid, whose positions are others.
        """
        frames = pixels[:, :, None].expand(-1, -1, self.proj.kernel_size[0], -1, -1)
        patches = self.proj(frames.to(self.proj.weight.dtype))
        if patches.shape[-2:] != self.grid:
            raise ValueError(
                "expected pictures of {} x {} patches; got {} x {}. `models.fitted` gives the "
                "captioner for them.".format(*self.grid, *patches.shape[-2:])
            )
        states: Tensor = patches.flatten(2).transpose(1, 2)
        return states if self.positions is None else states + self.positions().to(states.dtype)


class AddedPositions(nn.Module):
    """A learned square of positions, drawn to a picture's grid as the library does.

    Args:
        vision: the library's tower.
        grid: of the pictures.
        table: the positions; the tower's own, unless given.
    """

    def __init__(self, vision: Any, grid: Layout, table: nn.Module | None = None) -> None:
        super().__init__()
        self.table = vision.pos_embed if table is None else table
        index, weight = get_vision_interpolation_indices_and_weights(
            thw(grid, 1),
            num_grid_per_side=vision.num_grid_per_side,
            mode=vision.interpolation_mode,
            align_corners=vision.interpolation_align_corners,
        )
        self.register_buffer("index", index.to(vision.device), persistent=False)
        self.register_buffer("weight", weight.to(vision.device), persistent=False)

    def forward(self) -> Tensor:
        """[patch, d]."""
        index, weight = self.get_buffer("index"), self.get_buffer("weight")
        positions: Tensor = (self.table(index) * weight[:, :, None]).sum(1)
        return positions


def places_of(grid: Layout) -> Int[Tensor, "patch 2"]:
    """Row and column of every patch, row by row."""
    rows, columns = (torch.arange(n, device="cpu") for n in grid)
    return torch.cartesian_prod(rows, columns)


def merge_order(grid: Layout, merge: int) -> Int[Tensor, " patch"]:
    """The raster index of every patch in the order in which the library merges them."""
    places = get_vision_position_ids(thw(grid, 1), merge)
    order: Tensor = places[:, 0] * grid[1] + places[:, 1]
    return order


@contextmanager
def eager_patterns(vision: Any) -> Iterator[list[Tensor]]:
    """Keep every pattern that the library's eager attention makes, in order.

    Its modules drop them, so that the function that makes them is asked: it is registered under a
    name of its own for as long.
    """
    module = import_module(type(vision).__module__)
    kept: list[Tensor] = []

    def keeping(*arguments: Any, **named: Any) -> tuple[Tensor, Tensor]:
        out, pattern = module.eager_attention_forward(*arguments, **named)
        kept.append(pattern)
        return out, pattern

    setting = vision.config._attn_implementation
    ALL_ATTENTION_FUNCTIONS.register("peel_keeping", keeping)
    vision.config._attn_implementation = "peel_keeping"
    try:
        yield kept
    finally:
        vision.config._attn_implementation = setting
        # What is registered stays: not with all that was kept.
        ALL_ATTENTION_FUNCTIONS.register("peel_keeping", module.eager_attention_forward)


def thw(grid: Layout, n_images: int) -> Int[Tensor, "image 3"]:
    """Frames, rows and columns of pictures of one size, as the library takes them."""
    return torch.tensor([[1, *grid]] * n_images, device="cpu")


def view_qwen(
    vision: Any, *, grid: Layout, final_norm: nn.Module, embed: nn.Module,
    rotate: Any, masks: Sequence[Bool[Tensor, "token token"] | None],
    more_matrices: tuple[nn.Parameter, ...] = (),
) -> VisionTower:  # fmt: skip
    """The tower of either version.

    Args:
        vision: the library's tower.
        grid: of a picture.
        final_norm: what decoding applies once beside the merger.
        embed: pixels -> Z^0, row by row.
        rotate: the library's `apply_rotary_pos_emb_vision`.
        masks: of every block; None where all patches see each other.
        more_matrices: weights of positions.
    """
    turn = Turned(rotate, vision.rotary_pos_emb, places_of(grid).to(vision.device))
    n_heads = vision.config.num_heads
    return VisionTower(
        embed=embed,
        blocks=tuple(
            block(
                norm1=layer.norm1,
                qkv=layer.attn.qkv,
                proj=layer.attn.proj,
                norm2=layer.norm2,
                mlp=layer.mlp,
                n_heads=n_heads,
                turn=turn,
                mask=mask,
            )
            for layer, mask in zip(vision.blocks, masks, strict=True)
        ),
        final_norm=final_norm,
        n_heads=n_heads,
        grid=grid,
        width=vision.config.hidden_size,
        matrices=(
            vision.patch_embed.proj.weight,
            *more_matrices,
            *(
                weight
                for layer in vision.blocks
                for module in (layer.attn.qkv, layer.attn.proj, layer.mlp)
                for weight in module.parameters()
                if weight.ndim == 2
            ),
        ),
        class_token=False,
    )
