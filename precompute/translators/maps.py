"""A translator of one layer: T(z) = z + (z P) C + b, token by token."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.translators.sums import groups_of


@dataclass(frozen=True)
class Map:
    """What is added to a token's state. All in float32.

    Attributes:
        matrix: C, one for all tokens.
        offset: b, of CLS and of the patches, or of the patches alone.
        shift: what T adds on average; the bias alone is z + shift.
        basis: P, the directions that C reads; None where it reads the state itself.
    """

    matrix: Float[Tensor, "feature width"]
    offset: Float[Tensor, "group width"]
    shift: Float[Tensor, "group width"]
    basis: Float[Tensor, "width feature"] | None = None

    @property
    def bias(self) -> "Map":
        """The mean shift alone."""
        return Map(torch.zeros_like(self.matrix), self.shift, self.shift, self.basis)

    def to(self, like: Tensor) -> "Map":
        """The map on the device of a state."""
        moved = (
            None if t is None else t.to(like.device)
            for t in (self.matrix, self.offset, self.shift, self.basis)
        )
        return Map(*moved)  # type: ignore[arg-type]


def translate(
    map_: Map, state: Float[Tensor, "batch token width"]
) -> Float[Tensor, "batch token width"]:
    """T(z) of every token, computed in float32, in the dtype of the state."""
    z = state.float()
    features = z if map_.basis is None else z @ map_.basis
    added = features @ map_.matrix
    groups = groups_of(len(map_.offset) == 2)
    offsets = torch.empty_like(z[0])
    for group, offset in zip(groups, map_.offset, strict=True):
        offsets[group] = offset
    return (z + added + offsets).to(state.dtype)
