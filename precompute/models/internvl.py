"""InternVL of transformers' own classes: a ViT with CLS and LayerScale, pixel shuffle, an MLP.

One tile an image: the picture squashed to the tower's square.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn
from transformers import InternVLForConditionalGeneration, InternVLProcessor

from precompute.models.decoder_only import DecoderOnlyCaptioner
from precompute.models.family import LIBRARIES, load_family, size_of_family, weight_files
from precompute.models.split_vit import Stacked, native_layer
from precompute.models.tower import VisionTower, block


class Gained(nn.Module):
    """An MLP and the factors of what it adds (LayerScale)."""

    def __init__(self, mlp: nn.Module, gain: nn.Parameter) -> None:
        super().__init__()
        self.mlp, self.gain = mlp, gain

    def forward(self, normed: Tensor) -> Tensor:
        """What the MLP adds."""
        added: Tensor = self.gain * self.mlp(normed)
        return added


class InternVLCaptioner(DecoderOnlyCaptioner):
    """An InternVL."""

    model_types = ("internvl",)
    model_class = InternVLForConditionalGeneration
    processor_class = InternVLProcessor
    as_list = False

    @classmethod
    def view(cls, model: Any) -> VisionTower:
        """The ViT as far as the projector reads it."""
        vision = model.model.vision_tower
        config, n_layers = vision.config, native_layer(model.config)
        layers, n_heads = vision.encoder.layer, config.num_attention_heads
        attention = [layer.attention for layer in layers[:n_layers]]
        if model.config.vision_feature_select_strategy != "default":
            raise ValueError(
                "expected an InternVL whose language model gets the patches alone "
                "(vision_feature_select_strategy 'default'); got "
                f"{model.config.vision_feature_select_strategy!r}, which is not read."
            )
        if not isinstance(attention[0].q_norm, nn.Identity):
            raise ValueError(
                "expected an InternVL whose queries and keys are not normed (InternViT-300M); "
                "use_qk_norm, which InternViT-6B has, is not read."
            )
        return VisionTower(
            embed=vision.embeddings,
            blocks=tuple(
                block(
                    norm1=layer.layernorm_before,
                    qkv=Stacked(*(getattr(layer.attention, f"{x}_proj") for x in "qkv")),
                    proj=layer.attention.projection_layer,
                    norm2=layer.layernorm_after,
                    mlp=Gained(layer.mlp, layer.lambda_2),
                    n_heads=n_heads,
                    gain=layer.lambda_1,
                )
                for layer in layers[:n_layers]
            ),
            final_norm=vision.layernorm
            if model.config.vision_feature_layer == -1
            else nn.Identity(),
            n_heads=n_heads,
            grid=vision.embeddings.patch_embeddings.patch_shape,
            width=config.hidden_size,
            matrices=(
                vision.embeddings.patch_embeddings.projection.weight,
                vision.embeddings.position_embeddings,
                *(
                    module.weight
                    for layer in layers[:n_layers]
                    for module in (
                        layer.attention.q_proj,
                        layer.attention.k_proj,
                        layer.attention.v_proj,
                        layer.attention.projection_layer,
                        layer.mlp.fc1,
                        layer.mlp.fc2,
                    )
                ),
            ),
            class_token=True,
            n_dead=len(layers) - n_layers,
        )

    @property
    def library_blocks(self) -> Sequence[nn.Module]:
        """The library's blocks."""
        blocks: Sequence[nn.Module] = self.vision.encoder.layer
        return blocks

    def attention_of(self, block: Any) -> nn.Module:
        """The attention in a block."""
        module: nn.Module = block.attention
        return module

    def image_arguments(self) -> dict[str, Any]:
        """One tile."""
        return {"crop_to_patches": False}

    @staticmethod
    def image_tokens(tower: VisionTower, config: Any) -> int:
        """Patches, shuffled into fewer."""
        n_tokens: int = round(tower.grid[0] * tower.grid[1] * config.downsample_ratio**2)
        return n_tokens


load, size_of = partial(load_family, InternVLCaptioner), partial(size_of_family, InternVLCaptioner)

__all__ = ["LIBRARIES", "InternVLCaptioner", "load", "size_of", "weight_files"]
