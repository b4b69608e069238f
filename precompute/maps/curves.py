"""Deletion and insertion: what becomes of a caption while patches go, or come, in a map's order."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from torch import Tensor

from precompute.config import FaithfulnessConfig, Fill
from precompute.forward import BatchSize, fitting, run_states
from precompute.maps import deletion
from precompute.models import Captioner, as_read

Way = Literal["deletion", "insertion"]
WAYS: tuple[Way, ...] = ("deletion", "insertion")
LEAST_SPAN = 0.05
"""Nats a token that a caption must lose with all patches, or areas would be a ratio of noise."""

Order = NDArray[np.int64]


class _Edit(NamedTuple):
    """A picture with some patches taken away."""

    image: int
    fill: Fill
    gone: Sequence[int]


class Curve(NamedTuple):
    """Of one picture: which order, which fill, and which way."""

    image: int
    order: int
    fill: Fill
    way: Way


def order_of(values: Float[Tensor, " patch"]) -> Order:
    """Patches from the largest value down; of equal ones the first goes first."""
    return np.argsort(-values.double().numpy(), kind="stable")


def random_orders(n: int, count: int, seed: int, image_id: str) -> list[Order]:
    """Random orders of n patches, the same for a picture in whatever batch it is."""
    drawn = random.Random(f"{seed}:{image_id}")
    return [np.array(drawn.sample(range(n), n)) for _ in range(count)]


def areas(
    captioner: Captioner,
    pixels: Float[Tensor, "image 3 y x"],
    captions: Sequence[Sequence[int]],
    orders: Sequence[Sequence[Order]],
    config: FaithfulnessConfig,
    prompt: str,
    size: BatchSize,
) -> dict[Curve, float]:
    """The area under every curve of some pictures.

    A curve is the mean log-probability a token of the picture's own final caption, as a share of
    the way from the picture with no patch (0) to the whole picture (1), over the share of patches
    that is gone (deletion) or there (insertion), from 0 to 1 in steps, by trapezoids. Where the
    caption loses less than `LEAST_SPAN` with all patches, there is none.

    Args:
        captioner: the model.
        pixels: of the pictures.
        captions: token ids of their final captions.
        orders: of every picture, patches from the first that goes, or comes, to the last.
        config: steps and fills.
        prompt: of the model.
        size: edited pictures that go through the model together.
    """
    n, steps = captioner.tower.grid[0] * captioner.tower.grid[1], config.steps
    counts = [round(n * step / steps) for step in range(steps + 1)]
    edits = _edits(len(pixels), config.fills, orders, counts)
    said = _said(captioner, pixels, captions, list(edits.values()), prompt, size)
    found = dict(zip(edits, said, strict=True))
    made = {}
    for image in range(len(pixels)):
        for fill in config.fills:
            whole, none = found[image, fill, "whole"], found[image, fill, "none"]
            if whole - none < LEAST_SPAN:
                continue
            for order in range(len(orders[image])):
                for way in WAYS:
                    inner = [found[image, fill, order, way, step] for step in range(1, steps)]
                    ends = (whole, none) if way == "deletion" else (none, whole)
                    values = (np.array([ends[0], *inner, ends[1]]) - none) / (whole - none)
                    area = trapezoid(values, np.array(counts) / n)
                    made[Curve(image, order, fill, way)] = float(area)
    return made


def _edits(
    n_images: int,
    fills: Sequence[Fill],
    orders: Sequence[Sequence[Order]],
    counts: Sequence[int],
) -> dict[tuple[object, ...], _Edit]:
    """Every edited picture that the curves are made of, each once, by what it is for."""
    edits: dict[tuple[object, ...], _Edit] = {}
    for image in range(n_images):
        for fill in fills:
            edits[image, fill, "whole"] = _Edit(image, fill, ())
            edits[image, fill, "none"] = _Edit(image, fill, range(counts[-1]))
            for k, order in enumerate(orders[image]):
                for step, count in enumerate(counts[1:-1], 1):
                    edits[image, fill, k, "deletion", step] = _Edit(
                        image, fill, order[:count].tolist()
                    )
                    edits[image, fill, k, "insertion", step] = _Edit(
                        image, fill, order[count:].tolist()
                    )
    return edits


@torch.no_grad()
def _said(
    captioner: Captioner,
    pixels: Float[Tensor, "image 3 y x"],
    captions: Sequence[Sequence[int]],
    edits: Sequence[_Edit],
    prompt: str,
    size: BatchSize,
) -> Iterator[float]:
    """The log-probability of its picture's final caption on every edited picture."""
    tower, n = captioner.tower, captioner.tower.grid[0] * captioner.tower.grid[1]
    fills: Mapping[str, Tensor] = {
        name: deletion.filled(pixels, tower, name) for name in {edit.fill for edit in edits}
    }

    def say(some: list[_Edit]) -> list[float]:
        images = [edit.image for edit in some]
        gone = torch.stack([deletion.mask_of(edit.gone, n) for edit in some]).to(pixels.device)
        stands = torch.stack([fills[edit.fill][edit.image] for edit in some])
        states = [tower.embed(deletion.without(pixels[images], stands, gone, tower))]
        states += run_states(tower, states[0])
        memory = captioner.read(as_read(captioner, tower.n_layers, states), prompt)
        values: list[float] = captioner.logprob(memory, [captions[i] for i in images]).tolist()
        return values

    return (value for _, values in fitting(edits, size, say) for value in values)
