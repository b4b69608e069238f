"""Decode the states of all layers in full batches (README, "Captions of every layer")."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.config import DecodeConfig
from precompute.models.captioner import Captioner


@dataclass(frozen=True)
class Caption:
    """What the model says of one state.

    Attributes:
        text: as the model wrote it.
        token_ids: with the end token, if it was reached.
        mean_logprob: of this caption on this state: nats a token, end token included, without
            any length penalty.
        final_logprob: likewise, of the image's final caption on this state.
    """

    text: str
    token_ids: tuple[int, ...]
    mean_logprob: float
    final_logprob: float


@torch.inference_mode()
def decode_layers(
    captioner: Captioner, states: Sequence[Float[Tensor, "batch token width"]], config: DecodeConfig
) -> list[list[Caption]]:
    """The caption of every state of a batch of images.

    States go through the decoder sorted by layer, from the last down: layers that stop after as
    many tokens share a batch, and an image's final caption is known when the others are scored
    against it. The order and the batch size decide the composition of batches, nothing else does.

    Args:
        captioner: the model.
        states: Z^0..Z^L.
        config: prompt, generation, and how many states a batch holds.

    Returns:
        captions[layer][image].
    """
    last, n_images = len(states) - 1, len(states[0])
    items = [(layer, image) for layer in range(last, -1, -1) for image in range(n_images)]
    final: dict[int, list[int]] = {}
    captions: dict[tuple[int, int], Caption] = {}
    for batch in _chunks(items, config.batch_size):
        memory = captioner.read(torch.stack([states[at][i] for at, i in batch]), config.prompt)
        own = captioner.generate(memory, config.generation)
        final.update({i: ids for (at, i), ids in zip(batch, own, strict=True) if at == last})
        mean = captioner.logprob(memory, own).tolist()
        ending = captioner.logprob(memory, [final[i] for _, i in batch]).tolist()
        for place, ids, own_logprob, final_logprob in zip(batch, own, mean, ending, strict=True):
            text = captioner.text(ids)
            captions[place] = Caption(text, tuple(ids), own_logprob, final_logprob)
    return [[captions[at, i] for i in range(n_images)] for at in range(last + 1)]


def _chunks(
    items: list[tuple[int, int]], size: int
) -> Iterator[list[tuple[int, int]]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
