"""How far the decoder's words on a reading are from its words on Z^L: KL, teacher-forced.

Over the model's own final caption, never the references: what a reader recovers of what the model
says in the end, whether that is true or not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from precompute.forward import BatchSize, fitting
from precompute.models import Captioner

Words = Sequence[Float[Tensor, "_ vocabulary"]]
"""Of every image, log-probabilities of all words at each token of its final caption, on Z^L."""
Place = TypeVar("Place")


def words_of(
    captioner: Captioner,
    state: Float[Tensor, "batch token width"],
    captions: Sequence[Sequence[int]],
    prompt: str,
) -> Words:
    """What the decoder says at every token of the final captions, on Z^L."""
    logits, _, kept = captioner.forced(captioner.read(state, prompt), captions)
    logprob = logits.float().log_softmax(-1)
    return [row[: int(n)] for row, n in zip(logprob, kept.sum(1), strict=True)]


def divergence(
    captioner: Captioner,
    states: Float[Tensor, "batch token width"],
    captions: Sequence[Sequence[int]],
    words: Words,
    prompt: str,
) -> Float[Tensor, " batch"]:
    """KL(p of Z^L || p of a state), mean over the tokens of the image's own final caption.

    In nats a token, over all words of the vocabulary, from 0 on; 0 where the decoder says the same
    of both.

    Args:
        captioner: the model; gradients flow through it where they are wanted.
        states: what is handed to the decoder, one a row.
        captions: the final caption of each row's image.
        words: of each row's image, from `words_of`.
        prompt: the instruction.
    """
    logits, _, kept = captioner.forced(captioner.read(states, prompt), captions)
    here = logits.float().log_softmax(-1)
    last = pad_sequence(list(words), batch_first=True).to(here)
    each = (last.exp() * (last - here)).sum(-1) * kept
    total: Tensor = each.sum(1) / kept.sum(1)
    return total


@torch.inference_mode()
def divergences(
    captioner: Captioner,
    states: Iterable[tuple[Place, str, Tensor]],
    final: Mapping[str, Sequence[int]],
    words: Mapping[str, Float[Tensor, "_ vocabulary"]],
    prompt: str,
    size: BatchSize,
) -> Iterator[tuple[Place, str, float]]:
    """The divergence of states that come one after the other, in full batches.

    Args:
        captioner: the model.
        states: a place of any kind, an image, and its state.
        final: image -> its final caption.
        words: image -> what the decoder says of it on Z^L.
        prompt: the instruction.
        size: how many states a batch holds; halved where memory runs out.

    Yields:
        Place, image, divergence.
    """

    def work(batch: list[tuple[Place, str, Tensor]]) -> list[float]:
        images = [image for _, image, _ in batch]
        stacked = torch.stack([state for _, _, state in batch])
        values: list[float] = divergence(
            captioner, stacked, [final[i] for i in images], [words[i] for i in images], prompt
        ).tolist()
        return values

    for batch, values in fitting(states, size, work):
        for (place, image, _), value in zip(batch, values, strict=True):
            yield place, image, value
