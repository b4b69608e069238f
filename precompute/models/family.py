"""The door of a family with a decoder-only language model: load, weigh, name its files."""

from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import AutoConfig
from transformers.utils import logging

from precompute.models.captioner import Placement
from precompute.models.checkpoint import safetensors
from precompute.models.decoder_only import DecoderOnlyCaptioner
from precompute.models.size import ModelSize
from precompute.models.vision import n_weights, on_one_device

Family = TypeVar("Family", bound=DecoderOnlyCaptioner)

LIBRARIES = ("torch", "torchvision", "transformers", "tokenizers", "pillow")
"""Packages whose versions decide the numbers of such a family."""


def load_family(family: type[Family], folder: Path, placement: Placement) -> Family:
    """Load a checkpoint in evaluation mode.

    Raises:
        ValueError: it is of another family, lacks weights, or several GPUs are asked for.
    """
    logging.disable_progress_bar()
    model = on_one_device(family.model_class, _config(family, folder), folder, placement)
    processor = without_video(family.processor_class).from_pretrained(folder)
    return family(model, processor, family.view(model))


def size_of_family(family: type[DecoderOnlyCaptioner], folder: Path) -> ModelSize:
    """The dimensions of a checkpoint, from its config.json."""
    return size_of_config(family, _config(family, folder))


def size_of_config(family: type[DecoderOnlyCaptioner], config: Any) -> ModelSize:
    """The dimensions of a model, which is laid out without memory to count its weights."""
    with torch.device("meta"):
        model = family.model_class(config)
    tower = family.view(model)
    text, words = config.get_text_config(), model.get_output_embeddings()
    language, looked_up = model.get_decoder(), n_weights(model.get_input_embeddings())
    tied = model.get_input_embeddings().weight is words.weight
    decoder = n_weights(language) + n_weights(words) - looked_up
    dead = sum(map(n_weights, family(model, None, tower).library_blocks[tower.n_layers :]))
    in_tower = sum(weight.numel() for weight in tower.matrices)
    idle = dead + (0 if tied else looked_up)
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return ModelSize(
        n_layers=tower.n_layers,
        n_heads=tower.n_heads,
        grid=tower.grid,
        width=tower.width,
        tower=in_tower,
        reader=n_weights(model) - in_tower - decoder - idle,
        decoder=decoder,
        source=family.image_tokens(tower, config),
        decoder_layers=text.num_hidden_layers,
        decoder_width=text.num_key_value_heads * head,
        vocabulary=text.vocab_size,
        class_token=tower.class_token,
        decoder_only=True,
        output=n_weights(words),
        idle=idle,
    )


def without_video(processor_class: Any) -> Any:
    """A processor for pictures alone: the part for videos wants torchvision."""
    if "video_processor" not in processor_class.get_attributes():
        return processor_class

    class PicturesOnly(processor_class):  # type: ignore[misc]
        @classmethod
        def get_attributes(cls) -> list[str]:
            return [name for name in super().get_attributes() if name != "video_processor"]

        @classmethod
        def _get_arguments_from_pretrained(cls, *given: Any, **named: Any) -> list[Any]:
            # The part for videos is the third argument; of SmolVLM it may not be left out.
            return [*super()._get_arguments_from_pretrained(*given, **named), None]

    PicturesOnly.__name__ = processor_class.__name__
    return PicturesOnly


def _config(family: type[DecoderOnlyCaptioner], folder: Path) -> Any:
    config = AutoConfig.from_pretrained(folder)
    if config.model_type not in family.model_types:
        raise ValueError(
            f"expected a checkpoint of {' or '.join(family.model_types)}; {folder} holds "
            f"{config.model_type}. Set `backend` under [model] to its family: docs/running.md "
            "has the list."
        )
    return config


weight_files = safetensors
