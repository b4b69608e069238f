"""Refine fitted maps by what the decoder says: KL on the model's own final caption.

References are never seen. A bounded number of steps of Adam on the images that fit, through the
frozen decoder; of each layer the step is kept that is best on the images that choose, the ridge's
own map being the first.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from precompute.config import DecodeConfig
from precompute.images import ImageItem, readable
from precompute.models import Captioner
from precompute.runner import Advance
from precompute.translators.divergence import Words, divergence, words_of
from precompute.translators.maps import Map, translate
from precompute.translators.passes import Towers, all_states

BATCH = 8
"""Images a step; their gradients through the decoder are in memory together."""
_RATE = 0.02
"""Of Adam, times the spread of what it moves: a map's numbers differ by layers and models."""
_LOOKS = 5
"""How often on the way, and at the end, the images that choose are asked."""


@dataclass(frozen=True)
class Refined:
    """Maps after refining.

    Attributes:
        maps: of every layer, the best on the images that choose.
        steps: after how many steps each was.
        before: held-out KL of the ridge's maps, by layer, nats a token.
        after: of these.
    """

    maps: list[Map]
    steps: tuple[int, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]


@dataclass(frozen=True)
class _Batch:
    """States of some images, and what the decoder says of their Z^L."""

    states: Sequence[Tensor]
    captions: list[list[int]]
    words: Words


def refine(
    towers: Towers,
    maps: Sequence[Map],
    fit: Sequence[ImageItem],
    choose: Sequence[ImageItem],
    steps: int,
    decode: DecodeConfig,
    seed: int,
    advance: Advance,
) -> Refined:
    """Move every layer's map to where the decoder says what it says of Z^L.

    Args:
        towers: from whose states into whose Z^L the maps lead.
        maps: of layers 0, 1, ...
        fit: images that are learnt from.
        choose: images that choose the step; they are never learnt from.
        steps: how many, a batch of images each.
        decode: prompt, and how the final captions are generated.
        seed: of the order of images.
        advance: called with the number of images done, after every step.
    """
    moving = [_trainable(map_) for map_ in maps]
    optimiser = torch.optim.Adam(
        [
            {"params": [tensor], "lr": _RATE * float(tensor.detach().std()) or _RATE}
            for map_ in moving
            for tensor in (map_.matrix, map_.offset)
        ]
    )
    best = [_frozen(map_) for map_ in moving]
    before = _held_out(towers, best, choose, decode)
    after, kept = list(before), [0] * len(maps)
    order = _order(fit, seed)
    looks = {max(1, round(steps * (k + 1) / _LOOKS)) for k in range(_LOOKS)}
    for step in range(1, steps + 1):
        items = [next(order) for _ in range(min(BATCH, len(fit)))]
        if batch := _batch(towers, items, decode):
            optimiser.zero_grad()
            for layer, map_ in enumerate(moving):  # one layer's graph at a time
                with torch.enable_grad():
                    loss = _loss(towers.captioner, map_, batch, layer, decode.prompt).mean()
                    torch.autograd.backward([loss])
            optimiser.step()
        advance(len(items))
        if step in looks:
            here = [_frozen(map_) for map_ in moving]
            for layer, value in enumerate(_held_out(towers, here, choose, decode)):
                if value < after[layer]:
                    best[layer], after[layer], kept[layer] = here[layer], value, step
    return Refined(best, tuple(kept), tuple(before), tuple(after))


def _loss(captioner: Captioner, map_: Map, batch: _Batch, layer: int, prompt: str) -> Tensor:
    state = translate(map_, batch.states[layer])
    return divergence(captioner, state, batch.captions, batch.words, prompt)


def _held_out(
    towers: Towers, maps: Sequence[Map], items: Sequence[ImageItem], decode: DecodeConfig
) -> list[float]:
    """Mean KL of every layer over the images that choose."""
    sums, n = [0.0] * len(maps), 0
    for start in range(0, len(items), BATCH):
        batch = _batch(towers, items[start : start + BATCH], decode)
        if batch is None:
            continue
        n += len(batch.captions)
        with torch.no_grad():
            for layer, map_ in enumerate(maps):
                values = _loss(towers.captioner, map_, batch, layer, decode.prompt)
                sums[layer] += float(values.sum())
    return [total / max(1, n) for total in sums]


@torch.no_grad()
def _batch(towers: Towers, items: Sequence[ImageItem], decode: DecodeConfig) -> _Batch | None:
    """The images that open as a batch; None if none does."""
    pictures = [picture for _, picture in readable(items)]
    if not pictures:
        return None
    captioner = towers.captioner
    pixels = captioner.pixels(pictures)
    states = all_states(towers.source, pixels)
    same = towers.source is towers.target
    last = states[-1] if same else all_states(towers.target, pixels)[-1]
    captions = captioner.generate(captioner.read(last, decode.prompt), decode.generation)
    return _Batch(states, captions, words_of(captioner, last, captions, decode.prompt))


def _order(items: Sequence[ImageItem], seed: int) -> Iterator[ImageItem]:
    chance = random.Random(seed)
    while True:
        yield from chance.sample(list(items), len(items))


def _trainable(map_: Map) -> Map:
    return replace(
        map_,
        matrix=map_.matrix.clone().requires_grad_(),
        offset=map_.offset.clone().requires_grad_(),
    )


def _frozen(map_: Map) -> Map:
    return replace(map_, matrix=map_.matrix.detach().clone(), offset=map_.offset.detach().clone())
