"""Gemma 3 of transformers: a SigLIP, its final norm, patches pooled to 256 tokens, a matrix.

Tokens of an image attend both ways in the language model; a caption's do not.
"""

from functools import partial
from typing import Any

from jaxtyping import Int
from torch import Tensor
from transformers import Gemma3ForConditionalGeneration, Gemma3Processor

from precompute.models.decoder_only import DecoderOnlyCaptioner
from precompute.models.family import LIBRARIES, load_family, size_of_family, weight_files
from precompute.models.split_vit import view_siglip
from precompute.models.tower import VisionTower


class Gemma3Captioner(DecoderOnlyCaptioner):
    """A Gemma 3 that sees."""

    model_types = ("gemma3",)
    model_class = Gemma3ForConditionalGeneration
    processor_class = Gemma3Processor
    as_list = False

    @classmethod
    def view(cls, model: Any) -> VisionTower:
        """The whole SigLIP, whose last state is normed once."""
        vision = model.model.vision_tower
        return view_siglip(vision, vision.embeddings)

    def beside(self, ids: Int[Tensor, "batch token"], n_prompt: int) -> dict[str, Tensor]:
        """1 where an image's token is, else 0."""
        return {"token_type_ids": (ids == self.model.config.image_token_id).long()}

    @staticmethod
    def image_tokens(tower: VisionTower, config: Any) -> int:
        """As many as the projector pools to."""
        n_tokens: int = config.mm_tokens_per_image
        return n_tokens


load, size_of = partial(load_family, Gemma3Captioner), partial(size_of_family, Gemma3Captioner)

__all__ = ["LIBRARIES", "Gemma3Captioner", "load", "size_of", "weight_files"]
