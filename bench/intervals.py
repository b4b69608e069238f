"""How often intervals of few images hold the truth: `python -m bench.intervals`.

Of means: the percentile bootstrap, the expanded one that `store.statistics` uses, BCa, the
studentised bootstrap; of shares, the same and Wilson's. A line a distribution and number of images,
with the share of data sets whose 95% interval holds the truth, and the median width.
"""

import argparse
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.statistics import bootstrap_weights, intervals

Array = NDArray[Any]
Draw = Callable[[np.random.Generator, tuple[int, int]], Array]
IMAGES = (5, 10, 20, 50)
_NORMAL = NormalDist()


def _share(of: float) -> Draw:
    return lambda rng, shape: (rng.random(shape) < of).astype(float)


DISTRIBUTIONS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "uniform": (lambda rng, shape: rng.random(shape), 0.5),
    "exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0),
    "70% zeros, else exponential": (
        lambda rng, shape: rng.exponential(size=shape) * (rng.random(shape) < 0.3),
        0.3,
    ),
    "share of 0.5": (_share(0.5), 0.5),
    "share of 0.9": (_share(0.9), 0.9),
}


def ends_of(values: Array, weights: Array) -> dict[str, tuple[Array, Array]]:
    """The ends of every method's intervals of the means of columns.

    Args:
        values: float64 [image, K].
        weights: float64 [sample, image], shares of the images that each sample draws.
    """
    n, mean = np.full(values.shape[1], len(values)), values.mean(axis=0)
    samples = weights @ values
    low, high = np.percentile(samples, (2.5, 97.5), axis=0)
    return {
        "percentile": (low, high),
        "expanded": intervals.expanded(samples, n),  # none where there are too few
        "BCa": _bca(values, mean, samples),
        "studentised": _studentised(values, mean, samples, weights),
        "Wilson": intervals.wilson(np.clip(mean, 0, 1), n),
    }


def _bca(values: Array, mean: Array, samples: Array) -> tuple[Array, Array]:
    """Bias-corrected and accelerated (Efron 1987), column by column."""
    apart = values - mean
    ends = []
    for k in range(values.shape[1]):
        below = (samples[:, k] < mean[k]).mean() + (samples[:, k] == mean[k]).mean() / 2
        bias = _NORMAL.inv_cdf(float(np.clip(below, 1e-3, 1 - 1e-3)))
        square = (apart[:, k] ** 2).sum() ** 1.5
        pull = (apart[:, k] ** 3).sum() / (6 * square) if square else 0.0
        tails = [
            _NORMAL.cdf(bias + (bias + z) / (1 - pull * (bias + z)))
            for z in (-intervals.Z, intervals.Z)
        ]
        ends.append(np.quantile(samples[:, k], tails))
    low, high = np.transpose(ends)
    return low, high


def _studentised(values: Array, mean: Array, samples: Array, weights: Array) -> tuple[Array, Array]:
    """Bootstrap-t: of every sample its own standard error, for which the squares are summed too."""
    n = len(values)
    error = np.sqrt(np.maximum(weights @ values**2 - samples**2, 0) / (n - 1))
    off = np.divide(samples - mean, error, out=np.zeros_like(samples), where=error > 0)
    low, high = np.percentile(off, (2.5, 97.5), axis=0)
    own = values.std(axis=0, ddof=1) / np.sqrt(n)
    return mean - high * own, mean - low * own


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a distribution and number of images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2000, help="data sets a line")
    options = parser.parse_args(arguments)
    print("coverage of 95% intervals, % (median width)")
    for name, (draw, truth) in DISTRIBUTIONS.items():
        for n in IMAGES:
            values = draw(np.random.default_rng(n), (n, options.repeats))
            ends = ends_of(values, bootstrap_weights(n) / n)
            shown = [
                f"{method} {100 * ((low <= truth) & (truth <= high)).mean():.1f} "
                f"({np.median(high - low):.2f})"
                if np.isfinite(low).any()
                else f"{method} none"
                for method, (low, high) in ends.items()
                if method != "Wilson" or name.startswith("share")
            ]
            print(f"{name:<28}{n:>3}  {'   '.join(shown)}", flush=True)


if __name__ == "__main__":
    main()
