"""The map of one layer from its sums, in closed form; the penalty by images that did not fit it."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    turned = vectors.T @ here.ut
    scale = float(values.clamp_min(0).sum()) / len(values)
    best: tuple[float, float, Tensor] | None = None
    for penalty in sorted(penalties, reverse=True):
        # Where a layer does not vary at all there is nothing to divide by, and nothing to map.
        weights = (values.clamp_min(0) + penalty * scale).clamp_min(torch.finfo(values.dtype).tiny)
        matrix = vectors @ (turned / weights[:, None])
        error = _error(there.uu, there.ut, there.tt, matrix)
        if best is None or error < best[0]:
            best = error, penalty, matrix
    assert best is not None  # penalties are not empty
    chosen_error, penalty, matrix = best
    offset = t - u @ matrix
    return Fitted(
        Map(matrix.float(), offset.float(), t.float(), None if basis is None else basis.float()),
        penalty,
        _error(here.uu, here.ut, here.tt, matrix),
        chosen_error,
    )


def _error(uu: Tensor, ut: Tensor, tt: float, matrix: Tensor) -> float:
    """Sum |t - C^T u|^2 over sum |t|^2, by sums about the means; 0 of a constant target."""
    left = tt - 2 * float((matrix * ut).sum()) + float((matrix * (uu @ matrix)).sum())
    return max(0.0, left) / tt if tt > 0 else 0.0
