"""The bootstrap in plain loops."""

import json
import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np
import pandas as pd


@cache
def slow_quantile(n: int) -> float:
    """Student's t at 97.5%, of n images: the density is added up until 97.5% lie below."""
    v, step, below, t = n - 1, 1e-4, 0.5, 0.0
    scale = math.gamma((v + 1) / 2) / (math.sqrt(v * math.pi) * math.gamma(v / 2))
    while below < 0.975:
        t += step
        below += step * scale * (1 + (t - step / 2) ** 2 / v) ** (-(v + 1) / 2)
    return t


def slow_interval(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The bootstrap one sample at a time, each image written out as often as it was drawn.

    The percentiles are those that the normal's would be if it were as wide as Student's t.
    """
    n = int(np.isfinite(values).sum())
    if n < 10:
        return math.nan, math.nan
    means = []
    for row in weights:
        drawn = [v for v, times in zip(values, row, strict=True) for _ in range(times)]
        drawn = [v for v in drawn if np.isfinite(v)]
        if drawn:
            means.append(np.mean(drawn))
    return slow_ends(means, n)


def slow_ends(samples: Sequence[float], n: int) -> tuple[float, float]:
    """The expanded percentiles of what bootstrap samples of n images gave."""
    tail = 100 * NormalDist().cdf(-slow_quantile(n) * math.sqrt(n / (n - 1)))
    return float(np.percentile(samples, tail)), float(np.percentile(samples, 100 - tail))


def slow_share(values: np.ndarray) -> tuple[float, float]:
    """Wilson's interval: the shares p for which the observed one is 1.96 standard errors away."""
    there = values[np.isfinite(values)]
    share, n = there.mean(), len(there)

    def inside(p: float) -> bool:
        return abs(share - p) <= 1.959964 * math.sqrt(p * (1 - p) / n)

    ends = []
    for end in (0.0, 1.0):
        out, within = end, share
        for _ in range(60):
            middle = (out + within) / 2
            out, within = (out, middle) if inside(middle) else (middle, within)
        ends.append(end if inside(end) else within)
    return ends[0], ends[1]


def left_out(conditions: pd.DataFrame) -> dict[str, set[str]]:
    """Condition -> the images of its pruning's sample."""
    got = {}
    for row in conditions.itertuples():
        pruning = json.loads(row.spec)["pruning"] if isinstance(row.spec, str) else None
        got[row.condition_id] = set(pruning["sample"]) if pruning else set()
    return got


def slow_summary(
    by_image: dict[str, float], images: list[str], weights: np.ndarray, share: bool = False
) -> tuple[int, float, float, float]:
    """n, mean, low, high of one column; images that are not there have no value."""
    values = np.array([by_image.get(image, np.nan) for image in images])
    low, high = slow_share(values) if share else slow_interval(values, weights)
    return int(np.isfinite(values).sum()), float(np.nanmean(values)), low, high
