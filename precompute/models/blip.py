"""BLIP of transformers behind the captioner's door: a ViT and a BERT that reads its states.

No Q-Former and no encoder of words: the decoder's cross-attention reads the normalised state
itself, and the prompt ("a picture of") is the beginning of the sentence that the decoder goes on
with. A caption is what comes after it, as in the authors' own code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoConfig, BlipForConditionalGeneration, BlipProcessor
from transformers.utils import logging

from precompute.config import Generation
from precompute.models.captioner import Forced, Memory, OwnCheck, Placement, mean_logprob, to_end
from precompute.models.checkpoint import require_all_read, safetensors
from precompute.models.gpus import on_one
from precompute.models.size import ModelSize
from precompute.models.tower import VisionTower
from precompute.models.vision import (
    generate_arguments,
    library_final_state,
    library_patterns,
    n_weights,
    to_pictures,
    to_pixels,
    tower_size,
    view_tower,
)

LIBRARIES = ("torch", "torchvision", "transformers", "tokenizers", "pillow")


@dataclass(frozen=True)
class BlipCaptioner:
    """A BLIP and its processor; `captioner.Captioner` says what the methods promise."""

    model: BlipForConditionalGeneration
    processor: BlipProcessor
    tower: VisionTower

    def pixels(self, images: Sequence[Image.Image]) -> Float[Tensor, "batch 3 y x"]:
        """The images as the tower takes them: squashed to its square, normalised."""
        return to_pixels(
            self.processor.image_processor, images, self.model.device, self.tower.dtype
        )

    def model_input(self, pixels: Float[Tensor, "batch 3 y x"]) -> list[Image.Image]:
        """The pictures as the model saw them, back in 0..255."""
        return to_pictures(self.processor.image_processor, pixels)

    def read(self, states: Float[Tensor, "batch token width"], prompt: str) -> Memory:
        """Final norm; the prompt becomes the decoder's first tokens."""
        hidden = self.tower.final_norm(states)
        mask = torch.ones(hidden.shape[:2], dtype=torch.long, device=hidden.device)
        # As the library does: [DEC] in place of [CLS], and no [SEP], which would end it.
        words = self.processor.tokenizer(prompt)["input_ids"][1:-1]
        return Memory(hidden, mask, (self.model.config.text_config.bos_token_id, *words))

    def generate(self, memory: Memory, generation: Generation) -> list[list[int]]:
        """The decoder's own `generate`, from the prompt on."""
        config = self.model.config.text_config
        out = self.model.text_decoder.generate(
            input_ids=self._tokens([memory.prefix] * len(memory.hidden)),
            encoder_hidden_states=memory.hidden,
            encoder_attention_mask=memory.mask,
            eos_token_id=config.sep_token_id,
            pad_token_id=config.pad_token_id,
            **generate_arguments(generation),
        )
        return self._captions(out.tolist(), len(memory.prefix))

    def forced(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Forced:
        """The scores of all words at every token of a given caption a row, teacher-forced."""
        tokens = self._tokens([(*memory.prefix, *ids) for ids in captions])
        real = self._tokens([[1] * (len(memory.prefix) + len(ids)) for ids in captions], 0)
        logits = self.model.text_decoder(
            input_ids=tokens[:, :-1],
            attention_mask=real[:, :-1],
            encoder_hidden_states=memory.hidden,
            encoder_attention_mask=memory.mask,
            use_cache=False,
        ).logits
        n = len(memory.prefix)
        return Forced(logits[:, n - 1 :], tokens[:, n:], real[:, n:])

    def logprob(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Float[Tensor, " batch"]:
        """Mean log-probability a token, in nats, teacher-forced; that of the prompt left out."""
        return mean_logprob(*self.forced(memory, captions))

    def text(self, token_ids: Sequence[int]) -> str:
        """A caption's words, special tokens left out."""
        words: str = self.processor.tokenizer.decode(list(token_ids), skip_special_tokens=True)
        return words.strip()

    def token_ids(self, text: str) -> list[int]:
        """The tokens of a caption, with the end token."""
        ids: list[int] = self.processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        return [*ids, self.model.config.text_config.sep_token_id]

    def library_final_state(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> Float[Tensor, "batch token width"]:
        """Z^L by the library: its encoder's output, before `post_layernorm`."""
        return library_final_state(self.model.vision_model, pixels)

    def library_patterns(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> list[Float[Tensor, "batch head token"]]:
        """The CLS token's attention in every block, by the library's eager attention."""
        return library_patterns(self.model.vision_model, pixels)

    def own_checks(self, images: Sequence[Image.Image], prompt: str) -> Sequence[OwnCheck]:
        """Nothing is true of this family alone."""
        return ()

    def library_captions(
        self, images: Sequence[Image.Image], prompt: str, generation: Generation
    ) -> list[list[int]]:
        """Captions by the library's processor and the whole model's `generate`."""
        inputs = self.processor(
            images=list(images), text=[prompt] * len(images), return_tensors="pt"
        ).to(self.model.device, self.tower.dtype)
        out = self.model.generate(**inputs, **generate_arguments(generation))
        return self._captions(out.tolist(), inputs["input_ids"].shape[1] - 1)

    def _tokens(self, rows: Sequence[Sequence[int]], padding: int | None = None) -> Tensor:
        """Rows of different lengths as one tensor, padded at the right."""
        if padding is None:
            padding = self.model.config.text_config.pad_token_id
        lines = [torch.tensor(list(row), device=self.model.device) for row in rows]
        return pad_sequence(lines, batch_first=True, padding_value=padding)

    def _captions(self, rows: list[list[int]], n_prefix: int) -> list[list[int]]:
        """Rows of `generate` without the prompt and without what follows the end token."""
        end = self.model.config.text_config.sep_token_id
        return [to_end(row[n_prefix:], end) for row in rows]


def load(folder: Path, placement: Placement) -> BlipCaptioner:
    """Load a captioning checkpoint of BLIP in evaluation mode.

    Raises:
        ValueError: it is of another family, lacks weights, or several GPUs are asked for.
    """
    logging.disable_progress_bar()
    if placement.gpus != 1:
        raise ValueError(
            f"BLIP needs less than 2 GB and runs on one device; got gpus = {placement.gpus}. "
            "Leave gpus out of [model]."
        )
    config = AutoConfig.from_pretrained(folder)
    if config.model_type != "blip":
        raise ValueError(
            f"expected a captioning checkpoint of blip; {folder} holds {config.model_type}. "
            "For InstructBLIP and BLIP-2 set backend = 'huggingface' under [model]."
        )
    # The library's own BLIP knows no fused attention; `precompute.forward.layers` is fused.
    model, info = BlipForConditionalGeneration.from_pretrained(
        folder,
        config=config,
        dtype=placement.dtype,
        use_safetensors=True,
        device_map=on_one(placement.device),
        output_loading_info=True,
    )
    require_all_read(info, folder)
    processor = BlipProcessor.from_pretrained(folder)
    model = model.eval().requires_grad_(False)
    return BlipCaptioner(model, processor, view_tower(model.vision_model))


def size_of(folder: Path) -> ModelSize:
    """The dimensions of a checkpoint, from its config.json."""
    return size_of_config(AutoConfig.from_pretrained(folder))


def size_of_config(config: Any) -> ModelSize:
    """The dimensions of a model, which is laid out without memory to count its weights."""
    with torch.device("meta"):
        model = BlipForConditionalGeneration(config)
    tower = n_weights(model.vision_model)
    sizes = tower_size(config.vision_config)
    return ModelSize(
        **sizes,
        tower=tower,
        reader=0,
        decoder=n_weights(model) - tower,
        source=sizes["grid"][0] * sizes["grid"][1] + 1,
        decoder_layers=config.text_config.num_hidden_layers,
        decoder_width=config.text_config.hidden_size,
        vocabulary=config.text_config.vocab_size,
    )


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint.

    Raises:
        CheckpointMissing: there are none, or not all.
    """
    return safetensors(folder)
