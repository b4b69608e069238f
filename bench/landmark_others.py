"""Other estimates and intervals of where CIDEr levels off: `python -m bench.landmark_others`.

Estimates: the rule as it is (`store.statistics.landmarks`); its line from the mean of as many last
layers as seem to be level; and two that nobody has, to tell what is possible at all: the true line,
and the curve's true shape, of which only the place is unknown. Intervals of the rule as it is:
percentiles of its bootstrap samples, as published; bias-corrected (Efron 1981) and basic ones; and
layers that paired tests do not exclude. BCa adds to the bias-corrected one how the estimate moves
as images are left out one by one; by whole layers, it seldom does.

A line a way and noise: the least and the largest over straight, stepped and smooth curves that
reach the line at layer 20, 30 or 35; then the same of a curve that stays 2% under its line and
jumps over it, which punishes whoever takes the last layers for level.
"""

import argparse
import itertools
from collections.abc import Callable, Sequence
from functools import partial
from statistics import NormalDist

import numpy as np

from bench.landmarks import (
    LAYERS,
    NOISES,
    SHAPES,
    TRUTHS,
    Array,
    Report,
    curves_of,
    data_sets,
    report,
    span,
)
from store.statistics.landmarks import PLATEAU, PLATEAU_SHARE, divide

IMAGES = (48, 500)
_NORMAL = NormalDist()
_ENDS = (0.025, 0.975)
_WINDOWS = (1, 2, 4, 8, 16)
Shape = Callable[[float, int], Array]
Found = dict[str, tuple[float, float, float]]
"""Way -> estimate, low, high."""


def late(level: float, at: int) -> Array:
    """A rise within 15 layers to 0.02 under `level`, and 1 from layer `at`."""
    return np.where(at > LAYERS, np.minimum((LAYERS + 1) / 15, 1) * (level - 0.02), 1.0)


_LATE: dict[str, Shape] = {"late": late}


def level(means: Array, covariance: Array) -> Array:
    """The last layer's level from as many last layers as have the least estimated square error.

    The error of the mean of the last k has the variance that the bootstrap tells, and as bias how
    far it lies from the last layer's, less what noise alone would make of that.

    Args:
        means: float [..., layer].
        covariance: of means, float [layer, layer].

    Returns:
        float [..., 1].
    """
    top = means.shape[-1]
    shares = np.tril(np.ones((top, top))) / np.arange(1, top + 1)[:, None]
    upwards = covariance[::-1, ::-1]
    of_last = means[..., ::-1] @ shares.T
    variance = ((shares @ upwards) * shares).sum(axis=1)
    of_difference = variance + upwards[0, 0] - 2 * (shares @ upwards)[:, 0]
    bias = np.maximum((of_last - of_last[..., :1]) ** 2 - of_difference, 0)
    best = (bias + variance).argmin(axis=-1)
    return np.take_along_axis(of_last, best[..., None], -1)


def known_shape(means: Array, covariance: Array, shape: Shape) -> int:
    """The place at which a curve of this shape fits best, by generalised least squares."""
    places = range(2, len(means) - 1)
    off = np.array([means - shape(PLATEAU_SHARE, at) for at in places])
    return places[int((off @ np.linalg.inv(covariance) * off).sum(axis=1).argmin())]


def ends(layers: Array, tails: Sequence[float] = _ENDS) -> tuple[float, float]:
    """Percentiles of landmarks, whole layers."""
    low, high = np.quantile(layers, tails, method="inverted_cdf")
    return float(low), float(high)


