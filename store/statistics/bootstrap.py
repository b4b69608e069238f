"""Means over images with bootstrap intervals, of many columns at once.

All columns share the same samples of images (multinomial weights, one matrix product), so that
differences between columns are paired, and memory does not grow with the number of images.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.statistics import intervals

Array = NDArray[Any]

N_BOOTSTRAP = 1000
SEED = 20240228


@dataclass(frozen=True)
class Means:
    """Means of many columns, over all images and over the same bootstrap samples of them.

    Attributes:
        n: int64 [K], images with a value.
        mean: float64 [K]; NaN where there is no value.
        samples: float64 [N_BOOTSTRAP, K], the samples' means; NaN where one drew no value.
        changed: float64 [K], how many values are not 0; NaN unless all are -1, 0 or 1.
    """

    n: Array
    mean: Array
    samples: Array
    changed: Array


@dataclass(frozen=True)
class Summary:
    """One curve point a column.

    Attributes:
        n: int64 [K], images with a value.
        mean: float64 [K].
        low: float64 [K], the lower end of the 95% interval; NaN where there is none.
        high: float64 [K], the upper end.
        shares: bool [K], which were taken as shares.
        samples: float64 [N_BOOTSTRAP, K], the means of the bootstrap samples.
    """

    n: Array
    mean: Array
    low: Array
    high: Array
    shares: Array
    samples: Array


def bootstrap_weights(n_images: int, path: Path | None = None, seed: int = SEED) -> Array:
    """How often each bootstrap sample draws each image.

    Args:
        n_images: number of images.
        path: a file to keep them in, so that memory does not grow with the data set.
        seed: of the draw.

    Returns:
        uint8 [N_BOOTSTRAP, n_images]; every row sums to `n_images`.
    """
    shape = (N_BOOTSTRAP, n_images)
    weights: Array = (
        np.empty(shape, np.uint8)
        if path is None
        else np.memmap(path, dtype=np.uint8, mode="w+", shape=shape)
    )
    generator = np.random.default_rng(seed)
    for row in weights:
        row[:] = np.bincount(generator.integers(0, n_images, n_images), minlength=n_images)
    return weights


def sample_means(chunks: Iterator[tuple[slice, Array]], weights: Array, n_columns: int) -> Means:
    """Means of many columns, over all images and over the same bootstrap samples of them.

    Args:
        chunks: which images, and their values, float [images, K]; NaN and infinities are left out
            of their column alone.
        weights: from `bootstrap_weights`.
        n_columns: K.
    """
    sums = np.zeros((len(weights), n_columns))
    counts = np.zeros((len(weights), n_columns))
    total, n = np.zeros(n_columns), np.zeros(n_columns, np.int64)
    changed = np.zeros(n_columns)
    for images, values in chunks:
        there = np.isfinite(values)
        filled = np.where(there, values, 0.0).astype(np.float64)
        drawn = weights[:, images].astype(np.float64)
        sums += drawn @ filled
        full = there.all(axis=0)  # most columns: their counts need no product
        counts[:, full] += drawn.sum(axis=1)[:, None]
        counts[:, ~full] += drawn @ there[:, ~full]
        total += filled.sum(axis=0)
        n += there.sum(axis=0)
        size = np.abs(filled)
        changed += np.where((size * size == size).all(axis=0), size.sum(axis=0), np.nan)
    # A sample may draw no image that has a value: it says nothing about that column.
    samples = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    mean = np.divide(total, n, out=np.full(n_columns, np.nan), where=n > 0)
    return Means(n, mean, samples, changed)


def summarise(
    chunks: Iterator[tuple[slice, Array]],
    weights: Array,
    shares: Array,
    differences: Array | None = None,
) -> Summary:
    """Means and intervals of many columns.

    Args:
        chunks: as of `sample_means`.
        weights: from `bootstrap_weights`.
        shares: bool [K], which columns are of a measure that is 0 or 1 of an image: their means
            are shares, with Wilson's interval, if all values are so.
        differences: bool [K], which of these are of differences of such measures, -1, 0 or 1.

    Returns:
        The summary. All other columns have the expanded percentile interval, from
        `intervals.LEAST_IMAGES` images on.
    """
    means = sample_means(chunks, weights, len(shares))
    n, mean = means.n, means.mean
    low, high = intervals.expanded(means.samples, n)
    paired_shares = np.zeros_like(shares) if differences is None else shares & differences
    whole = np.isfinite(means.changed) & (n > 0)
    alone = shares & ~paired_shares & whole & (mean >= 0)
    for which, ends in (
        (alone, intervals.wilson(mean[alone], n[alone])),
        (
            paired_shares & whole,
            intervals.wilson_of_difference(
                *(values[paired_shares & whole] for values in (mean, means.changed, n))
            ),
        ),
    ):
        low[which], high[which] = ends
    return Summary(n, mean, low, high, alone, means.samples)
