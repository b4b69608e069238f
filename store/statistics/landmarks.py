"""Landmarks of a data set: where the decoder is sure, grounding sets in and scores level off.

Each rule is a line that a curve of means has to reach, and the landmark is the layer that best
divides the layers below the line from those at or above it: the l with the least sum of (mean -
line) over the layers under l. That is where the isotonic regression of the curve, its best fit
that never falls, crosses the line (Barlow, Bartholomew, Bremner and Brunk 1972), so that one lucky
or unlucky layer does not count. The interval is that of the same rule on every bootstrap sample of
the images; all curves of a sample are of the same images. `bench.landmarks` simulates both.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.metrics import GAIN, ONSET
from store.statistics.intervals import LEAST_IMAGES, expanded

Array = NDArray[Any]
Curve = tuple[str, str]
"""Metric and against."""

SURE_NATS = 0.6931
"""log 2: a token at most twice as surprising to the model as at the last layer."""
SURE_REPETITION = 0.05
GROUNDED_SHARE = 0.5
PLATEAU_SHARE = 0.95
"""Of the last layer's mean CIDEr: 1 minus it is the margin of the plateau."""
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Rule:
    """What makes a landmark.

    Attributes:
        name: of the landmark.
        words: the rule, written out; stored beside the landmark.
        curves: the curves that it looks at.
        margins: their means, float [..., layer] each -> how far each is on the right side of its
            line, float [..., layer] each. If there are several, the highest layer counts.
        above_zero: whether there is a landmark only if the last layer's mean is above 0, which
            its bootstrap interval has to exclude.
    """

    name: str
    words: str
    curves: tuple[Curve, ...]
    margins: Callable[..., tuple[Array, ...]]
    above_zero: bool


def rules(curves: Iterable[Curve]) -> list[Rule]:
    """The landmarks that a run with these curves has."""
    there = sorted(set(curves))
    rules = [
        CONFIDENCE,
        PLATEAU,
        *(_grounding(metric) for metric, _ in there if metric.startswith(GAIN)),
    ]
    return [rule for rule in rules if set(rule.curves) <= set(there)]


def _confident(logprob: Array, repetition: Array) -> tuple[Array, ...]:
    return (
        logprob - (logprob[..., -1:] - SURE_NATS),
        repetition[..., -1:] + SURE_REPETITION - repetition,
    )


def _grounded(gain: Array) -> tuple[Array, ...]:
    return (gain - GROUNDED_SHARE * gain[..., -1:],)


def _level(score: Array) -> tuple[Array, ...]:
    return (score - PLATEAU_SHARE * score[..., -1:],)


CONFIDENCE = Rule(
    "confidence_onset",
    "the layer that best divides those below from those with a mean_logprob within "
    f"{SURE_NATS} nats a token (log 2) of the last layer's or above it, or, if that is higher, "
    f"the one for a repetition at most {SURE_REPETITION} above the last layer's",
    (("mean_logprob", "self"), ("repetition", "self")),
    _confident,
    above_zero=False,
)
PLATEAU = Rule(
    "cider_plateau",
    "the layer that best divides those below from those whose mean CIDEr against references is "
    f"at least {PLATEAU_SHARE:.0%} of the last layer's, whose interval lies above 0",
    (("cider", "reference"),),
    _level,
    above_zero=True,
)


def _grounding(metric: str) -> Rule:
    return Rule(
        f"{ONSET}{metric.removeprefix(GAIN)}",
        f"the layer that best divides those below from those whose {metric} is at least "
        f"{GROUNDED_SHARE} of the last layer's, whose interval lies above 0",
        ((metric, "shuffled"),),
        _grounded,
        above_zero=True,
    )


def divide(margin: Array) -> Array:
    """The position that best divides negative from other values: the least sum before it.

    Args:
        margin: float [..., layer].

    Returns:
        int [...], 0..layers - 1; of equal sums the first. The last value is in no sum, since a
        landmark is a layer: where all before it are negative, it is the last.

    >>> divide(np.array([[-2.0, 1, -3, 2, 1], [1, 1, -1, 2, 1], [-1, -1, -1, -1, -1]])).tolist()
    [3, 0, 4]
    """
    before = np.zeros_like(margin, dtype=np.float64)
    np.cumsum(margin[..., :-1], axis=-1, out=before[..., 1:])
    return np.asarray(before.argmin(axis=-1))


def find(
    rule: Rule,
    layers: Sequence[int],
    n: int,
    means: Mapping[Curve, Array],
    samples: Mapping[Curve, Array],
) -> dict[str, object]:
    """A landmark with its interval.

    Args:
        rule: which.
        layers: of the curves, upwards.
        n: images that the means are over, at least.
        means: float [layer] of every curve that the rule looks at.
        samples: the same of every bootstrap sample, float [sample, layer].

    Returns:
        metric, layer, low, high, rule. All three layers are None where there is no landmark;
        `low` and `high` alone if there are fewer than `LEAST_IMAGES` images.
    """
    here = drawn = None
    if not rule.above_zero or _above_zero(rule, n, samples):
        here = layers[int(_at(rule, means))]
        drawn = _at(rule, samples) if n >= LEAST_IMAGES else None
    low, high = (
        (None, None)
        if drawn is None
        else (layers[int(end)] for end in np.percentile(drawn, _INTERVAL, method="inverted_cdf"))
    )
    return {"metric": rule.name, "rule": rule.words, "layer": here, "low": low, "high": high}


def _at(rule: Rule, curves: Mapping[Curve, Array]) -> Array:
    margins = rule.margins(*(curves[curve] for curve in rule.curves))
    return np.asarray(np.max([divide(margin) for margin in margins], axis=0))


def _above_zero(rule: Rule, n: int, samples: Mapping[Curve, Array]) -> bool:
    (curve,) = rule.curves
    low, _ = expanded(samples[curve][:, -1:], np.array([n]))
    return bool(low[0] > 0)
