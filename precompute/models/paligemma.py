"""PaliGemma of transformers: a SigLIP, its final norm, a matrix; its prompt attends both ways.

It has no chat template: its prompts are tasks, "caption en" or "answer en where is the cat".
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Int
from PIL import Image
from torch import Tensor
from transformers import BatchFeature, PaliGemmaForConditionalGeneration, PaliGemmaProcessor

from precompute.models.decoder_only import DecoderOnlyCaptioner
from precompute.models.family import LIBRARIES, load_family, size_of_family, weight_files
from precompute.models.split_vit import view_siglip
from precompute.models.tower import VisionTower


class PaliGemmaCaptioner(DecoderOnlyCaptioner):
    """A PaliGemma of either version."""

    model_types = ("paligemma",)
    model_class = PaliGemmaForConditionalGeneration
    processor_class = PaliGemmaProcessor
    as_list = False

    @classmethod
    def view(cls, model: Any) -> VisionTower:
        """The whole SigLIP, whose last state is normed once."""
        vision = model.model.vision_tower
        return view_siglip(vision, vision.embeddings)

    def inputs(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Mapping[str, Tensor]:
        """What the processor makes, put into tensors here.

        The library makes labels of it, which nobody asked for, and by tensors in a way that numpy
        is about to refuse.
        """
        made = self.processor(images=[[image] for image in images], text=list(texts))
        tensors: Mapping[str, Tensor] = BatchFeature(made, tensor_type="pt")
        return tensors

    def beside(self, ids: Int[Tensor, "batch token"], n_prompt: int) -> dict[str, Tensor]:
        """0 in the prompt, which attends both ways, 1 in the caption, which does not."""
        written = torch.arange(ids.shape[1], device=ids.device) >= n_prompt
        return {"token_type_ids": written.long().expand_as(ids)}


load, size_of = (
    partial(load_family, PaliGemmaCaptioner),
    partial(size_of_family, PaliGemmaCaptioner),
)

__all__ = ["LIBRARIES", "PaliGemmaCaptioner", "load", "size_of", "weight_files"]
