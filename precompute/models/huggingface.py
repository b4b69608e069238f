"""InstructBLIP of transformers behind the captioner's door.

From a state to a caption this does what the library's `generate` does from pixels: final norm,
Q-Former with the instruction, projection, prompt embeddings, language model. Never
`pooler_output` of the vision model, which is normalised twice.
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
from transformers import InstructBlipForConditionalGeneration, InstructBlipProcessor
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import logging

from precompute.config import Generation
from precompute.models.captioner import Memory, Placement
from precompute.models.checkpoint import safetensors
from precompute.models.tower import VisionTower, block

_IGNORED = -100


def view_tower(vision: Any) -> VisionTower:
    """The vision model of InstructBLIP (and BLIP-2, which is the same) as a tower."""
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
    )


@dataclass(frozen=True)
class HuggingFaceCaptioner:
    """An InstructBLIP and its processor; `captioner.Captioner` says what the methods promise."""

    model: InstructBlipForConditionalGeneration
    processor: InstructBlipProcessor
    tower: VisionTower

    def pixels(self, images: Sequence[Image.Image]) -> Float[Tensor, "batch 3 y x"]:
        """The images as the tower takes them: squashed to its square, normalised."""
        batch = self.processor.image_processor(images=list(images), return_tensors="pt")
        pixels: Tensor = batch["pixel_values"]
        return pixels.to(self.model.device, self.tower.dtype)

    def model_input(self, pixels: Float[Tensor, "batch 3 y x"]) -> list[Image.Image]:
        """The pictures as the model saw them, back in 0..255."""
        processor = self.processor.image_processor
        mean, std = (
            torch.tensor(values).reshape(3, 1, 1)
            for values in (processor.image_mean, processor.image_std)
        )
        back = (pixels.float().cpu() * std + mean).clamp(0, 1) * 255
        return [
            Image.fromarray(picture.round().to(torch.uint8).permute(1, 2, 0).numpy())
            for picture in back
        ]

    def read(self, states: Float[Tensor, "batch token width"], prompt: str) -> Memory:
        """Final norm, Q-Former with the instruction, projection, the T5 encoder."""
        image = self.tower.final_norm(states)
        text = self._prompt(prompt, len(states))
        queries = self.model.query_tokens.expand(len(states), -1, -1).to(image.dtype)
        ones = torch.ones(queries.shape[:2], dtype=torch.long, device=queries.device)
        out = self.model.qformer(
            input_ids=text["qformer_input_ids"],
            attention_mask=torch.cat([ones, text["qformer_attention_mask"]], 1),
            query_embeds=queries,
            encoder_hidden_states=image,
            encoder_attention_mask=torch.ones(
                image.shape[:2], dtype=torch.long, device=image.device
            ),
        ).last_hidden_state[:, : queries.shape[1]]
        prefix = self.model.language_projection(out)
        embeds = self.model.get_input_embeddings()(text["input_ids"])
        slots = (text["input_ids"] == self.model.config.image_token_id)[..., None]
        embeds = embeds.masked_scatter(slots, prefix.to(embeds))
        encoder = self.model.language_model.get_encoder()
        mask = text["attention_mask"]
        hidden = encoder(inputs_embeds=embeds, attention_mask=mask).last_hidden_state
        return Memory(hidden, mask)

    def generate(self, memory: Memory, generation: Generation) -> list[list[int]]:
        """The language model's own `generate` from the encoder's output."""
        out = self.model.language_model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=memory.hidden),
            attention_mask=memory.mask,
            **_generate_arguments(generation),
        )
        return self._captions(out)

    def logprob(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Float[Tensor, " batch"]:
        """Mean log-probability a token, in nats, teacher-forced; no penalty of any kind."""
        device = memory.hidden.device
        labels = pad_sequence(
            [torch.tensor(list(ids), device=device) for ids in captions],
            batch_first=True,
            padding_value=_IGNORED,
        )
        logits = self.model.language_model(
            encoder_outputs=BaseModelOutput(last_hidden_state=memory.hidden),
            attention_mask=memory.mask,
            labels=labels,
        ).logits
        kept = labels != _IGNORED
        chosen = logits.float().log_softmax(-1).gather(2, labels.clamp_min(0)[..., None])[..., 0]
        total: Tensor = (chosen * kept).sum(1) / kept.sum(1)
        return total

    def text(self, token_ids: Sequence[int]) -> str:
        """A caption's words, special tokens left out."""
        words: str = self.processor.tokenizer.decode(list(token_ids), skip_special_tokens=True)
        return words.strip()

    def library_final_state(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> Float[Tensor, "batch token width"]:
        """Z^L by the library: its encoder's output, before `post_layernorm`."""
        embedded = self.model.vision_model.embeddings(pixels)
        state: Tensor = self.model.vision_model.encoder(inputs_embeds=embedded).last_hidden_state
        return state

    def library_captions(
        self, images: Sequence[Image.Image], prompt: str, generation: Generation
    ) -> list[list[int]]:
        """Captions by the library's processor and `InstructBlip...generate`."""
        inputs = self.processor(
            images=list(images), text=[prompt] * len(images), return_tensors="pt"
        ).to(self.model.device, self.tower.dtype)
        return self._captions(self.model.generate(**inputs, **_generate_arguments(generation)))

    def _prompt(self, prompt: str, batch: int) -> dict[str, Int[Tensor, "batch token"]]:
        """The instruction for Q-Former and T5, with one image token a query, for every row."""
        device = self.model.device
        ids = self.processor.qformer_tokenizer(prompt)["input_ids"]
        n_query = self.model.config.num_query_tokens
        image_tokens = [self.model.config.image_token_id] * n_query
        prompt_ids = image_tokens + self.processor.tokenizer(prompt)["input_ids"]
        rows = {"qformer_input_ids": ids, "input_ids": prompt_ids}
        text = {name: torch.tensor([row] * batch, device=device) for name, row in rows.items()}
        text["qformer_attention_mask"] = torch.ones_like(text["qformer_input_ids"])
        text["attention_mask"] = torch.ones_like(text["input_ids"])
        return text

    def _captions(self, generated: Int[Tensor, "batch token"]) -> list[list[int]]:
        """Rows of `generate` without the start token and what follows the end token."""
        config = self.model.language_model.generation_config
        end, start = config.eos_token_id, config.decoder_start_token_id
        captions = []
        for row in generated.tolist():
            ids = row[1:] if row[0] == start else row
            captions.append(ids[: ids.index(end) + 1] if end in ids else ids)
        return captions


def _generate_arguments(generation: Generation) -> dict[str, object]:
    return {**generation.model_dump(), "do_sample": False}


def load(path: Path, placement: Placement) -> HuggingFaceCaptioner:
    """Load an InstructBLIP checkpoint in evaluation mode.

    Raises:
        ValueError: the checkpoint's queries and image tokens do not fit each other.
    """
    logging.disable_progress_bar()
    model = InstructBlipForConditionalGeneration.from_pretrained(
        path, dtype=placement.dtype, attn_implementation="sdpa", use_safetensors=True
    )
    processor = InstructBlipProcessor.from_pretrained(path)
    # Checkpoints from before transformers 4.46 do not say it, and a wrong count of image tokens
    # would shift the prompt silently.
    processor.num_query_tokens = model.config.num_query_tokens
    n_query = model.query_tokens.shape[1]
    if n_query != model.config.num_query_tokens:
        raise ValueError(
            f"expected {model.config.num_query_tokens} query tokens as {path}/config.json says; "
            f"the weights have {n_query}. The folder mixes two checkpoints: fetch it anew."
        )
    model = model.to(placement.device).eval().requires_grad_(False)
    return HuggingFaceCaptioner(model, processor, view_tower(model.vision_model))


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint.

    Raises:
        CheckpointMissing: there are none, or not all.
    """
    return safetensors(folder)
