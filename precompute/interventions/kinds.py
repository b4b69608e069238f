"""The kinds of edits: how an id names each, and what it does to a block of the tower.

A new kind is an entry of `KINDS` here, its words in `store.interventions`, and its test.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from precompute.forward import LayerEdit, constant
from precompute.models import VisionTower

Scale = tuple[float, ...]


@dataclass(frozen=True)
class Site:
    """Where an edit is applied, and what with.

    Attributes:
        tower: the tower.
        layer: 1..L.
        scale: the factor of every head, of kinds that weigh heads.
        mean: Zbar, [token, width], or of every image its own, [batch, token, width], where the
            layer has an edit that takes one.
    """

    tower: VisionTower
    layer: int
    scale: Scale | None
    mean: Tensor | None


@dataclass(frozen=True)
class Kind:
    """One kind of edit.

    Attributes:
        examples: ids of it, for messages.
        apply: adds it to what the other edits make of the layer; those that take a mean come last.
        takes_mean: whether a condition with it names a mean.
        alone: whether nothing else can be edited on its layers.
        scales: of kinds that weigh heads: from what follows the layers in an id, and H, to the
            scale of each condition that this stands for. Raises ValueError.
    """

    examples: tuple[str, ...]
    apply: Callable[[LayerEdit, Site], LayerEdit]
    takes_mean: bool = False
    alone: bool = False
    scales: Callable[[str, int], Iterator[Scale]] | None = None


def _average(edit: LayerEdit, site: Site) -> LayerEdit:
    assert site.mean is not None
    there = constant(site.tower, site.layer, site.mean, edit.head_scale)
    return replace(edit, constant=there)


def _confuse(edit: LayerEdit, site: Site) -> LayerEdit:
    return replace(edit, carried=site.mean)


def _skip(edit: LayerEdit, site: Site) -> LayerEdit:
    return replace(edit, skip=True)


def _weigh_heads(edit: LayerEdit, site: Site) -> LayerEdit:
    return replace(edit, head_scale=torch.tensor(site.scale))


def _kept_or_removed(text: str, n_heads: int) -> Iterator[Scale]:
    match = re.fullmatch(r"(only|without)-([\d+]+|\*)", text)
    if match is None:
        raise ValueError(f"heads must read like only-3, without-3+5 or without-*; got {text!r}.")
    word, named = match.groups()
    sets = (
        [[head] for head in range(n_heads)]
        if named == "*"
        else [[int(head) for head in named.split("+") if head]]
    )
    for heads in sets:
        if not heads or max(heads) >= n_heads:
            raise ValueError(f"heads must be in 0..{n_heads - 1} for this tower; got {named!r}.")
        inside = float(word == "only")
        yield tuple(inside if head in heads else 1 - inside for head in range(n_heads))


KINDS: dict[str, Kind] = {
    "mean": Kind(("mean:5",), _average, takes_mean=True),
    "confuse": Kind(("confuse:12-21",), _confuse, takes_mean=True),
    "skip": Kind(("skip:3+7",), _skip, alone=True),
    "heads": Kind(
        ("heads:27-only-3", "heads:27-without-3+5"), _weigh_heads, scales=_kept_or_removed
    ),
}
"""The kinds of edits, in the order that an id has them on equal layers (docs/method.md)."""


def taking_mean() -> list[str]:
    """The kinds that take a mean."""
    return [name for name, kind in KINDS.items() if kind.takes_mean]
