"""What the captioner would say had it stopped at a layer: a plain, slow loop for the README."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from precompute.demo.drawing import Picture
from precompute.demo.evaluate import kinds_named, place_named, subjects_named, unseen
from precompute.demo.model import MAX_NEW_TOKENS
from precompute.demo.sprites import Sprite
from precompute.demo.vocabulary import CAPTION_PROMPT
from precompute.metrics import noun_depth

Share = tuple[float, float, float]
"""A mean over scenes and the ends of its 95% interval."""


@dataclass(frozen=True)
class LayerQuality:
    """Means over scenes of the captions decoded from Z^layer, each with its interval.

    Attributes:
        layer: 0 to L.
        place: Share of scenes whose place is named.
        kinds: Share of subjects whose kind is named, of those that can be told by kind.
        subjects: Share of subjects that are called what they should be.
        exact: Share of scenes whose caption is the right one.
        depth: Depth of its nouns in WordNet (`metrics.lexical.noun_depth`).
    """

    layer: int
    place: Share
    kinds: Share
    subjects: Share
    exact: Share
    depth: Share

    def __str__(self) -> str:
        """One row of a Markdown table."""
        shares = (self.place, self.kinds, self.subjects, self.exact)
        cells = [f"{mean:.1%} [{low:.1%}, {high:.1%}]" for mean, low, high in shares]
        mean, low, high = self.depth
        return " | ".join(("| " + str(self.layer), *cells, f"{mean:.2f} [{low:.2f}, {high:.2f}] |"))


HEADER = """| layer | place | kind | subject | exact | noun depth |
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
    model: Any, processor: Any, book: dict[str, Sprite], count: int = 256, seed: int = 3
) -> list[LayerQuality]:
    """Measure the captions of every layer on held-out scenes.

    Args:
        model: The captioner.
        processor: Its processor.
        book: Sprites, from `sprites.load`.
        count: How many scenes.
        seed: Which scenes.
    """
    pictures = unseen(book, count, np.random.default_rng([seed, 512]))
    images = [picture.image for picture in pictures]
    words = processor(images=images, text=[CAPTION_PROMPT] * count, return_tensors="pt")
    with torch.inference_mode():
        tokens = [decode(model, z, words) for z in states(model, words["pixel_values"])]
    texts = [processor.tokenizer.batch_decode(t, skip_special_tokens=True) for t in tokens]
    return [_layer(layer, captions, pictures) for layer, captions in enumerate(texts)]


def _layer(layer: int, captions: list[str], pictures: list[Picture]) -> LayerQuality:
    def share(judge: Callable[[str, Picture], list[bool]]) -> Share:
        return _mean([judge(text, one) for text, one in zip(captions, pictures, strict=True)])

    return LayerQuality(
        layer,
        share(lambda text, picture: [place_named(text, picture)]),
        share(kinds_named),
        share(subjects_named),
        share(lambda text, picture: [text == picture.caption]),
        _mean([[depth] for depth in noun_depth(captions, []) if not np.isnan(depth)]),
    )


def _mean(values: list[list[float]] | list[list[bool]], repeats: int = 2000) -> Share:
    """The mean over all values, and a bootstrap over scenes by percentiles."""
    totals = np.array([sum(scene) for scene in values], dtype=float)
    counts = np.array([len(scene) for scene in values])
    if not counts.sum():
        return (float("nan"),) * 3
    picks = np.random.default_rng(0).integers(len(totals), size=(repeats, len(totals)))
    with np.errstate(invalid="ignore"):
        means = totals[picks].sum(1) / counts[picks].sum(1)
    low, high = np.nanpercentile(means, (2.5, 97.5))
    return float(totals.sum() / counts.sum()), float(low), float(high)
