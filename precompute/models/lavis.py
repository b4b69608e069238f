"""BLIP-2 and InstructBLIP of salesforce-lavis behind the captioner's door, with Flan-T5.

LAVIS needs an environment of its own (`make setup-lavis`), with transformers 4.26. `lavis_model`
puts its model together without its `__init__`, which downloads and unpickles; `lavis_files` reads
the weights. On a GPU LAVIS computes in mixed precision, and so does this: the tower's matrix
products in float16 on a float32 stream, the Q-Former in float32, Flan-T5 in bfloat16.
"""

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from lavis.models.eva_vit import VisionTransformer, convert_weights_to_fp16
from lavis.processors.blip_processors import BlipImageEvalProcessor
from PIL import Image
from torch import Tensor
from torch.nn.functional import linear
from torch.nn.utils.rnn import pad_sequence
from transformers.modeling_outputs import BaseModelOutput

from precompute.config import Generation
from precompute.models.captioner import Forced, Memory, OwnCheck, Placement, mean_logprob, to_end
from precompute.models.hooks import kept_outputs
from precompute.models.lavis_files import Files, describe, read_weights, weight_files
from precompute.models.lavis_model import assemble, fill
from precompute.models.size import ModelSize
from precompute.models.tower import VisionTower, block
from precompute.models.vision import n_weights, to_pictures

__all__ = ["LIBRARIES", "LavisCaptioner", "load", "size_of", "weight_files"]

LIBRARIES = (
    "torch",
    "torchvision",
    "transformers",
    "tokenizers",
    "pillow",
    "timm",
    "salesforce-lavis",
)

_IGNORED = -100
_TOWER, _LANGUAGE = torch.float16, torch.bfloat16

Autocast = Callable[[torch.dtype], AbstractContextManager[object]]


class _Normalisation(NamedTuple):
    """What LAVIS's processor takes off the colours and divides them by."""

    image_mean: tuple[float, ...]
    image_std: tuple[float, ...]


