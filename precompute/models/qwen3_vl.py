"""Qwen3-VL of transformers: added and rotated positions, and DeepStack.

DeepStack: the language model gets, beside the last state, some from within the tower, each through
a merger of its own (a tap). Layer l is read as if the tower had ended there: taps at or below l
give what they gave, the states of their own layers. Of those above, which would tell what layer l
does not know, nothing comes (`drop`); or Z^l itself stands in for their states (`from-state`); or,
for comparison, they give what they do in the whole tower (`keep`). At the last layer there is none
above: its caption is the whole model's, in all three.
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

from precompute.models.captioner import OwnCheck, Placement
from precompute.models.family import LIBRARIES, size_of_family, weight_files
from precompute.models.layouts import Layout
from precompute.models.qwen import QwenCaptioner, load_qwen
from precompute.models.qwen_view import AddedPositions, Patches, view_qwen
from precompute.models.tower import VisionTower


@dataclass(frozen=True)
class Qwen3VLCaptioner(QwenCaptioner):
    """A Qwen3-VL.

    Attributes:
        deepstack: what comes from the taps above the layer that is read: nothing, that layer's
            state, or their own layers' states.
    """

    deepstack: Literal["drop", "from-state", "keep"] = "drop"

    model_types = ("qwen3_vl",)
    model_class = Qwen3VLForConditionalGeneration
    processor_class = Qwen3VLProcessor

    @classmethod
    def view(cls, model: Any) -> VisionTower:
        """The tower; taps are no part of it."""
        vision = model.model.visual
        grid = cls.grid(vision)
        return view_qwen(
            vision,
            grid=grid,
            final_norm=nn.Identity(),  # the merger has its own
            embed=Patches(vision.patch_embed.proj, grid, AddedPositions(vision, grid)),
            rotate=apply_rotary_pos_emb_vision,
            masks=[None] * len(vision.blocks),
            more_matrices=(vision.pos_embed.weight,),
        )

    @classmethod
    def window(cls, vision: Any, grid: Layout) -> None:
        """All patches see each other."""
        return

    @property
    def taps(self) -> list[int]:
        """The layers whose states the language model gets, too, ascending."""
        return [1 + block for block in self.vision.config.deepstack_visual_indexes]

    def tapped(
        self, layer: int, states: Sequence[Float[Tensor, "batch token width"]]
    ) -> Float[Tensor, "batch token parts"]:
        """Z^layer, and beside it the state of every tap; zeros where nothing comes from one."""
        here = states[layer]
        parts = [here]
        for tap in self.taps:
            if tap <= layer or self.deepstack == "keep":
                parts.append(states[tap])
            else:
                parts.append(here if self.deepstack == "from-state" else torch.zeros_like(here))
        return torch.cat(parts, -1)

    def stand_in(self, states: Float[Tensor, "batch token parts"]) -> ModelOutput:
        """The merger on Z^l and the taps' mergers on theirs.

        Raises:
            ValueError: a state without those of its taps.
        """
        mergers = self.vision.deepstack_merger_list
        if states.shape[-1] != (1 + len(mergers)) * self.tower.width:
            raise ValueError(
                f"expected a state and those of {len(mergers)} taps, side by side, as "
                f"`models.as_read` gives them; got a width of {states.shape[-1]}, where a state "
                f"has {self.tower.width}."
            )
        here, *taps = states.chunk(1 + len(mergers), -1)
        merged = self.merged(here)
        return BaseModelOutputWithDeepstackFeatures(
            last_hidden_state=merged,
            pooler_output=self.vision.merger(merged),
            deepstack_features=[
                self._through(merger, tap) for merger, tap in zip(mergers, taps, strict=True)
            ],
        )

    def _through(self, merger: nn.Module, tap: Float[Tensor, "batch token width"]) -> Tensor:
        """A tap's states through its merger; zeros stay zeros, which they do not by its biases."""
        there = tap.flatten(1).any(1).to(tap.dtype)
        features: Tensor = merger(self.merged(tap))
        return features * there.repeat_interleave(len(features) // len(tap))[:, None]

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

    def own_checks(self, images: Sequence[Image.Image], prompt: str) -> Sequence[OwnCheck]:
        """Also that no tap above a layer tells of what lies above it, unless it is to."""
        common = super().own_checks(images, prompt)
        if self.deepstack == "keep":
            return common
        below, n_layers = self.tower.embed(self.pixels(images)), self.tower.n_layers
        moved = list[float]()
        for layer in range(n_layers + 1):
            one, other = (
                self.read(self.tapped(layer, [below] * (layer + 1) + [above] * n_layers), prompt)
                for above in (below, below.flip(1))  # not twice: mergers begin with a norm
            )
            moved.append(float((one.hidden - other.hidden).abs().max()))
        detail = "largest change of what is read of a layer where all states above it are others"
        return [*common, OwnCheck("no_tap_from_above", max(moved), True, detail)]


def load(folder: Path, placement: Placement) -> Qwen3VLCaptioner:
    """Load a checkpoint of Qwen3-VL in evaluation mode.

    Raises:
        ValueError: it is of another family, lacks weights, or several GPUs are asked for.
    """
    return replace(load_qwen(Qwen3VLCaptioner, folder, placement), deepstack=placement.deepstack)


size_of = partial(size_of_family, Qwen3VLCaptioner)

__all__ = ["LIBRARIES", "Qwen3VLCaptioner", "load", "size_of", "weight_files"]
