"""InstructBLIP and BLIP-2 of transformers behind the captioner's door, with Flan-T5.

From a state to a caption this does what the library's `generate` does from pixels: final norm,
Q-Former (with the instruction in InstructBLIP, without in BLIP-2), projection, prompt embeddings,
language model. Never `pooler_output` of the vision model, which is normalised twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoConfig,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
)
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import logging

from precompute.config import Generation
from precompute.models.captioner import Forced, Memory, OwnCheck, Placement, mean_logprob, to_end
from precompute.models.checkpoint import fit_image_tokens, require_all_read, safetensors
from precompute.models.gpus import device_map, require_gpus
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

_FAMILIES = {
    "instructblip": (InstructBlipForConditionalGeneration, InstructBlipProcessor),
    "blip-2": (Blip2ForConditionalGeneration, Blip2Processor),
}
_IGNORED = -100


@dataclass(frozen=True)
class HuggingFaceCaptioner:
    """A model and its processor; `captioner.Captioner` says what the methods promise."""

    model: InstructBlipForConditionalGeneration | Blip2ForConditionalGeneration
    processor: InstructBlipProcessor | Blip2Processor
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
        """Final norm, Q-Former, projection, the T5 encoder."""
        image = self.tower.final_norm(states)
        text = self._prompt(prompt, len(states))
        out = self._queries(image, prompt).to(image.dtype)
        prefix = self.model.language_projection(out)
        embeds = self.model.get_input_embeddings()(text["input_ids"])
        slots = (text["input_ids"] == self.model.config.image_token_id)[..., None]
        embeds = embeds.masked_scatter(slots, prefix.to(embeds))
        encoder = self.model.language_model.get_encoder()
        mask = text["attention_mask"]
        hidden = encoder(inputs_embeds=embeds, attention_mask=mask).last_hidden_state
        return Memory(hidden, mask)

    def _queries(
        self, image: Float[Tensor, "batch token width"], prompt: str
    ) -> Float[Tensor, "batch query qformer"]:
        """What the Q-Former's queries read of a normalised state."""
        queries = self.model.query_tokens.expand(len(image), -1, -1)
        seen = torch.ones(image.shape[:2], dtype=torch.long, device=image.device)
        arguments = {
            "query_embeds": queries,
            "encoder_hidden_states": image,
            "encoder_attention_mask": seen,
        }
        if isinstance(self.processor, InstructBlipProcessor):
            ids = self.processor.qformer_tokenizer(prompt)["input_ids"]
            text = torch.tensor([ids] * len(image), device=image.device)
            both = torch.ones(
                len(image), queries.shape[1] + len(ids), dtype=torch.long, device=image.device
            )
            arguments |= {"input_ids": text, "attention_mask": both}
        read: Tensor = self.model.qformer(**arguments).last_hidden_state[:, : queries.shape[1]]
        return read

    def generate(self, memory: Memory, generation: Generation) -> list[list[int]]:
        """The language model's own `generate` from the encoder's output."""
        out = self.model.language_model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=memory.hidden),
            attention_mask=memory.mask,
            **generate_arguments(generation),
        )
        return self._captions(out)

    def forced(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Forced:
        """The scores of all words at every token of a given caption a row, teacher-forced."""
        device = memory.hidden.device
        labels = pad_sequence(
            [torch.tensor(list(ids), device=device) for ids in captions],
            batch_first=True,
            padding_value=_IGNORED,
        )
        text = self.model.language_model
        # Given the labels themselves, the library would compute a loss beside the logits.
        logits = text(
            encoder_outputs=BaseModelOutput(last_hidden_state=memory.hidden),
            attention_mask=memory.mask,
            decoder_input_ids=text.prepare_decoder_input_ids_from_labels(labels),
            use_cache=False,
        ).logits.to(device)
        kept = labels != _IGNORED
        return Forced(logits, labels.clamp_min(0), kept)

    def logprob(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Float[Tensor, " batch"]:
        """Mean log-probability a token, in nats, teacher-forced; no penalty of any kind."""
        return mean_logprob(*self.forced(memory, captions))

    def text(self, token_ids: Sequence[int]) -> str:
        """A caption's words, special tokens left out."""
        words: str = self.processor.tokenizer.decode(list(token_ids), skip_special_tokens=True)
        return words.strip()

    def token_ids(self, text: str) -> list[int]:
        """The tokens of a caption, with the end token, which T5's tokenizer adds."""
        ids: list[int] = self.processor.tokenizer(text)["input_ids"]
        return ids

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
        return self._captions(self.model.generate(**inputs, **generate_arguments(generation)))

    def _prompt(self, prompt: str, batch: int) -> dict[str, Int[Tensor, "batch token"]]:
        """What T5 reads: one image token a query, then the instruction; the same in every row."""
        image_tokens = [self.model.config.image_token_id] * self.model.query_tokens.shape[1]
        ids = image_tokens + self.processor.tokenizer(prompt)["input_ids"]
        rows = torch.tensor([ids] * batch, device=self.model.device)
        return {"input_ids": rows, "attention_mask": torch.ones_like(rows)}

    def _captions(self, generated: Int[Tensor, "batch token"]) -> list[list[int]]:
        """Rows of `generate` without the start token and what follows the end token."""
        config = self.model.language_model.generation_config
        end, start = config.eos_token_id, config.decoder_start_token_id
        captions = []
        for row in generated.tolist():
            ids = row[1:] if row[0] == start else row
            captions.append(to_end(ids, end))
        return captions


def load(folder: Path, placement: Placement) -> HuggingFaceCaptioner:
    """Load a checkpoint in evaluation mode.

    Raises:
        ValueError: it is of another family, its files do not fit each other, or the machine has
            fewer GPUs than are asked for.
    """
    logging.disable_progress_bar()
    require_gpus(placement.device, placement.gpus)
    config = AutoConfig.from_pretrained(folder)
    if config.model_type not in _FAMILIES or config.use_decoder_only_language_model:
        raise ValueError(
            f"expected a checkpoint of {' or '.join(_FAMILIES)} with a Flan-T5; {folder} holds "
            f"{config.model_type}. For BLIP set backend = 'blip' under [model]; OPT and Vicuna "
            "are not read."
        )
    model_class, processor_class = _FAMILIES[config.model_type]
    processor = processor_class.from_pretrained(folder)
    fit_image_tokens(config, processor, folder)
    model, info = model_class.from_pretrained(
        folder,
        config=config,
        dtype=placement.dtype,
        attn_implementation="sdpa",
        use_safetensors=True,
        device_map=device_map(model_class, config, placement.device, placement.gpus),
        output_loading_info=True,
    )
    require_all_read(info, folder)
    model = model.eval().requires_grad_(False)
    return HuggingFaceCaptioner(model, processor, view_tower(model.vision_model))


def size_of(folder: Path) -> ModelSize:
    """The dimensions of a checkpoint, from its config.json."""
    config = AutoConfig.from_pretrained(folder)
    return size_of_config(_FAMILIES[config.model_type][0], config)


def size_of_config(model_class: Any, config: Any) -> ModelSize:
    """The dimensions of a model, which is laid out without memory to count its weights."""
    with torch.device("meta"):
        model = model_class(config)
    text = model.language_model
    tower = n_weights(model.vision_model)
    # Without the table of embeddings, through which no state is multiplied.
    decoder = n_weights(text.decoder) + n_weights(text.lm_head) - n_weights(text.shared)
    return ModelSize(
        **tower_size(config.vision_config),
        tower=tower,
        reader=n_weights(model) - tower - decoder,
        decoder=decoder,
        source=config.num_query_tokens,
        decoder_layers=config.text_config.num_decoder_layers,
        decoder_width=config.text_config.num_heads * config.text_config.d_kv,
        vocabulary=config.text_config.vocab_size,
    )


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint.

    Raises:
        CheckpointMissing: there are none, or not all.
    """
    return safetensors(folder)
