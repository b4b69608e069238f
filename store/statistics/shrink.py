"""Empirical Bayes: means of many heads, each drawn towards the others by how unsure it is."""

import numpy as np
from numpy.typing import ArrayLike

from store.statistics.bootstrap import Array
from store.statistics.intervals import Z

_STEPS = 100


def shrunk(mean: ArrayLike, error: ArrayLike) -> tuple[Array, Array, Array]:
    """What is left of the largest of many means if the winner's curse is taken off.

    Of many noisy means the largest are those with luck: they lie too far out (the winner's curse).
    True effects are taken as normal with a mean and variance that the means themselves tell
    (Paule and Mandel 1982); each mean then moves towards that mean by the share of noise in it
    (Efron and Morris 1973).

    Args:
        mean: [K].
        error: [K], standard errors; of those at 0 the means stay.

    Returns:
        Shrunk means and their 95% intervals, [K] each.
    """
    x = np.asarray(mean, dtype=float)
    noise = np.maximum(np.asarray(error, dtype=float) ** 2, 1e-12 * max(1e-12, float(x.var())))
    center, spread = _prior(x, noise)
    share = spread / (spread + noise)
    values = center + share * (x - center)
    # Of heads that are all alike nothing is known beside their mean.
    half = Z * np.sqrt(share * noise + (1 - share) ** 2 / (1 / (spread + noise)).sum())
    return values, values - half, values + half


def _prior(x: Array, noise: Array) -> tuple[float, float]:
    """Mean and variance of true effects: that at which Cochran's Q is its average, K - 1."""

    def at(spread: float) -> tuple[float, float]:
        weight = 1 / (spread + noise)
        center = float((weight * x).sum() / weight.sum())
        return center, float((weight * (x - center) ** 2).sum())

    low, high = 0.0, float(x.var(ddof=1)) + float(noise.max()) if len(x) > 1 else 0.0
    if at(low)[1] <= len(x) - 1:  # the noise alone explains all differences
        return at(low)[0], low
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle)[1] > len(x) - 1 else (low, middle)
    return at(high)[0], high
