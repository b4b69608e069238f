"""The bootstrap in plain loops."""

import json

import numpy as np
import pandas as pd


def slow_interval(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The bootstrap one sample at a time, each image written out as often as it was drawn."""
    means = []
    for row in weights:
        drawn = [v for v, times in zip(values, row, strict=True) for _ in range(times)]
        drawn = [v for v in drawn if np.isfinite(v)]
        if drawn:
            means.append(np.mean(drawn))
    return float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))


def left_out(conditions: pd.DataFrame) -> dict[str, set[str]]:
    """Condition -> the images of its pruning's sample."""
    got = {}
    for row in conditions.itertuples():
        pruning = json.loads(row.spec)["pruning"] if isinstance(row.spec, str) else None
        got[row.condition_id] = set(pruning["sample"]) if pruning else set()
    return got


def slow_summary(
    by_image: dict[str, float], images: list[str], weights: np.ndarray
) -> tuple[int, float, float, float]:
    """n, mean, low, high of one column; images that are not there have no value."""
    values = np.array([by_image.get(image, np.nan) for image in images])
    low, high = slow_interval(values, weights)
    return int(np.isfinite(values).sum()), float(np.nanmean(values)), low, high
