"""LLaVA-1.5 of transformers: a CLIP with a class token, whose last block nobody reads.

The projector gets the patches of `hidden_states[-2]`, without a norm. The last block is dead; the
tower ends below it.
"""

from functools import partial
from typing import Any

from torch import nn
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from precompute.models.decoder_only import DecoderOnlyCaptioner
from precompute.models.family import LIBRARIES, load_family, size_of_family, weight_files
from precompute.models.split_vit import native_layer, view_split_vit
from precompute.models.tower import VisionTower


class LlavaCaptioner(DecoderOnlyCaptioner):
    """A LLaVA whose tower is a CLIP."""

    model_types = ("llava",)
    model_class = LlavaForConditionalGeneration
    processor_class = LlavaProcessor

    @classmethod
    def view(cls, model: Any) -> VisionTower:
        """The CLIP as far as the projector reads it."""
        vision, config = model.model.vision_tower, model.config
        kind, strategy = config.vision_config.model_type, config.vision_feature_select_strategy
        if (kind, strategy) != ("clip_vision_model", "default"):
            raise ValueError(
                "expected a LLaVA whose tower is a CLIP and whose language model gets the patches "
                f"alone (vision_feature_select_strategy 'default'), as LLaVA-1.5; got {kind} and "
                f"{strategy!r}. Others are not read."
            )
        return view_split_vit(
            vision,
            embed=nn.Sequential(vision.embeddings, vision.pre_layrnorm),
            final_norm=nn.Identity(),
            class_token=True,
            n_layers=native_layer(config),
        )


load, size_of = partial(load_family, LlavaCaptioner), partial(size_of_family, LlavaCaptioner)

__all__ = ["LIBRARIES", "LlavaCaptioner", "load", "size_of", "weight_files"]