def not_excluded(margin: Array, samples: Array) -> tuple[float, float]:
    """The lowest and the highest layer that no paired test excludes, each at 97.5%.

    A layer is excluded if a window of layers that ends under it lies above the line, or one that
    begins with it below, by the bootstrap's standard error.
    """
    totals = np.append(0, np.cumsum(margin))
    drawn = np.hstack([np.zeros((len(samples), 1)), np.cumsum(samples, axis=1)])

    def stands(layer: int) -> bool:
        spans = [
            *((layer - width, layer, 1) for width in _WINDOWS if layer >= width),
            *((layer, layer + width, -1) for width in _WINDOWS if layer + width < len(totals)),
        ]
        return all(
            sign * (totals[to] - totals[start])
            <= _NORMAL.inv_cdf(_ENDS[1]) * (drawn[:, to] - drawn[:, start]).std()
            for start, to, sign in spans
        )

    standing = [layer for layer in range(len(margin)) if stands(layer)]
    return (float(standing[0]), float(standing[-1])) if standing else (np.nan, np.nan)


def ways(means: Array, samples: Array, truth: Array, shape: Shape) -> Found:
    """Every estimate and every interval of one data set.

    Args:
        means: float [layer].
        samples: float [sample, layer].
        truth: the true curve, float [layer].
        shape: what made it.
    """
    covariance = np.cov(samples.T)
    margin, drawn = (values - PLATEAU_SHARE * values[..., -1:] for values in (means, samples))
    here, there = int(divide(margin)), divide(drawn)
    low, high = ends(there)
    below = float((there < here).mean() + (there == here).mean() / 2)
    shift = 2 * _NORMAL.inv_cdf(float(np.clip(below, 1e-3, 1 - 1e-3)))
    corrected = [_NORMAL.cdf(shift + _NORMAL.inv_cdf(end)) for end in _ENDS]
    top = len(means) - 1
    pooled = [
        divide(values - PLATEAU_SHARE * level(values, covariance)) for values in (means, samples)
    ]
    line = PLATEAU_SHARE * truth[-1]
    best = known_shape(means, covariance, shape)
    return {
        "as published": (here, low, high),
        "interval: bias-corrected": (here, *ends(there, corrected)),
        "interval: basic": (here, max(2 * here - high, 0), min(2 * here - low, top)),
        "interval: not excluded": (here, *not_excluded(margin, drawn)),
        "estimate: last layers' level": (int(pooled[0]), *ends(pooled[1])),
        "estimate: true line": (int(divide(means - line)), *ends(divide(samples - line))),
        "estimate: true shape": (best, best, best),
    }


def simulated(shape: Shape, at: int, noise: str, n: int, repeats: int) -> dict[str, Report]:
    """What every way is worth on curves of a shape that reach the line at a layer."""
    (truth,) = curves_of(PLATEAU, shape, at)
    found: dict[str, list[tuple[float, float, float]]] = {}
    for ((means, samples),) in data_sets([truth], NOISES[noise], n, repeats, seed=at):
        for way, row in ways(means, samples, truth, shape).items():
            found.setdefault(way, []).append(row)
    return {way: report(np.array(rows, dtype=np.float64), at) for way, rows in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a way, for curves of the bench and for late ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200, help="data sets a cell")
    options = parser.parse_args(arguments)
    for n, noise, curves in itertools.product(
        IMAGES,
        ("sd 0.35", "sd 0.35, layers correlated 0.9"),
        (SHAPES, _LATE),
    ):
        print(f"\n{n} images, {noise}; curves: {', '.join(curves)}")
        heads = ("coverage, %", "bias", "median error", "spread", "width")
        print(f"{'':<30}" + "".join(map("{:>15}".format, heads)))
        of = partial(simulated, noise=noise, n=n, repeats=options.repeats)
        cells = [of(shape, at) for shape, at in itertools.product(curves.values(), TRUTHS)]
        for way in cells[0]:
            rows = [cell[way] for cell in cells]
            interval = way != "estimate: true shape"
            print(
                f"{way:<30}"
                f"{span((100 * row.coverage for row in rows), '.1f') if interval else '':>15}"
                f"{span((row.bias for row in rows), '+.2f'):>15}"
                f"{span((row.median for row in rows), '+.1f'):>15}"
                f"{span((row.spread for row in rows), '.1f'):>15}"
                f"{span((row.width for row in rows), '.1f') if interval else '':>15}",
                flush=True,
            )


if __name__ == "__main__":
    main()