@dataclass(frozen=True)
class LavisCaptioner:
    """A model of LAVIS; `captioner.Captioner` says what the methods promise.

    Attributes:
        model: a Blip2T5, or the Blip2T5Instruct of LAVIS's source tree.
        processor: LAVIS's for pictures.
        tower: the model's.
        autocast: the context in which LAVIS computes a part of the model that has this dtype.
        instruct: whether the Q-Former reads the prompt.
    """

    model: Any
    processor: BlipImageEvalProcessor
    tower: VisionTower
    autocast: Autocast
    instruct: bool

    def pixels(self, images: Sequence[Image.Image]) -> Float[Tensor, "batch 3 y x"]:
        """The images as the tower takes them: squashed to its square, normalised."""
        return torch.stack([self.processor(image) for image in images]).to(self.model.device)

    def model_input(self, pixels: Float[Tensor, "batch 3 y x"]) -> list[Image.Image]:
        """The pictures as the model saw them, back in 0..255."""
        normalise = self.processor.normalize
        return to_pictures(_Normalisation(normalise.mean, normalise.std), pixels)

    def read(self, states: Float[Tensor, "batch token width"], prompt: str) -> Memory:
        """Final norm, Q-Former, projection, the T5 encoder."""
        with self.autocast(_TOWER):
            image = self.tower.final_norm(states)
        prefix = self.model.t5_proj(self._queries(image.float(), prompt))
        words = self._words(self.model.t5_tokenizer, prompt, len(states))
        mask = torch.cat([torch.ones_like(prefix[..., 0], dtype=torch.long), words["mask"]], 1)
        encoder = self.model.t5_model.encoder
        with self.autocast(_LANGUAGE):
            embeds = torch.cat([prefix, encoder.embed_tokens(words["ids"])], 1)
            hidden = encoder(inputs_embeds=embeds, attention_mask=mask).last_hidden_state
        return Memory(hidden, mask)

    def _queries(
        self, image: Float[Tensor, "batch token width"], prompt: str
    ) -> Float[Tensor, "batch query qformer"]:
        """What the Q-Former's queries read of a normalised state."""
        queries = self.model.query_tokens.expand(len(image), -1, -1)
        arguments = {
            "query_embeds": queries,
            "encoder_hidden_states": image,
            "encoder_attention_mask": torch.ones_like(image[..., 0], dtype=torch.long),
        }
        if self.instruct:
            words = self._words(self.model.tokenizer, prompt, len(image))
            seen = torch.ones_like(queries[..., 0], dtype=torch.long)
            both = torch.cat([seen, words["mask"]], 1)
            arguments |= {"input_ids": words["ids"], "attention_mask": both}
        read: Tensor = self.model.Qformer.bert(**arguments).last_hidden_state
        return read[:, : queries.shape[1]]

    def _words(self, tokenizer: Any, prompt: str, batch: int) -> dict[str, Tensor]:
        """The prompt in every row."""
        ids = torch.tensor([tokenizer(prompt)["input_ids"]] * batch, device=self.model.device)
        return {"ids": ids, "mask": torch.ones_like(ids)}

    def generate(self, memory: Memory, generation: Generation) -> list[list[int]]:
        """The language model's own `generate` from the encoder's output."""
        with self.autocast(_LANGUAGE):
            rows = self.model.t5_model.generate(
                encoder_outputs=BaseModelOutput(last_hidden_state=memory.hidden),
                attention_mask=memory.mask,
                do_sample=False,
                max_new_tokens=generation.max_new_tokens,
                **_generate_arguments(generation),
            )
        return self._captions(rows.tolist())

    def forced(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Forced:
        """The scores of all words at every token of a given caption a row, teacher-forced."""
        rows = [torch.tensor(list(ids), device=memory.hidden.device) for ids in captions]
        labels = pad_sequence(rows, batch_first=True, padding_value=_IGNORED)
        with self.autocast(_LANGUAGE):
            logits = self.model.t5_model(
                encoder_outputs=BaseModelOutput(last_hidden_state=memory.hidden),
                attention_mask=memory.mask,
                labels=labels,
            ).logits
        kept = labels != _IGNORED
        return Forced(logits, labels.clamp_min(0), kept)

    def logprob(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Float[Tensor, " batch"]:
        """Mean log-probability a token, in nats, teacher-forced; no penalty of any kind."""
        return mean_logprob(*self.forced(memory, captions))

    def text(self, token_ids: Sequence[int]) -> str:
        """A caption's words, special tokens left out."""
        words: str = self.model.t5_tokenizer.decode(list(token_ids), skip_special_tokens=True)
        return words.strip()

    def token_ids(self, text: str) -> list[int]:
        """The tokens of a caption, with the end token, which T5's tokenizer adds."""
        ids: list[int] = self.model.t5_tokenizer(text)["input_ids"]
        return ids

    def library_final_state(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> Float[Tensor, "batch token width"]:
        """Z^L by LAVIS: its tower's output, before `ln_vision`."""
        with self.model.maybe_autocast():
            state: Tensor = self.model.visual_encoder(pixels)
        return state

    def library_patterns(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> list[Float[Tensor, "batch head token"]]:
        """The CLS token's attention in every block, as LAVIS's softmax leaves it."""
        # In evaluation the dropout that follows the softmax gives back what it takes.
        modules = [block.attn.attn_drop for block in self.model.visual_encoder.blocks]
        with kept_outputs(modules, lambda output: output[:, :, 0].clone()) as patterns:
            self.library_final_state(pixels)
        return patterns

    def own_checks(self, images: Sequence[Image.Image], prompt: str) -> Sequence[OwnCheck]:
        """Nothing is true of this family alone."""
        return ()

    def library_captions(
        self, images: Sequence[Image.Image], prompt: str, generation: Generation
    ) -> list[list[int]]:
        """Captions by LAVIS's processor and the whole model's `generate`, as token ids."""
        model = copy.copy(self.model)  # shares all weights
        model.t5_tokenizer = _AsIds(self.model.t5_tokenizer)
        return self._captions(
            model.generate(
                {"image": self.pixels(images), "prompt": prompt},
                max_length=generation.max_new_tokens,
                **_generate_arguments(generation),
            )
        )

    def _captions(self, rows: list[list[int]]) -> list[list[int]]:
        """Rows of `generate` without the start token and what follows the end token."""
        config = self.model.t5_model.config
        captions = [row[1:] if row[0] == config.decoder_start_token_id else row for row in rows]
        return [to_end(ids, config.eos_token_id) for ids in captions]


@dataclass(frozen=True)
class _AsIds:
    """A tokenizer that leaves captions as ids: LAVIS's `generate` gives no other way to them."""

    tokenizer: Any

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.tokenizer(*args, **kwargs)

    def batch_decode(self, rows: Tensor, skip_special_tokens: bool) -> list[list[int]]:
        """The rows as they are."""
        ids: list[list[int]] = rows.tolist()
        return ids


def _generate_arguments(generation: Generation) -> dict[str, Any]:
    """What LAVIS's `generate` and T5's call by the same name."""
    return {
        "num_beams": generation.num_beams,
        "min_length": generation.min_new_tokens + 1,  # the start token counts
        "repetition_penalty": generation.repetition_penalty,
        "length_penalty": generation.length_penalty,
    }


def load(folder: Path, placement: Placement) -> LavisCaptioner:
    """Load a model in evaluation mode; its dtypes are those of LAVIS on that device.

    Raises:
        CheckpointMissing: a file is not there.
        ValueError: the files do not fit each other, the placement is not one that LAVIS knows, or
            the model is InstructBLIP and this LAVIS has none.
    """
    _require_known(placement)
    files = describe(folder)
    mixed = placement.device == "cuda"
    weights = read_weights(files, _LANGUAGE if mixed else torch.float32)
    model = fill(assemble(files), weights, folder)
    if mixed:
        convert_weights_to_fp16(model.visual_encoder)
    return view(model.to(placement.device), files, partial(_autocast, placement.device, mixed))


def view(model: Any, files: Files, autocast: Autocast) -> LavisCaptioner:
    """A model of LAVIS as a captioner."""
    model = model.eval().requires_grad_(False)
    processor = BlipImageEvalProcessor(image_size=files.vision["img_size"])
    return LavisCaptioner(model, processor, _tower(model, autocast), autocast, files.instruct)


def _require_known(placement: Placement) -> None:
    expected = torch.bfloat16 if placement.device == "cuda" else torch.float32
    if placement.dtype != expected or placement.gpus != 1:
        raise ValueError(
            "expected dtype = 'auto' and one device: LAVIS computes in float32 on the CPU, and on "
            "a GPU in float16 (tower), float32 (Q-Former) and bfloat16 (Flan-T5), which the GPU "
            f"has to have; got {placement.dtype} on {placement.gpus} {placement.device}. For "
            "other dtypes or several GPUs set backend = 'huggingface' under [model]."
        )


def _autocast(device: str, mixed: bool, dtype: torch.dtype) -> AbstractContextManager[object]:
    return torch.autocast(device, dtype=dtype, enabled=mixed)


def _tower(model: Any, autocast: Autocast) -> VisionTower:
    """LAVIS's EVA-CLIP as a tower."""
    vit = model.visual_encoder
    half = partial(_call, autocast)
    return VisionTower(
        embed=partial(half, partial(_embed, vit)),
        blocks=tuple(
            block(
                norm1=layer.norm1,
                qkv=partial(half, partial(_qkv, layer.attn)),
                proj=layer.attn.proj,
                norm2=layer.norm2,
                mlp=partial(half, layer.mlp),
                n_heads=layer.attn.num_heads,
            )
            for layer in vit.blocks
        ),
        final_norm=model.ln_vision,
        n_heads=vit.blocks[0].attn.num_heads,
        grid=vit.patch_embed.patch_shape,
        width=vit.embed_dim,
        matrices=(
            vit.patch_embed.proj.weight,
            vit.pos_embed,
            *(
                module.weight
                for layer in vit.blocks
                for module in (layer.attn.qkv, layer.attn.proj, layer.mlp.fc1, layer.mlp.fc2)
            ),
        ),
    )


def _call(autocast: Autocast, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with autocast(_TOWER):
        return function(x)


def _embed(vit: VisionTransformer, pixels: Tensor) -> Tensor:
    patches = vit.patch_embed(pixels)
    cls = vit.cls_token.expand(len(patches), -1, -1)
    embedded: Tensor = torch.cat([cls, patches], 1) + vit.pos_embed
    return embedded


def _qkv(attention: Any, normed: Tensor) -> Tensor:
    """LAVIS keeps biases of queries and values; keys have none."""
    bias = torch.cat([attention.q_bias, torch.zeros_like(attention.q_bias), attention.v_bias])
    return linear(normed, attention.qkv.weight, bias)


def size_of(folder: Path) -> ModelSize:
    """The dimensions of a model, which is laid out without memory to count its weights."""
    files = describe(folder)
    model = assemble(files)
    text = model.t5_model
    tower = n_weights(model.visual_encoder)
    # Without the table of embeddings, through which no state is multiplied.
    decoder = n_weights(text.decoder) - n_weights(text.shared) + n_weights(text.lm_head)
    return ModelSize(
        n_layers=files.vision["depth"],
        n_heads=files.vision["num_heads"],
        grid=model.visual_encoder.patch_embed.patch_shape,
        width=files.vision["embed_dim"],
        tower=tower,
        reader=n_weights(model) - tower - decoder,
        decoder=decoder,
        source=files.n_queries,
        decoder_layers=text.config.num_decoder_layers,
        decoder_width=text.config.num_heads * text.config.d_kv,
        vocabulary=text.config.vocab_size,
    )
