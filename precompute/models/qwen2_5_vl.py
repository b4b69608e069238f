"""Qwen2.5-VL of transformers: windows in most blocks, rotated positions, a merger with a norm."""

from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor
from transformers.modeling_outputs import BaseModelOutputWithPooling, ModelOutput
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb_vision
from transformers.vision_utils import get_vision_window_index

from precompute.models.family import LIBRARIES, size_of_family, weight_files
from precompute.models.layouts import Layout
from precompute.models.qwen import QwenCaptioner, load_qwen
from precompute.models.qwen_view import Patches, merge_order, thw, view_qwen
from precompute.models.tower import VisionTower


class Qwen25VLCaptioner(QwenCaptioner):
    """A Qwen2.5-VL."""

    model_types = ("qwen2_5_vl",)
    model_class = Qwen2_5_VLForConditionalGeneration
    processor_class = Qwen2_5_VLProcessor

    @classmethod
    def view(cls, model: Any) -> VisionTower:
        """The tower; what a block's window hides is a mask."""
        vision = model.model.visual
        grid = cls.grid(vision)
        window, full = cls.window(vision, grid), vision.config.fullatt_block_indexes
        return view_qwen(
            vision,
            grid=grid,
            final_norm=nn.Identity(),  # the merger has its own
            embed=Patches(vision.patch_embed.proj, grid),
            rotate=apply_rotary_pos_emb_vision,
            masks=[None if k in full else window for k in range(len(vision.blocks))],
        )

    @classmethod
    def in_windows(
        cls, vision: Any, grid: Layout
    ) -> tuple[Int[Tensor, " patch"], Int[Tensor, " window"]]:
        """The raster index of every patch in the order of the windows, and where these begin."""
        config = vision.config
        merge = config.spatial_merge_size
        index, bounds = get_vision_window_index(
            thw(grid, 1), merge, config.window_size, config.patch_size
        )
        return merge_order(grid, merge).reshape(-1, merge**2)[index].flatten(), bounds

    @classmethod
    def window(cls, vision: Any, grid: Layout) -> Bool[Tensor, "token token"]:
        """Which patches are in one window."""
        order, bounds = cls.in_windows(vision, grid)
        window = torch.empty(len(order), dtype=torch.long, device="cpu")
        window[order] = torch.bucketize(
            torch.arange(len(order), device="cpu"), bounds[1:], right=True
        )
        return (window[:, None] == window[None]).to(vision.device)

    def run_order(self) -> Int[Tensor, " patch"]:
        """The library's blocks run in the order of the windows."""
        return self.in_windows(self.vision, self.tower.grid)[0]

    def stand_in(self, states: Float[Tensor, "batch token width"]) -> ModelOutput:
        """The merger on the patches in the order in which it merges.

        It merges by fours and asks nothing of their order; the library, which runs it in the order
        of the windows, turns that back afterwards.
        """
        merged = self.merged(states)
        return BaseModelOutputWithPooling(
            last_hidden_state=merged, pooler_output=self.vision.merger(merged)
        )


load, size_of = partial(load_qwen, Qwen25VLCaptioner), partial(size_of_family, Qwen25VLCaptioner)

__all__ = ["LIBRARIES", "Qwen25VLCaptioner", "load", "size_of", "weight_files"]
