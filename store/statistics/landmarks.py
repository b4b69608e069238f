"""Landmarks of a data set: where the decoder is sure, grounding sets in and scores level off.

Each is the least layer from which a rule on the curves' means holds at every layer up to the last,
so that one lucky layer does not count. The interval is that of the same rule on every bootstrap
sample of the images; all curves of a sample are of the same images.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.metrics import GAIN, ONSET

Array = NDArray[Any]
Curve = tuple[str, str]
"""Metric and against."""

SURE_NATS = 0.6931
"""log 2: a token at most twice as surprising to the model as at the last layer."""
SURE_REPETITION = 0.05
GROUNDED_SHARE = 0.5
PLATEAU_SHARE = 0.01
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Rule:
    """What makes a landmark.

    Attributes:
        name: of the landmark.
        words: the rule, written out; stored beside the landmark.
        curves: the curves that it looks at.
        holds: their means, float [..., layer] each -> whether it holds, bool [..., layer].
    """

    name: str
    words: str
    curves: tuple[Curve, ...]
    holds: Callable[..., Array]


def rules(curves: Iterable[Curve]) -> list[Rule]:
    """The landmarks that a run with these curves has."""
    there = sorted(set(curves))
    rules = [
        CONFIDENCE,
        PLATEAU,
        *(_grounding(metric) for metric, _ in there if metric.startswith(GAIN)),
    ]
    return [rule for rule in rules if set(rule.curves) <= set(there)]


def _confident(logprob: Array, repetition: Array) -> Array:
    sure = logprob >= logprob[..., -1:] - SURE_NATS
    return np.asarray(sure & (repetition <= repetition[..., -1:] + SURE_REPETITION))


def _grounded(gain: Array) -> Array:
    last = gain[..., -1:]
    return np.asarray((gain >= GROUNDED_SHARE * last) & (last > 0))


def _level(score: Array) -> Array:
    last = score[..., -1:]
    return np.asarray(np.abs(score - last) <= PLATEAU_SHARE * np.abs(last))


CONFIDENCE = Rule(
    "confidence_onset",
    f"mean_logprob within {SURE_NATS} nats a token (log 2) of the last layer's or above it, and "
    f"repetition at most {SURE_REPETITION} above the last layer's, there and at all layers above",
    (("mean_logprob", "self"), ("repetition", "self")),
    _confident,
)
PLATEAU = Rule(
    "cider_plateau",
    f"mean CIDEr against references within {PLATEAU_SHARE:.0%} of the last layer's, there and at "
    "all layers above",
    (("cider", "reference"),),
    _level,
)


def _grounding(metric: str) -> Rule:
    return Rule(
        f"{ONSET}{metric.removeprefix(GAIN)}",
        f"{metric} at least {GROUNDED_SHARE} of the last layer's, which is above 0, there and at "
        "all layers above",
        ((metric, "shuffled"),),
        _grounded,
    )


def first_stays(holds: Array) -> Array:
    """The least position from which all are true.

    Args:
        holds: bool [..., layer].

    Returns:
        float [...]; infinity where the last is not true.

    >>> first_stays(np.array([[True, False, True, True], [True, True, True, False]])).tolist()
    [2.0, inf]
    """
    length = np.logical_and.accumulate(holds[..., ::-1], axis=-1).sum(axis=-1)
    return np.where(length > 0, holds.shape[-1] - length, np.inf)


def find(
    rule: Rule, layers: Sequence[int], means: Mapping[Curve, Array], samples: Mapping[Curve, Array]
) -> dict[str, object]:
    """A landmark with its interval.

    Args:
        rule: which.
        layers: of the curves, upwards.
        means: float [layer] of every curve that the rule looks at.
        samples: the same of every bootstrap sample, float [sample, layer].

    Returns:
        metric, layer, low, high, rule; a layer is None where the rule does not hold at the end.
    """
    here = first_stays(rule.holds(*(means[curve] for curve in rule.curves)))
    drawn = first_stays(rule.holds(*(samples[curve] for curve in rule.curves)))
    low, high = np.percentile(drawn, _INTERVAL, method="inverted_cdf")
    at = {"layer": here, "low": low, "high": high}
    return {
        "metric": rule.name,
        "rule": rule.words,
        **{
            name: layers[int(position)] if np.isfinite(position) else None
            for name, position in at.items()
        },
    }
