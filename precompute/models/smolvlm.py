"""SmolVLM of transformers: a SigLIP, its final norm, pixel shuffle, a matrix.

One tile an image: the picture squashed to the tower's square.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from transformers import SmolVLMForConditionalGeneration, SmolVLMProcessor

from precompute.models.decoder_only import DecoderOnlyCaptioner
from precompute.models.family import LIBRARIES, load_family, size_of_family, weight_files
from precompute.models.split_vit import view_siglip
from precompute.models.tower import VisionTower
from precompute.models.vision import squashed


class WholePicture(nn.Module):
    """The embeddings of pictures of which nothing is padding."""

    def __init__(self, embeddings: Any) -> None:
        super().__init__()
        self.embeddings = embeddings

    def forward(self, pixels: Tensor) -> Tensor:
        """Z^0."""
        grid = [side // self.embeddings.patch_size for side in pixels.shape[2:]]
        real = torch.ones(len(pixels), *grid, dtype=torch.bool, device=pixels.device)
        states: Tensor = self.embeddings(pixels, patch_attention_mask=real)
        return states


class SmolVLMCaptioner(DecoderOnlyCaptioner):
    """A SmolVLM."""

    model_types = ("smolvlm",)
    model_class = SmolVLMForConditionalGeneration
    processor_class = SmolVLMProcessor

    @classmethod
    def view(cls, model: Any) -> VisionTower:
        """The whole SigLIP, whose last state is normed once."""
        vision = model.model.vision_model
        return view_siglip(vision, WholePicture(vision.embeddings))

    @property
    def vision(self) -> Any:
        """The library's SigLIP."""
        return self.model.model.vision_model

    def prepared(self, images: Sequence[Image.Image]) -> list[Image.Image]:
        """Squares. The processor would keep a picture's shape and mask what it pads."""
        return squashed(images, self.vision.config.image_size)

    def image_arguments(self) -> dict[str, Any]:
        """One tile."""
        side = {"longest_edge": self.vision.config.image_size}
        return {"do_image_splitting": False, "size": side, "max_image_size": side}

    def pictures(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch 3 y x"]:
        """The one tile of every image."""
        return inputs["pixel_values"][:, 0]

    @staticmethod
    def image_tokens(tower: VisionTower, config: Any) -> int:
        """Patches, `scale_factor` by `scale_factor` of which make a token."""
        n_tokens: int = tower.n_tokens // config.scale_factor**2
        return n_tokens


load, size_of = partial(load_family, SmolVLMCaptioner), partial(size_of_family, SmolVLMCaptioner)

__all__ = ["LIBRARIES", "SmolVLMCaptioner", "load", "size_of", "weight_files"]
