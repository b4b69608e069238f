"""LLaVA-OneVision of transformers: a SigLIP without a class token, read before its final norm.

One tile an image: the whole picture at the tower's resolution, as the model has it where a prompt
has several images. Its embeddings end with `image_newline`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from transformers import LlavaOnevisionForConditionalGeneration, LlavaOnevisionProcessor

from precompute.models.decoder_only import DecoderOnlyCaptioner
from precompute.models.family import LIBRARIES, load_family, size_of_family, weight_files
from precompute.models.split_vit import native_layer, view_split_vit
from precompute.models.tower import VisionTower


class LlavaOnevisionCaptioner(DecoderOnlyCaptioner):
    """A LLaVA-OneVision."""

    model_types = ("llava_onevision",)
    model_class = LlavaOnevisionForConditionalGeneration
    processor_class = LlavaOnevisionProcessor

    @classmethod
    def view(cls, model: Any) -> VisionTower:
        """The SigLIP as far as the projector reads it."""
        vision = model.model.vision_tower
        return view_split_vit(
            vision,
            embed=vision.embeddings,
            final_norm=nn.Identity(),
            class_token=False,
            n_layers=native_layer(model.config),
        )

    def inputs(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Mapping[str, Tensor]:
        """The whole picture alone, the first of the tiles that the processor makes.

        Its processor expands an image's placeholder by the number of its tiles; here the
        placeholder of one tile and of `image_newline` is put in.
        """
        processor = self.processor
        n_tokens = processor.num_image_tokens + 1
        expanded = [
            text.replace(processor.image_token, processor.image_token * n_tokens) for text in texts
        ]
        made = self.processed(images)
        return {
            **processor.tokenizer(expanded, return_tensors="pt"),
            "pixel_values": made["pixel_values"][:, :1],
            "image_sizes": made["image_sizes"],
        }

    def pictures(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch 3 y x"]:
        """The one tile of every image."""
        return inputs["pixel_values"][:, 0]

    def of_batch(self, n_images: int) -> dict[str, Tensor]:
        """That images are some of several, which have one tile each."""
        return {"batch_num_images": torch.tensor([max(n_images, 2)])}

    @staticmethod
    def image_tokens(tower: VisionTower, config: Any) -> int:
        """Patches, and `image_newline`."""
        return tower.n_tokens + 1


load, size_of = (
    partial(load_family, LlavaOnevisionCaptioner),
    partial(size_of_family, LlavaOnevisionCaptioner),
)

__all__ = ["LIBRARIES", "LlavaOnevisionCaptioner", "load", "size_of", "weight_files"]
