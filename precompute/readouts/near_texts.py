"""The words of a layer, where a model chooses among texts: the nearest few with their chances."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.models import HasTexts
from precompute.runner import Row
from store.schema import BASELINE

COUNT = 5
"""Texts a state; the first is its caption."""

Words = list[tuple[str, float]]
"""Texts, the nearest first, and the probability of each among all of the list."""


@torch.inference_mode()
def nearest_texts(
    captioner: HasTexts, states: Sequence[Float[Tensor, "batch token width"]], prompt: str
) -> list[list[Words]]:
    """The nearest texts of every state of a batch of images: words[layer][image].

    Args:
        captioner: a CLIP.
        states: Z^0..Z^L.
        prompt: the template.
    """
    count = min(COUNT, len(captioner.texts))
    words = []
    for state in states:
        logits = captioner.read(state, prompt).hidden[:, 0]
        top = logits.softmax(-1).topk(count)
        words.append(
            [
                [(captioner.texts[at], chance) for at, chance in zip(*row, strict=True)]
                for row in zip(top.indices.tolist(), top.values.tolist(), strict=True)
            ]
        )
    return words


def near_rows(image_ids: Sequence[str], words: Sequence[Sequence[Words]]) -> list[Row]:
    """Rows of `near_text` from words[layer][image] of the baseline."""
    return [
        {
            "condition_id": BASELINE,
            "image_id": image_id,
            "layer": layer,
            "rank": rank,
            "text": text,
            "probability": probability,
        }
        for layer, of_layer in enumerate(words)
        for image_id, of_image in zip(image_ids, of_layer, strict=True)
        for rank, (text, probability) in enumerate(of_image, 1)
    ]
