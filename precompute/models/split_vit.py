"""Vision transformers of transformers with q, k and v of their own: CLIP, SigLIP, Idefics3."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from precompute.models.tower import VisionTower, block


class Stacked(nn.Module):
    """Queries, keys and values of three modules, one after the other: [*, d] -> [*, 3d].

    A module and no function: a copy of a tower (`permuted`) then has weights of its own.
    """

    def __init__(self, q: nn.Module, k: nn.Module, v: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList([q, k, v])

    def forward(self, normed: Tensor) -> Tensor:
        """The three side by side."""
        return torch.cat([part(normed) for part in self.parts], -1)


def native_layer(config: Any) -> int:
    """The layer whose state a model reads by `vision_feature_layer`, an index of `hidden_states`.

    Raises:
        ValueError: it reads several.
    """
    at, n_layers = config.vision_feature_layer, config.vision_config.num_hidden_layers
    if not isinstance(at, int):
        raise ValueError(
            f"expected a model that reads one layer of its tower; vision_feature_layer is {at}. "
            "Models that read several are not read."
        )
    return at if at >= 0 else n_layers + 1 + at


def view_siglip(vision: Any, embed: nn.Module) -> VisionTower:
    """A SigLIP that is read to its end, its last state normed once.

    Args:
        vision: the library's vision model.
        embed: pixels -> Z^0.
    """
    return view_split_vit(
        vision,
        embed=embed,
        final_norm=vision.post_layernorm,
        class_token=False,
        n_layers=len(vision.encoder.layers),
    )


def view_split_vit(
    vision: Any, *, embed: nn.Module, final_norm: nn.Module, class_token: bool, n_layers: int
) -> VisionTower:
    """A tower whose blocks have CLIP's names, which SigLIP and Idefics3 took over.

    Args:
        vision: the library's vision model.
        embed: pixels -> Z^0.
        final_norm: what the model applies to the state that it reads.
        class_token: whether token 0 is CLS.
        n_layers: the native layer: the model reads its state, and none above.
    """
    config = vision.config
    side = config.image_size // config.patch_size
    layers: Sequence[Any] = vision.encoder.layers
    return VisionTower(
        embed=embed,
        blocks=tuple(
            block(
                norm1=layer.layer_norm1,
                qkv=Stacked(*(getattr(layer.self_attn, f"{x}_proj") for x in "qkv")),
                proj=layer.self_attn.out_proj,
                norm2=layer.layer_norm2,
                mlp=layer.mlp,
                n_heads=config.num_attention_heads,
            )
            for layer in layers[:n_layers]
        ),
        final_norm=final_norm,
        n_heads=config.num_attention_heads,
        grid=(side, side),
        width=config.hidden_size,
        matrices=(
            vision.embeddings.patch_embedding.weight,
            vision.embeddings.position_embedding.weight,
            *(
                module.weight
                for layer in layers[:n_layers]
                for module in (
                    layer.self_attn.q_proj,
                    layer.self_attn.k_proj,
                    layer.self_attn.v_proj,
                    layer.self_attn.out_proj,
                    layer.mlp.fc1,
                    layer.mlp.fc2,
                )
            ),
        ),
        class_token=class_token,
        n_dead=len(layers) - n_layers,
    )
