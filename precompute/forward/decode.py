"""Decode the states of all layers in full batches (docs/method.md, "Words")."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.config import DecodeConfig
from precompute.forward.batches import BatchSize, fitting
from precompute.models import Captioner, Memory


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
    captioner: Captioner,
    states: Sequence[Float[Tensor, "batch token width"]],
    config: DecodeConfig,
    size: BatchSize | None = None,
) -> list[list[Caption]]:
    """The caption of every state of a batch of images.

    States go through the decoder sorted by layer, from the last down: layers that stop after as
    many tokens share a batch, and an image's final caption is known when the others are scored
    against it. The order and the batch size decide the composition of batches, nothing else does.

    Args:
        captioner: the model.
        states: Z^0..Z^L.
        config: prompt, generation, and how many states a batch holds.
        size: instead of the configuration's batch size; halved where memory runs out.

    Returns:
        captions[layer][image].
    """
    last, n_images = len(states) - 1, len(states[0])
    items = [(layer, image) for layer in range(last, -1, -1) for image in range(n_images)]
    final: dict[int, list[int]] = {}
    captions: dict[tuple[int, int], Caption] = {}

    def decode(batch: list[tuple[int, int]]) -> list[Caption]:
        memory = captioner.read(torch.stack([states[at][i] for at, i in batch]), config.prompt)
        ids_of = captioner.generate(memory, config.generation)
        final.update({i: ids for (at, i), ids in zip(batch, ids_of, strict=True) if at == last})
        return _captions(captioner, memory, ids_of, [final[i] for _, i in batch])

    for batch, of_batch in fitting(items, size or _batch_size(config), decode):
        captions.update(zip(batch, of_batch, strict=True))
    return [[captions[at, i] for i in range(n_images)] for at in range(last + 1)]


@torch.inference_mode()
def decode_states(
    captioner: Captioner,
    states: Iterable[tuple[Float[Tensor, "token width"], Sequence[int]]],
    config: DecodeConfig,
    size: BatchSize | None = None,
) -> Iterator[Caption]:
    """The captions of states that come one after the other, decoded in full batches.

    No more states than a batch holds are kept; their order alone decides the batches.

    Args:
        captioner: the model.
        states: a state, and the final caption whose log-probability on it is asked.
        config: prompt, generation, and how many states a batch holds.
        size: instead of the configuration's batch size; halved where memory runs out.
    """

    def decode(batch: list[tuple[Tensor, Sequence[int]]]) -> list[Caption]:
        memory = captioner.read(torch.stack([state for state, _ in batch]), config.prompt)
        ids_of = captioner.generate(memory, config.generation)
        return _captions(captioner, memory, ids_of, [final for _, final in batch])

    for _, of_batch in fitting(states, size or _batch_size(config), decode):
        yield from of_batch


def _batch_size(config: DecodeConfig) -> BatchSize:
    return BatchSize(config.batch_size, "decode.batch_size")


def _captions(
    captioner: Captioner,
    memory: Memory,
    ids_of: Sequence[Sequence[int]],
    final: Sequence[Sequence[int]],
) -> list[Caption]:
    """Captions of a decoded batch, with their log-probabilities and the final captions'."""
    mean = captioner.logprob(memory, ids_of).tolist()
    ending = list(mean)
    # High layers mostly say what the last one says: that is scored already.
    if other := [k for k, ids in enumerate(ids_of) if list(ids) != list(final[k])]:
        rest = replace(memory, hidden=memory.hidden[other], mask=memory.mask[other])
        scored = captioner.logprob(rest, [final[k] for k in other]).tolist()
        for k, value in zip(other, scored, strict=True):
            ending[k] = value
    return [
        Caption(captioner.text(ids), tuple(ids), own_logprob, final_logprob)
        for ids, own_logprob, final_logprob in zip(ids_of, mean, ending, strict=True)
    ]
