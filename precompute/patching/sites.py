"""Where is patched: a place in the tower, and what of it is the other picture's."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from precompute.models import VisionTower

State = Literal["patch", "cls", "changed", "rest"]
Part = Literal["head", "attention", "mlp"]

NOWHERE = -1
"""The position of a site that is no single head or patch."""


@dataclass(frozen=True, order=True)
class Site:
    """One thing that is put from one picture into the other.

    Attributes:
        layer: of a state Z^l 0..L, of a block's part 1..L.
        kind: of a state `patch` (one patch), `cls`, `changed` (all patches whose pixels differ
            between the pictures) or `rest` (all other patches); of a block `head` (what one head
            gives, at every token), `attention` or `mlp` (what it adds, at every token).
        position: the head or the patch, from 0; `NOWHERE` of the others.
    """

    layer: int
    kind: State | Part
    position: int = NOWHERE

    @property
    def of_state(self) -> bool:
        """Whether a state is patched, and no part of a block."""
        return self.kind in ("patch", "cls", "changed", "rest")


def whole_sites(tower: VisionTower, changed: Bool[Tensor, " patch"]) -> Iterator[Site]:
    """The sites that are few, and always measured exactly; a group without a patch is none."""
    groups = [("changed", bool(changed.any())), ("rest", not bool(changed.all()))]
    for layer in range(tower.n_layers + 1):
        for kind in [*(["cls"] if tower.class_token else []), *(k for k, any_ in groups if any_)]:
            yield Site(layer, kind)  # type: ignore[arg-type]
        if layer:
            yield from (Site(layer, "attention"), Site(layer, "mlp"))


def token_share(
    tower: VisionTower, site: Site, changed: Bool[Tensor, " patch"]
) -> Float[Tensor, " token"]:
    """Of every token, 1 where a site of a state takes the other picture's, else 0."""
    share = torch.zeros(tower.n_tokens)
    patches = tower.patches(share)  # a view
    if site.kind == "cls":
        share[0] = 1
    elif site.kind == "patch":
        patches[site.position] = 1
    else:
        patches[changed if site.kind == "changed" else ~changed] = 1
    return share


def choose(
    gradient: Mapping[Site, float], kind: Part | State, top: int, at_random: int, seed: str
) -> dict[Site, str]:
    """Which single sites of a kind are measured exactly: `top` or `random` of each.

    Args:
        gradient: of every site.
        kind: `head` or `patch`.
        top: so many by the size of the gradient.
        at_random: so many of the others.
        seed: of the draw; a text.
    """
    sites = sorted(site for site in gradient if site.kind == kind)
    largest = sorted(sites, key=lambda site: -abs(gradient[site]))[:top]
    others: Sequence[Site] = [site for site in sites if site not in set(largest)]
    drawn = random.Random(seed).sample(others, min(at_random, len(others)))
    return {**dict.fromkeys(largest, "top"), **dict.fromkeys(drawn, "random")}
