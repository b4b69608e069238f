"""Intervals of means and shares, and what many of them together are worth.

All from the means of the same bootstrap samples of images. `bench.intervals` simulates how often
each holds the truth.
"""

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LEAST_IMAGES = 10
"""A mean over fewer images has no interval; a share has, whatever their number."""
Z = NormalDist().inv_cdf(0.975)
_LEVEL = 0.95
_ROUNDING = 1e-9


def students(z: float, n: Array) -> Array:
    """The quantile of Student's t, of n images, that a quantile of the normal stands for.

    Wallace (1959), "Bounds on normal approximations to Student's": within 0.002 for 95%.

    Args:
        z: of the normal.
        n: number of images; [K].

    Returns:
        float64 [K]; NaN below `LEAST_IMAGES` images.
    """
    v = _freedom(n)
    return np.asarray(np.sqrt(v * np.expm1((z * (8 * v + 3) / (8 * v + 1)) ** 2 / v)))


def _normals(t: Array, n: Array) -> Array:
    """The quantile of the normal that one of Student's t stands for: `students`, turned round."""
    v = _freedom(n)
    return np.asarray((8 * v + 1) / (8 * v + 3) * np.sqrt(v * np.log1p(t * t / v)))


def _freedom(n: Array) -> Array:
    n = np.asarray(n)
    return np.where(n >= LEAST_IMAGES, n - 1.0, np.nan)


def expanded(samples: Array, n: Array) -> tuple[Array, Array]:
    """The expanded percentile interval (Hesterberg 2015, "What teachers should know", section 5.2).

    The percentiles of the samples that a normal mean's interval of Student's t would have.

    Args:
        samples: means of every bootstrap sample, float [sample, K]; NaN says nothing.
        n: images of every column, int [K].

    Returns:
        low and high, float64 [K]; NaN below `LEAST_IMAGES` images.
    """
    wide = students(Z, n) * np.sqrt(n / np.maximum(n - 1, 1))
    tail = np.array([NormalDist().cdf(-float(z)) for z in wide])
    ordered = np.sort(samples, axis=0)  # NaN last
    drawn = np.isfinite(ordered).sum(axis=0)
    tail = np.where(drawn > 0, tail, np.nan)
    return _at(ordered, tail * (drawn - 1)), _at(ordered, (1 - tail) * (drawn - 1))


def _at(ordered: Array, place: Array) -> Array:
    """Values between two rows, a place a column; NaN where the place is."""
    known = np.isfinite(place)
    below = np.where(known, np.floor(place), 0).astype(np.int64)
    columns = np.arange(ordered.shape[1])
    low, high = ordered[below, columns], ordered[np.minimum(below + 1, len(ordered) - 1), columns]
    part = place - below
    return np.asarray(np.where(part > 0, low + part * (high - low), np.where(known, low, np.nan)))


def wilson(share: Array, n: Array, z: float = Z) -> tuple[Array, Array]:
    """Wilson's (1927) score interval of shares, all within 0..1.

    Args:
        share: 0..1, float [K].
        n: of how many, int [K].
        z: normal quantile; 1.96 for 95%.

    Returns:
        low and high, float64 [K]; 0 and 1 of none at all.
    """
    n = np.maximum(n, 1e-9)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def wilson_of_difference(difference: Array, changed: Array, n: Array) -> tuple[Array, Array]:
    """The interval of a paired difference of shares: Wald's, half a pair added to each cell.

    Agresti and Min (2005), "Simple improved confidence intervals for comparing matched
    proportions".

    Args:
        difference: mean of values -1, 0, 1, float [K].
        changed: how many values are not 0, float [K].
        n: of how many, at least 1, int [K].
    """
    middle = difference * n / (n + 2)
    half = Z * np.sqrt((changed + 1) / (n + 2) - middle**2) / np.sqrt(n + 2)
    return np.maximum(middle - half, -1.0), np.minimum(middle + half, 1.0)


def standard_errors(samples: Array, n: Array) -> Array:
    """Standard errors of means, by n - 1; [K], NaN below `LEAST_IMAGES` images."""
    return np.asarray(_errors(samples) * np.sqrt(1 + 1 / _freedom(n)))


def _errors(samples: Array) -> Array:
    """Standard deviation of every column, [K]; 0 where all samples are alike but for rounding."""
    there = np.isfinite(samples)
    drawn = np.maximum(there.sum(axis=0), 1)
    filled = np.where(there, samples, 0.0)
    apart = np.where(there, filled - filled.sum(axis=0) / drawn, 0.0)
    error = np.sqrt((apart * apart).sum(axis=0) / drawn)
    return np.asarray(np.where(error > _ROUNDING * np.abs(filled).max(axis=0), error, 0.0))


def largest(mean: Array, samples: Array, n: Array) -> Array:
    """How far off the worst of several means is in each sample, in its standard errors.

    Args:
        mean: float [K].
        samples: float [sample, K]; a mean that a sample does not have is not its worst.
        n: images, int [K].

    Returns:
        float64 [sample]; 0 where no mean has a spread.
    """
    errors = _errors(samples)
    told = (errors > 0) & (np.asarray(n) >= LEAST_IMAGES)
    off = np.abs(samples[:, told] - mean[told]) / errors[told]  # [sample, mean]
    return np.asarray(np.nan_to_num(off, nan=0.0).max(axis=1, initial=0.0))


def simultaneous(mean: Array, samples: Array, n: Array, shares: Array) -> tuple[Array, Array]:
    """A band that holds all of several means at once, in 95% of data sets (max-t).

    Montiel Olea and Plagborg-Moller (2019), "Simultaneous confidence bands": the same number of
    standard errors everywhere, from the samples' worst, and Student's instead of the normal's.

    Args:
        mean: float [K].
        samples: float [sample, K].
        n: images, int [K].
        shares: bool [K], which are shares: of them Wilson's interval at that number.

    Returns:
        low and high, float64 [K]; NaN below `LEAST_IMAGES` images, but for shares.
    """
    z = float(np.quantile(largest(mean, samples, n), _LEVEL)) or NormalDist().inv_cdf(
        (1 + _LEVEL ** (1 / len(mean))) / 2  # no mean has a spread
    )
    half = students(z, n) * standard_errors(samples, n)
    low, high = wilson(np.where(shares, mean, 0.0), n, z)
    return np.where(shares, low, mean - half), np.where(shares, high, mean + half)


def adjusted_p(mean: Array, samples: Array, n: Array) -> Array:
    """How likely the largest of several means would be so far from 0 if all of them were 0.

    Westfall and Young's (1993) single-step max-t: the chance that any of the family is called
    different from 0 by mistake. The samples of all have to be of the same images.

    Args:
        mean: float [K].
        samples: float [sample, K].
        n: images, int [K].

    Returns:
        float64 [K], above 0 and at most 1; NaN below `LEAST_IMAGES` images.
    """
    error, size = standard_errors(samples, n), np.abs(mean)
    t = np.divide(size, error, out=np.where(size > 0, np.inf, 0.0), where=error > 0)
    off = _normals(t, n)
    ordered = np.sort(largest(mean, samples, n))
    worse = len(ordered) - np.searchsorted(ordered, off, side="left")
    return np.where(np.isfinite(error), (1 + worse) / (1 + len(ordered)), np.nan)
