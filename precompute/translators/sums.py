"""Sums over tokens from which a layer's map is computed: nothing here grows with the images.

A token has features u (its state, or the state along some directions) and a target t = y - x, what
Z^L has more than Z^l. Kept are, in float64 on the tower's device: sum u u^T, sum u t^T, sum t.t,
and by group of tokens how many there are, sum u and sum t.

Tokens fall into groups with means of their own, CLS and the patches. CLS's state lies far from the
patches', so that it needs an offset of its own; a map of its own would be fitted to one vector an
image, fewer than a state has numbers, where the patches give N.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

Group = slice


def groups_of(class_token: bool) -> tuple[Group, ...]:
    """The groups of tokens: CLS, if there is one, then the patches."""
    return (slice(0, 1), slice(1, None)) if class_token else (slice(0, None),)


@dataclass(frozen=True)
class Sums:
    """Sums over the tokens of some images at one layer; added to in place.

    Attributes:
        n: tokens of each group.
        u: sum of features by group.
        t: sum of targets by group.
        uu: sum of u u^T over all tokens.
        ut: sum of u t^T.
        tt: sum of t.t.
    """

    n: Float[Tensor, " group"]
    u: Float[Tensor, "group feature"]
    t: Float[Tensor, "group width"]
    uu: Float[Tensor, "feature feature"]
    ut: Float[Tensor, "feature width"]
    tt: Float[Tensor, ""]

    def add(
        self,
        features: Float[Tensor, "batch token feature"],
        targets: Float[Tensor, "batch token width"],
        groups: Sequence[Group],
    ) -> None:
        """Add the tokens of a batch of images."""
        u, t = features.double(), targets.double()
        for g, group in enumerate(groups):
            self.n[g] += u[:, group].shape[0] * u[:, group].shape[1]
            self.u[g] += u[:, group].sum((0, 1))
            self.t[g] += t[:, group].sum((0, 1))
        u, t = u.flatten(0, 1), t.flatten(0, 1)
        self.uu.addmm_(u.T, u)
        self.ut.addmm_(u.T, t)
        self.tt.add_((t * t).sum())


def empty(n_groups: int, features: int, width: int, device: torch.device | str) -> Sums:
    """Sums of no token."""

    def zeros(*shape: int) -> Tensor:
        return torch.zeros(shape, dtype=torch.float64, device=device)

    return Sums(
        zeros(n_groups),
        zeros(n_groups, features),
        zeros(n_groups, width),
        zeros(features, features),
        zeros(features, width),
        zeros(),
    )


def sums_bytes(features: int, width: int) -> int:
    """Memory of the large sums of one layer."""
    return 8 * (features * features + features * width)


@dataclass(frozen=True)
class Centred:
    """Sums of products about the means of the images that a map is fitted on.

    Attributes:
        n: tokens of all groups.
        uu: sum of (u - mean u) (u - mean u)^T, the means those of the token's group.
        ut: sum of (u - mean u) (t - mean t)^T.
        tt: sum of |t - mean t|^2.
    """

    n: float
    uu: Float[Tensor, "feature feature"]
    ut: Float[Tensor, "feature width"]
    tt: float


def centred(
    sums: Sums, u: Float[Tensor, "group feature"], t: Float[Tensor, "group width"]
) -> Centred:
    """Sums about given means, of the same images or of others.

    Args:
        sums: of some tokens.
        u: the features' means by group.
        t: the targets' means by group.
    """
    n = sums.n[:, None]
    cross = sums.u.T @ u
    uu = sums.uu - cross - cross.T + (n * u).T @ u
    ut = sums.ut - sums.u.T @ t - u.T @ sums.t + (n * u).T @ t
    tt = sums.tt - 2 * (sums.t * t).sum() + (n * t * t).sum()
    return Centred(float(sums.n.sum()), (uu + uu.T) / 2, ut, float(tt))
