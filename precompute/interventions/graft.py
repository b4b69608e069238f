"""States of one picture put into every other: activation patching as a condition.

patch:5@tom.jpg                   Z^5, at every token, is that of the picture tom.jpg
patch:3-6:heads=0+3@tom.jpg       what heads 0 and 3 of these blocks give is what they give there
patch:5:patches=17+18@tom.jpg     Z^5 of these patches alone
patch:5:attn@tom.jpg              what the block's attention adds; `mlp`: what its MLP adds
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch

from precompute.forward import NO_EDIT, LayerEdit, Put
from precompute.images import ImageItem
from precompute.models import Captioner, VisionTower, squashed
from precompute.patching import Recorded, record
from store.interventions import layers_text

Part = Literal["state", "heads", "patches", "attn", "mlp"]


@dataclass(frozen=True)
class Graft:
    """What is put in place of a picture's own.

    Attributes:
        layers: 1..L, ascending.
        part: of the layers' states all tokens or some `patches`; of their blocks what some
            `heads`, the attention or the MLP give, at every token.
        which: heads or patches, ascending; empty for the other parts.
        image: the id of the picture that gives; one of the run's own.
    """

    layers: tuple[int, ...]
    part: Part
    which: tuple[int, ...]
    image: str

    @property
    def text(self) -> str:
        """Its part of an id."""
        named = f"={layers_text(self.which)}" if self.which else ""
        part = "" if self.part == "state" else f":{self.part}{named}"
        return f"patch:{layers_text(self.layers)}{part}@{self.image}"

    @property
    def spec(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


@torch.no_grad()
def put_in(
    captioner: Captioner, grafts: Iterable[Graft], items: Sequence[ImageItem]
) -> Callable[[Graft, dict[int, LayerEdit]], dict[int, LayerEdit]]:
    """What adds a graft to edits of layers; every picture that gives is run through the tower once.

    Args:
        captioner: the model, in the layout of the pictures that take; those that give are brought
            to it.
        grafts: all that will be asked for.
        items: of the run.

    Raises:
        ValueError: a picture is not of this run, or a patch is not of this tower.
    """
    tower, items_of = captioner.tower, {item.image_id: item for item in items}
    recorded = dict[str, Recorded]()
    for graft in grafts:
        _check(graft, tower, items_of)
        if graft.image not in recorded:
            giving = squashed(captioner, [items_of[graft.image].open()])
            pixels = captioner.pixels(giving)
            recorded[graft.image] = record(tower, pixels)

    def add(graft: Graft, edits: dict[int, LayerEdit]) -> dict[int, LayerEdit]:
        puts = {at: _put(tower, graft, recorded[graft.image], at) for at in graft.layers}
        return edits | {at: replace(edits.get(at, NO_EDIT), put=put) for at, put in puts.items()}

    return add


def _check(graft: Graft, tower: VisionTower, items: dict[str, ImageItem]) -> None:
    n_patches = tower.grid[0] * tower.grid[1]
    if graft.image not in items:
        raise ValueError(
            f"{graft.text} takes states of a picture of the run, by its image_id; there is no "
            f"{graft.image!r}. The Images page has the ids; a condition for one data set alone "
            "needs a configuration of its own."
        )
    if graft.part == "patches" and graft.which[-1] >= n_patches:
        raise ValueError(
            f"patches must be in 0..{n_patches - 1} for this tower; got {graft.which[-1]}."
        )


def _put(tower: VisionTower, graft: Graft, other: Recorded, layer: int) -> Put:
    """A graft at one layer, with the same shares for every picture of a batch."""
    heads, tokens = torch.zeros(1, tower.n_heads), torch.zeros(1, tower.n_tokens)
    if graft.part == "heads":
        heads[:, list(graft.which)] = 1
    elif graft.part == "patches":
        tower.patches(tokens)[:, list(graft.which)] = 1  # a view
    elif graft.part == "state":
        tokens[:] = 1
    device = other.states[0].device
    whole = {part: torch.full((1,), float(graft.part == part)) for part in ("attn", "mlp")}
    return Put(
        other.z[layer - 1],
        heads.to(device),
        other.attn_out[layer - 1],
        whole["attn"].to(device),
        other.mlp_out[layer - 1],
        whole["mlp"].to(device),
        other.states[layer],
        tokens.to(device),
    )
