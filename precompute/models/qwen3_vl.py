"""Qwen3-VL of transformers: added and rotated positions, and DeepStack.

DeepStack: the language model gets, beside the last state, some from within the tower, each through
a merger of its own. Here it gets Z^l alone: taps of later layers would tell what layer l does not
know. Either nothing comes through the other mergers (`drop`), at the last layer, too, so that all
layers are read alike; or Z^l itself does (`from-state`). The last layer's caption is therefore not
the whole model's, but that of the library without its taps, against which it is held.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from transformers import Qwen3VLForConditionalGeneration, Qwen3VLProcessor
from transformers.modeling_outputs import ModelOutput
from transformers.models.qwen3_vl.modeling_qwen3_vl import (
    BaseModelOutputWithDeepstackFeatures,
    apply_rotary_pos_emb_vision,
)
from transformers.vision_utils import get_vision_interpolation_indices_and_weights

from precompute.config import Generation
from precompute.models.captioner import Placement
from precompute.models.family import LIBRARIES, load_family, size_of_family, weight_files
from precompute.models.qwen import Patches, QwenCaptioner, thw, view_qwen
from precompute.models.tower import VisionTower


class AddedPositions(nn.Module):
    """The learned square of positions, drawn to a picture's grid as the library does."""

    def __init__(self, vision: Any, grid: tuple[int, int]) -> None:
        super().__init__()
        self.table = vision.pos_embed
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


@dataclass(frozen=True)
class Qwen3VLCaptioner(QwenCaptioner):
    """A Qwen3-VL.

    Attributes:
        deepstack: what comes through the taps' mergers: nothing, or the state that is read.
    """

    deepstack: Literal["drop", "from-state"] = "drop"

    model_types = ("qwen3_vl",)
    model_class = Qwen3VLForConditionalGeneration
    processor_class = Qwen3VLProcessor

    @classmethod
    def view(cls, model: Any) -> VisionTower:
        """The tower; taps are no part of it."""
        vision = model.model.visual
        positions = AddedPositions(vision, cls.grid(vision))
        return view_qwen(
            vision,
            grid=cls.grid(vision),
            final_norm=nn.Identity(),  # the merger has its own
            embed=Patches(vision.patch_embed.proj, positions),
            rotate=apply_rotary_pos_emb_vision,
            masks=[None] * len(vision.blocks),
            more_matrices=(vision.pos_embed.weight,),
        )

    def taps(self, merged: Float[Tensor, "patch width"]) -> list[Tensor]:
        """What comes through the taps' mergers, of states in the order in which these merge."""
        through = [merger(merged) for merger in self.vision.deepstack_merger_list]
        return through if self.deepstack == "from-state" else [0 * tap for tap in through]

    def stand_in(self, states: Float[Tensor, "batch token width"]) -> ModelOutput:
        """The merger and the taps' mergers on Z^l."""
        merged = self.merged(states)
        return BaseModelOutputWithDeepstackFeatures(
            last_hidden_state=merged,
            pooler_output=self.vision.merger(merged),
            deepstack_features=self.taps(merged),
        )

    def embeddings(self, features: Any) -> Float[Tensor, "batch source model"]:
        """The image's embeddings, and beside each what is added to it in the first blocks."""
        parts = [features.pooler_output, *features.deepstack_features]
        return torch.cat([torch.stack(list(part)) for part in parts], -1)

    def encoded(self, hidden: Float[Tensor, "batch source model"]) -> ModelOutput:
        """The same as `generate` takes it."""
        first, *taps = hidden.chunk(1 + len(self.vision.deepstack_merger_list), -1)
        return BaseModelOutputWithDeepstackFeatures(
            pooler_output=list(first), deepstack_features=[list(tap) for tap in taps]
        )

    def library_captions(
        self, images: Sequence[Image.Image], prompt: str, generation: Generation
    ) -> list[list[int]]:
        """Captions by the whole model's `generate`, its taps put as `deepstack` says."""

        def hook(_: nn.Module, __: object, output: Any) -> None:
            output.deepstack_features = self.taps(output.last_hidden_state)

        handle = self.vision.register_forward_hook(hook)
        try:
            return super().library_captions(images, prompt, generation)
        finally:
            handle.remove()


def load(folder: Path, placement: Placement) -> Qwen3VLCaptioner:
    """Load a checkpoint of Qwen3-VL in evaluation mode.

    Raises:
        ValueError: it is of another family, lacks weights, or several GPUs are asked for.
    """
    return replace(load_family(Qwen3VLCaptioner, folder, placement), deepstack=placement.deepstack)


size_of = partial(size_of_family, Qwen3VLCaptioner)

__all__ = ["LIBRARIES", "Qwen3VLCaptioner", "load", "size_of", "weight_files"]
