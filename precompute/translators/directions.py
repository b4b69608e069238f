"""The leading principal directions of every layer's states, without the covariance.

A range finder (Halko, Martinsson, Tropp 2011): the covariance times a few more random vectors than
there are directions wanted, summed image by image; what is kept is d x (rank + 10) a layer, not
d x d. Its leading left singular vectors are the directions.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.translators.sums import Group

OVERSAMPLED = 10
"""More random vectors than directions."""


class Sketch:
    """A sketch of one layer's covariance, added to batch by batch; float64, on the tower's device.

    Attributes:
        probes: random vectors, the same of every layer.
    """

    def __init__(
        self, n_groups: int, width: int, rank: int, seed: int, device: torch.device | str
    ) -> None:
        self.rank = rank
        generator = torch.Generator().manual_seed(seed)
        k = min(width, rank + OVERSAMPLED)
        probes = torch.randn(width, k, generator=generator, dtype=torch.float64)
        self.probes = probes.to(device)
        self._n = torch.zeros(n_groups, dtype=torch.float64, device=device)
        self._sum = torch.zeros(n_groups, width, dtype=torch.float64, device=device)
        self._product = torch.zeros(width, k, dtype=torch.float64, device=device)

    def add(self, states: Float[Tensor, "batch token width"], groups: tuple[Group, ...]) -> None:
        """Add the tokens of a batch of images."""
        x = states.double()
        for g, group in enumerate(groups):
            self._n[g] += x[:, group].shape[0] * x[:, group].shape[1]
            self._sum[g] += x[:, group].sum((0, 1))
        x = x.flatten(0, 1)
        self._product.addmm_(x.T, x @ self.probes)

    def directions(self) -> Float[Tensor, "width feature"]:
        """Orthonormal directions, `rank` of them, those of most variance about the means first."""
        means = self._sum / self._n[:, None]
        product = self._product - (self._sum.T @ means) @ self.probes
        left: Tensor = torch.linalg.svd(product, full_matrices=False).U
        return left[:, : self.rank]
