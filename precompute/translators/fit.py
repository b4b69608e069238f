"""Fit the translators of a tower: the ridge of every layer, or the derivative of the tower."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from PIL import Image
from torch import Tensor

from precompute.config import TranslatorsConfig
from precompute.forward import BatchSize, fitting
from precompute.images import ImageItem, readable
from precompute.models import Captioner, with_permuted_tower
from precompute.runner import Advance
from precompute.translators.directions import Sketch
from precompute.translators.lens import signs, sum_of_jacobians
from precompute.translators.maps import Map
from precompute.translators.memory import (
    features_of,
    free_memory,
    require_lens,
    require_memory,
)
from precompute.translators.passes import Towers, pass_over
from precompute.translators.ridge import Fitted, fit_map
from precompute.translators.sums import Sums, empty, groups_of

TUNED, PERMUTED, UNTRAINED, JACOBIAN = "tuned", "permuted", "untrained", "jacobian"
KINDS = (TUNED, PERMUTED, UNTRAINED, JACOBIAN)
"""Of translators: the tower's own, the control within a permuted tower, the control from that
tower's states into the basis of the tower as it is, and the lens."""


@dataclass(frozen=True)
class Images:
    """The images of a fit, and how many go through the tower together."""

    fit: Sequence[ImageItem]
    choose: Sequence[ImageItem]
    batch_size: int


def towers_of(kind: str, captioner: Captioner, seed: int) -> Towers:
    """From which tower's states into which tower's Z^L a kind of translators leads."""
    plain = captioner.tower
    if kind in (TUNED, JACOBIAN):
        return Towers(captioner, plain, plain)
    permuted = with_permuted_tower(captioner, seed).tower
    return Towers(captioner, permuted, plain if kind == UNTRAINED else permuted)


def fit_layers(
    towers: Towers, images: Images, config: TranslatorsConfig, advance: Advance
) -> tuple[list[Fitted], Tensor]:
    """The ridge of every layer: one pass over the images, and one more before it for a low rank.

    Returns:
        The maps of `towers.layers`; the mean of Z^L by group of tokens over the images that fit.

    Raises:
        ValueError: the sums do not fit into memory; names the rank that does.
    """
    source = towers.source
    width, groups = source.width, groups_of(source.class_token)
    features = features_of(config.rank, width)
    device = source.blocks[0].proj.weight.device
    require_memory(config.rank, width, source.n_layers, free_memory(device))
    bases: list[Tensor | None] = [None] * len(towers.layers)
    if features < width:
        bases = list(_directions(towers, images, features, config.seed))

    def summed(items: Sequence[ImageItem]) -> tuple[list[Sums], Tensor]:
        sums = [empty(len(groups), features, width, device) for _ in towers.layers]
        final = torch.zeros(len(groups), width, dtype=torch.float64, device=device)

        def see(states: list[Tensor], last: Tensor) -> None:
            for layer in towers.layers:
                x, basis = states[layer].double(), bases[layer]
                sums[layer].add(x if basis is None else x @ basis, last.double() - x, groups)
            for g, group in enumerate(groups):
                final[g] += last[:, group].double().sum((0, 1))

        pass_over(towers, items, images.batch_size, see, advance)
        return sums, final / sums[0].n[:, None]

    fit, final_mean = summed(images.fit)
    choose, _ = summed(images.choose)
    # The sums of a layer are let go once it is solved.
    fitted = [fit_map(fit.pop(0), choose.pop(0), config.penalties, basis) for basis in bases]
    return fitted, final_mean


def _directions(towers: Towers, images: Images, rank: int, seed: int) -> list[Tensor]:
    """The leading directions of every layer's states, of the images that fit."""
    source = towers.source
    groups, device = groups_of(source.class_token), source.blocks[0].proj.weight.device
    sketches = [Sketch(len(groups), source.width, rank, seed, device) for _ in towers.layers]

    def see(states: list[Tensor], _: Tensor) -> None:
        for layer, sketch in enumerate(sketches):
            sketch.add(states[layer], groups)

    pass_over(towers, images.fit, images.batch_size, see, lambda _: None)
    return [sketch.directions() for sketch in sketches]


def lens_layers(
    towers: Towers, images: Images, config: TranslatorsConfig, advance: Advance
) -> tuple[list[Map], Tensor]:
    """The Jacobian lens: zbar^L + J_l (z - zbar^l), means by group over the images that fit.

    Returns:
        The maps of layers 0..L-1; the mean of Z^L by group of tokens.

    Raises:
        ValueError: the derivatives do not fit into memory.
    """
    tower = towers.source
    groups, device = groups_of(tower.class_token), tower.blocks[0].proj.weight.device
    require_lens(tower.width, tower.n_layers, free_memory(device))
    n = torch.zeros(len(groups), dtype=torch.float64, device=device)
    sums = torch.zeros(
        tower.n_layers + 1, len(groups), tower.width, dtype=torch.float64, device=device
    )

    def see(states: list[Tensor], _: Tensor) -> None:
        for g, group in enumerate(groups):
            n[g] += states[0][:, group].shape[0] * states[0][:, group].shape[1]
            for layer, state in enumerate(states):
                sums[layer, g] += state[:, group].double().sum((0, 1))

    pass_over(towers, images.fit, images.batch_size, see, advance)
    means = (sums / n[:, None]).float()
    total = torch.zeros(tower.n_layers, tower.width, tower.width, device=device)
    probes, seen = signs(config.seed), 0

    def derive(batch: list[tuple[ImageItem, Image.Image]]) -> Tensor:
        pixels = towers.captioner.pixels([picture for _, picture in batch])
        return sum_of_jacobians(tower, pixels, probes)

    size = BatchSize(min(images.batch_size, config.jacobian_images), "capture.batch_size")
    pictures = islice(readable(images.fit), config.jacobian_images)
    for batch, of_batch in fitting(pictures, size, derive):
        total += of_batch
        seen += len(batch)
        advance(len(batch))
    jacobians = total / (seen * tower.n_tokens)
    unit = torch.eye(tower.width, device=device)
    maps = []
    for layer, jacobian in enumerate(jacobians):
        matrix = jacobian.T - unit
        shift = means[-1] - means[layer]
        maps.append(Map(matrix, shift - means[layer] @ matrix, shift))
    return maps, means[-1]
