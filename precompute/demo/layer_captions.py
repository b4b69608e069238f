"""What the captioner would say had it stopped at a layer: a plain, slow loop for the README."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from precompute.demo import scenes
from precompute.demo.evaluate import names_place, names_subjects, unseen
from precompute.demo.model import MAX_NEW_TOKENS
from precompute.demo.vocabulary import CAPTION_PROMPT


@dataclass(frozen=True)
class LayerQuality:
    """Shares of scenes, in [0, 1], of the captions decoded from Z^layer; length in tokens."""

    layer: int
    place: float
    subjects: float
    exact: float
    same_as_final: float
    length: float

    def __str__(self) -> str:
        """One row of a Markdown table."""
        shares = (self.place, self.subjects, self.exact, self.same_as_final)
        cells = " | ".join(f"{share:.1%}" for share in shares)
        return f"| {self.layer} | {cells} | {self.length:.1f} |"


HEADER = """| layer | place | every subject | exact | same as final | tokens |
|---:|---:|---:|---:|---:|---:|"""


def states(
    model: Any, pixels: Float[Tensor, "batch 3 rows columns"]
) -> list[Float[Tensor, "batch tokens width"]]:
    """Z^0 .. Z^L: the output of the embeddings and of every block."""
    state = model.vision_model.embeddings(pixels)
    kept = [state]
    for block in model.vision_model.encoder.layers:
        output = block(state)
        state = output if isinstance(output, Tensor) else output[0]
        kept.append(state)
    return kept


def decode(
    model: Any,
    state: Float[Tensor, "batch tokens width"],
    words: Mapping[str, Tensor],
) -> Int[Tensor, "batch length"]:
    """Caption a state of any layer, with nothing but the final LayerNorm in between.

    Args:
        model: The captioner.
        state: Z^l of a batch.
        words: The processor's output for that batch.
    """
    queries = model.query_tokens.expand(len(state), -1, -1)
    ones = torch.ones(queries.shape[:2], dtype=torch.long)
    seen = model.qformer(
        input_ids=words["qformer_input_ids"],
        attention_mask=torch.cat([ones, words["qformer_attention_mask"]], 1),
        query_embeds=queries,
        encoder_hidden_states=model.vision_model.post_layernorm(state),
    ).last_hidden_state[:, : queries.shape[1]]
    embedded = model.get_input_embeddings()(words["input_ids"])
    places = words["input_ids"].eq(model.config.image_token_index).unsqueeze(-1)
    tokens: Tensor = model.language_model.generate(
        inputs_embeds=embedded.masked_scatter(places, model.language_projection(seen)),
        attention_mask=words["attention_mask"],
        max_new_tokens=MAX_NEW_TOKENS,
    )
    return tokens


def qualities(
    model: Any, processor: Any, book: dict[str, Image.Image], count: int = 256, seed: int = 3
) -> list[LayerQuality]:
    """Measure the captions of every layer on held-out scenes.

    Args:
        model: The captioner.
        processor: Its processor.
        book: Sprites, from `sprites.load`.
        count: How many scenes.
        seed: Which scenes.
    """
    held_out, images = unseen(book, count, np.random.default_rng([seed, 512]))
    words = processor(images=images, text=[CAPTION_PROMPT] * count, return_tensors="pt")
    with torch.inference_mode():
        tokens = [decode(model, z, words) for z in states(model, words["pixel_values"])]
    texts = [processor.tokenizer.batch_decode(t, skip_special_tokens=True) for t in tokens]
    return [
        LayerQuality(
            layer,
            float(np.mean([names_place(t, s) for t, s in zip(captions, held_out, strict=True)])),
            float(np.mean([names_subjects(t, s) for t, s in zip(captions, held_out, strict=True)])),
            float(
                np.mean([t == scenes.caption(s) for t, s in zip(captions, held_out, strict=True)])
            ),
            float(np.mean([t == final for t, final in zip(captions, texts[-1], strict=True)])),
            float(np.mean([len(t.split()) for t in captions])),
        )
        for layer, captions in enumerate(texts)
    ]
