"""The map of one layer from its sums, in closed form; the penalty by images that did not fit it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.translators.maps import Map
from precompute.translators.sums import Sums, centred


@dataclass(frozen=True)
class Fitted:
    """A layer's map and how it came about.

    Attributes:
        map: the map.
        penalty: the one chosen, times the mean variance of the features.
        fit_error: what of the targets' spread about their means is left on the images that fitted
            it; 0 where nothing is, 1 where the map does no better than moving the mean.
        chosen_error: the same on the images that chose the penalty; it may be above 1.
    """

    map: Map
    penalty: float
    fit_error: float
    chosen_error: float


def fit_map(
    fit: Sums,
    choose: Sums,
    penalties: Sequence[float],
    basis: Float[Tensor, "width feature"] | None = None,
) -> Fitted:
    """Ridge regression of the residual target on the features.

    Penalised is what the map does beyond moving the mean, so that a large penalty is the bias
    alone. All penalties share one eigendecomposition.

    Args:
        fit: sums of the images that fit.
        choose: of the images that choose.
        penalties: times the mean variance of the features; of equally good ones the largest.
        basis: the directions that the features lie along; None where they are the state itself.
    """
    u, t = fit.u / fit.n[:, None], fit.t / fit.n[:, None]
    here, there = centred(fit, u, t), centred(choose, u, t)
    values, vectors = torch.linalg.eigh(here.uu)
    turned = vectors.T @ here.ut  # the map at penalty p is V diag(1 / (values + p)) turned
    products = turned @ turned.T
    of_fit = _Errors(here.tt, products.diagonal(), torch.diag(values * products.diagonal()))
    of_choice = _Errors(
        there.tt,
        (turned * (vectors.T @ there.ut)).sum(1),
        (vectors.T @ there.uu @ vectors) * products,
    )
    values = values.clamp_min(0)
    scale = float(values.sum()) / len(values)
    weights = {
        # Where a layer does not vary at all there is nothing to divide by, and nothing to map.
        penalty: 1 / (values + penalty * scale).clamp_min(torch.finfo(values.dtype).tiny)
        for penalty in sorted(penalties, reverse=True)
    }
    penalty = min(weights, key=lambda p: of_choice.share(weights[p]))
    matrix = vectors @ (turned * weights[penalty][:, None])
    made = Map(
        matrix.float(),
        (t - u @ matrix).float(),
        t.float(),
        None if basis is None else basis.float(),
    )
    chosen = weights[penalty]
    return Fitted(made, penalty, of_fit.share(chosen), of_choice.share(chosen))


class _Errors(NamedTuple):
    """What is left of some targets, of all penalties at once: tt - 2 linear.w + w.quadratic.w.

    w holds 1 / (eigenvalue + penalty); so no map has to be made to hear what it would leave.
    """

    tt: float
    linear: Float[Tensor, " feature"]
    quadratic: Float[Tensor, "feature feature"]

    def share(self, w: Float[Tensor, " feature"]) -> float:
        """Sum |t - C^T u|^2 over sum |t|^2; 0 of a constant target."""
        left = self.tt - 2 * float(self.linear @ w) + float(w @ self.quadratic @ w)
        return max(0.0, left) / self.tt if self.tt > 0 else 0.0
