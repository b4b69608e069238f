"""What BLIP, BLIP-2 and InstructBLIP of transformers share: pixels, tower, words of `generate`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from precompute.config import Generation
from precompute.models.captioner import Placement
from precompute.models.checkpoint import require_all_read
from precompute.models.gpus import on_one
from precompute.models.hooks import kept_patterns
from precompute.models.tower import VisionTower, block


def view_tower(vision: Any) -> VisionTower:
    """The vision model of any of the three as a tower."""
    config = vision.config
    side = config.image_size // config.patch_size
    return VisionTower(
        embed=vision.embeddings,
        blocks=tuple(
            block(
                norm1=layer.layer_norm1,
                qkv=layer.self_attn.qkv,
                proj=layer.self_attn.projection,
                norm2=layer.layer_norm2,
                mlp=layer.mlp,
                n_heads=config.num_attention_heads,
            )
            for layer in vision.encoder.layers
        ),
        final_norm=vision.post_layernorm,
        n_heads=config.num_attention_heads,
        grid=(side, side),
        width=config.hidden_size,
        matrices=(
            vision.embeddings.patch_embedding.weight,
            vision.embeddings.position_embedding,
            *(
                module.weight
                for layer in vision.encoder.layers
                for module in (
                    layer.self_attn.qkv,
                    layer.self_attn.projection,
                    layer.mlp.fc1,
                    layer.mlp.fc2,
                )
            ),
        ),
    )


def on_one_device(model_class: Any, config: Any, folder: Path, placement: Placement) -> Any:
    """A model with all of its weights, in evaluation mode.

    Args:
        model_class: of transformers.
        config: of the checkpoint.
        folder: where it is.
        placement: on one device.

    Raises:
        ValueError: several GPUs are asked for, or weights are missing.
    """
    if placement.gpus != 1:
        raise ValueError(
            f"{config.model_type} runs on one device; got gpus = {placement.gpus}. Leave gpus out "
            "of [model]."
        )
    model, info = model_class.from_pretrained(
        folder,
        config=config,
        dtype=placement.dtype,
        attn_implementation="sdpa",
        use_safetensors=True,
        device_map=on_one(placement.device),
        output_loading_info=True,
    )
    require_all_read(info, folder)
    return model.eval().requires_grad_(False)


def squashed(images: Sequence[Image.Image], side: int) -> list[Image.Image]:
    """Pictures as squares, for processors that would keep their shape."""
    return [image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC) for image in images]


def to_pixels(
    image_processor: Any, images: Sequence[Image.Image], device: torch.device, dtype: torch.dtype
) -> Float[Tensor, "batch 3 y x"]:
    """Images squashed to the tower's square and normalised, on its device.

    Through pinned memory, from which a GPU takes them while the CPU goes on.
    """
    pixels: Tensor = image_processor(images=list(images), return_tensors="pt")["pixel_values"]
    if device.type == "cuda":
        pixels = pixels.pin_memory()
    return pixels.to(device, non_blocking=True).to(dtype)


def to_pictures(image_processor: Any, pixels: Float[Tensor, "batch 3 y x"]) -> list[Image.Image]:
    """The pictures as the model saw them: the normalisation undone, back in 0..255."""
    mean, std = (
        torch.tensor(values).reshape(3, 1, 1)
        for values in (image_processor.image_mean, image_processor.image_std)
    )
    back = (pixels.float().cpu() * std + mean).clamp(0, 1) * 255
    return [
        Image.fromarray(picture.round().to(torch.uint8).permute(1, 2, 0).numpy())
        for picture in back
    ]


def library_final_state(
    vision: Any, pixels: Float[Tensor, "batch 3 y x"]
) -> Float[Tensor, "batch token width"]:
    """Z^L by the library: its encoder's output, before `post_layernorm`."""
    state: Tensor = vision.encoder(inputs_embeds=vision.embeddings(pixels)).last_hidden_state
    return state


def library_patterns(
    vision: Any, pixels: Float[Tensor, "batch 3 y x"]
) -> list[Float[Tensor, "batch head token"]]:
    """The CLS token's attention in every block, by the library's eager attention."""
    modules = [layer.self_attn for layer in vision.encoder.layers]
    return kept_patterns(vision, modules, True, partial(library_final_state, vision), pixels)


def generate_arguments(generation: Generation) -> dict[str, object]:
    """What the library's `generate` is called with."""
    return {**generation.model_dump(), "do_sample": False}


def tower_size(config: Any) -> dict[str, Any]:
    """What `ModelSize` says of the tower, from the configuration of the vision model."""
    side = config.image_size // config.patch_size
    return {
        "n_layers": config.num_hidden_layers,
        "n_heads": config.num_attention_heads,
        "grid": (side, side),
        "width": config.hidden_size,
    }


def n_weights(module: nn.Module) -> int:
    """The number of weights; shared ones count once."""
    return sum(weight.numel() for weight in module.parameters())
