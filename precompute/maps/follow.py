"""Words of captions followed through the model: by gradients, and by taking patches away."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from scipy.stats import spearmanr
from torch import Tensor

from precompute.config import Config
from precompute.forward import BatchSize, fitting, run_states
from precompute.maps import deletion
from precompute.maps.gradients import Asked, Carried, carried
from precompute.maps.words import Spoken
from precompute.models import Captioner, HasTaps, as_read, logprobs_of


@dataclass(frozen=True)
class Said:
    """A caption of one image, read from Z^layer, and its content words."""

    image_id: str
    layer: int
    ids: Sequence[int]
    words: Sequence[Spoken]


@dataclass(frozen=True)
class Followed:
    """One word of a caption.

    Attributes:
        maps: gradient times state, in the chosen layers.
        heads: gradient in the scale of every head.
        logprob: of the word, in nats.
        deletion: what the word loses where the group of each patch is taken away, if that was done.
    """

    maps: Float[Tensor, "at token"]
    heads: Float[Tensor, "layer head"]
    logprob: float
    deletion: Float[Tensor, " patch"] | None = None


def followed(
    captioner: Captioner,
    pixels: Float[Tensor, "image 3 y x"],
    captions: Sequence[Said],
    at: Sequence[int],
    prompt: str,
    size: BatchSize,
) -> list[list[Followed]]:
    """The words of a batch of captions of one layer, by image.

    Args:
        captioner: the model.
        pixels: of the batch.
        captions: one an image, all read from the same layer.
        at: layers 0..L in whose states gradients are taken.
        prompt: of the model.
        size: words that go through the model together.
    """
    asked = [
        Asked(k, caption.ids, word.tokens)
        for k, caption in enumerate(captions)
        for word in caption.words
    ]
    with torch.no_grad():
        embedded = captioner.tower.embed(pixels)

    def follow(some: list[Asked]) -> Carried:
        return carried(captioner, embedded, some, at, captions[0].layer, prompt)

    found: list[list[Followed]] = [[] for _ in captions]
    for some, got in fitting(asked, size, follow):
        rows = zip(some, got.maps.cpu(), got.heads.cpu(), got.logprob.tolist(), strict=True)
        for row, maps, heads, logprob in rows:
            found[row.image].append(Followed(maps, heads, logprob))
    return found


@torch.no_grad()
def deleted(
    captioner: Captioner,
    pixels: Float[Tensor, "3 y x"],
    caption: Said,
    groups: Sequence[Sequence[int]],
    prompt: str,
    size: BatchSize,
) -> Float[Tensor, "word group"]:
    """What a caption's words lose where a group of patches is taken away, in nats.

    The group's mean colour is the picture's. Above 0 the word was more probable with the group.

    Args:
        captioner: the model.
        pixels: of one picture.
        caption: its own.
        groups: the patches of every group.
        prompt: of the model.
        size: pictures that go through the model together.
    """
    tower, n = captioner.tower, captioner.tower.grid[0] * captioner.tower.grid[1]
    fill = deletion.filled(pixels[None], tower, "mean")

    def said(some: list[Sequence[int]]) -> list[list[float]]:
        gone = torch.stack([deletion.mask_of(patches, n) for patches in some]).to(pixels.device)
        edited = deletion.without(pixels.expand(len(some), -1, -1, -1), fill, gone, tower)
        states = [tower.embed(edited)]
        blocks = run_states(tower, states[0])
        taps = isinstance(captioner, HasTaps)  # which may keep what lies above
        states += blocks if taps else [next(blocks) for _ in range(caption.layer)]
        memory = captioner.read(as_read(captioner, caption.layer, states), prompt)
        values = logprobs_of(*captioner.forced(memory, [caption.ids] * len(some)))
        return [[float(row[slice(*word.tokens)].sum()) for word in caption.words] for row in values]

    rows = [row for _, of_batch in fitting([(), *groups], size, said) for row in of_batch]
    values = torch.tensor(rows)
    return (values[:1] - values[1:]).T


def checked(
    captioner: Captioner,
    pixels: Float[Tensor, "3 y x"],
    caption: Said,
    found: Sequence[Followed],
    config: Config,
) -> list[Followed]:
    """The same words, with what deletion does to each, spread over each group's patches."""
    wanted, grid = config.word_maps, captioner.tower.grid
    assert wanted is not None
    if not found:
        return []
    groups = deletion.groups(grid, wanted.groups)
    size = BatchSize(wanted.batch_size, "word_maps.batch_size")
    drops = deleted(captioner, pixels, caption, groups, config.decode.prompt, size)
    made = []
    for one, of_word in zip(found, drops, strict=True):
        patches = torch.zeros(grid[0] * grid[1])
        for group, drop in zip(groups, of_word.tolist(), strict=True):
            patches[group] = drop
        made.append(replace(one, deletion=patches))
    return made


def rank_of(values: Tensor, drops: Tensor, grid: tuple[int, int], a_side: int) -> float | None:
    """Spearman's correlation, over groups of patches, of a map's sums with what deletion does.

    None where either is the same in all groups.
    """
    groups = deletion.groups(grid, a_side)
    sums = [float(values[group].sum()) for group in groups]
    lost = [float(drops[group[0]]) for group in groups]
    if len(set(sums)) == 1 or len(set(lost)) == 1:
        return None
    return float(spearmanr(sums, lost).statistic)
