"""What readers make of the states of a batch, layer by layer, and how far they are from Z^L."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.models import VisionTower
from precompute.translators.fit import JACOBIAN, PERMUTED, TUNED, UNTRAINED
from precompute.translators.maps import translate
from precompute.translators.storage import Translators
from precompute.translators.sums import groups_of

BIAS, OTHERS = "bias", "others"

States = Sequence[Float[Tensor, "batch token width"]]

MEASURED = (TUNED, BIAS, UNTRAINED, JACOBIAN)
"""Readers that mean to give an image's own Z^L: how far from it they end is a number of theirs."""


@dataclass(frozen=True)
class Seen:
    """The states of a batch of images, Z^0..Z^L each.

    Attributes:
        plain: in the tower as it is.
        others: of the images that stand in for them; None if no reader wants them.
        permuted: in the tower of permuted weights; likewise.
    """

    plain: States
    others: States | None = None
    permuted: States | None = None


def copies_last(reader: str) -> bool:
    """Whether a reader gives Z^L itself at the last layer, whose caption is known."""
    return reader in (TUNED, BIAS, JACOBIAN)


def kind_of(reader: str) -> str:
    """The kind of translators that a reader uses."""
    return {BIAS: TUNED, OTHERS: TUNED}.get(reader, reader)


def reading(
    reader: str, layer: int, seen: Seen, fitted: Mapping[str, Translators]
) -> Float[Tensor, "batch token width"]:
    """What a reader hands to the decoder in place of Z^l.

    Args:
        reader: which.
        layer: 0..L.
        seen: the states of a batch.
        fitted: the translators of every kind, on the device of the states.
    """
    states = {OTHERS: seen.others, PERMUTED: seen.permuted, UNTRAINED: seen.permuted}.get(
        reader, seen.plain
    )
    assert states is not None  # made for the readers that want them
    maps = fitted[kind_of(reader)].maps
    if layer == len(maps):
        return states[layer]
    return translate(maps[layer].bias if reader == BIAS else maps[layer], states[layer])


def state_error(
    state: Float[Tensor, "batch token width"],
    final: Float[Tensor, "batch token width"],
    mean: Float[Tensor, "group width"],
) -> Float[Tensor, " batch"]:
    """What of an image's Z^L is left unexplained: 0 is all of it read, 1 as far off as the mean.

    sum over tokens of |T(z) - Z^L|^2 over that of |Zbar^L - Z^L|^2, Zbar^L the mean by group of
    tokens over the images that the translators were fitted on.
    """
    last = final.float()
    apart = torch.empty_like(last)
    for group, of_group in zip(groups_of(len(mean) == 2), mean, strict=True):
        apart[:, group] = last[:, group] - of_group
    left = (state.float() - last).square().sum((1, 2))
    return left / apart.square().sum((1, 2))


def on_device(fitted: Mapping[str, Translators], tower: VisionTower) -> dict[str, Translators]:
    """The translators on the device of a tower."""
    like = tower.blocks[0].proj.weight
    return {
        kind: Translators(
            tuple(one.to(like) for one in value.maps),
            value.final_mean.to(like.device),
            value.identity,
        )
        for kind, value in fitted.items()
    }
