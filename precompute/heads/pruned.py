"""The conditions of a pruning: Algorithm 1's, its curve, and controls at equal count.

What a control keeps, it keeps as it is (s = 1): it says what the loss of as many heads does.
`importance_mask` removes the heads that Algorithm 1 removes, and likewise leaves the others as they
are; what then is left of the difference to `importance` is the work of the weights.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from precompute.config import PruningConfig
from precompute.heads.importance import Scales
from precompute.interventions import Condition, Edit


def weigh(weights: Mapping[int, Sequence[float]], config: PruningConfig) -> Scales:
    """s_h of Algorithm 1: H * softmax or softmax, 0 below the threshold or outside the top k."""
    return {layer: _factors(_kept(values, config), config) for layer, values in weights.items()}


def _kept(weights: Sequence[float], config: PruningConfig) -> list[float]:
    n_heads = len(weights)
    top_k = n_heads if config.top_k is None else config.top_k
    gone = least(weights, n_heads - top_k)
    gone |= {h for h, w in enumerate(weights) if n_heads * w < (config.threshold or 0)}
    return _without(weights, gone)


def _factors(weights: Sequence[float], config: PruningConfig) -> list[float]:
    factor = len(weights) if config.softmax == "mean-preserving" else 1
    return [factor * weight for weight in weights]


def controls(
    config: PruningConfig,
    weights: Mapping[int, Sequence[float]],
    main: Scales,
    norms: Mapping[int, Sequence[float]],
    origin: Mapping[str, Any],
) -> list[Condition]:
    """The controls at the main condition's count of heads; none if that keeps all.

    Args:
        config: the pruning.
        weights: layer -> softmax of its heads' scores.
        main: the scales of the main condition; its layers may lose different numbers of heads.
        norms: layer -> mean contribution norm of its heads.
        origin: how the weights came about, for the specifications.
    """
    removed = {layer: sum(s == 0 for s in values) for layer, values in main.items()}
    if not any(removed.values()):
        return []
    return list(_controls(config, weights, norms, origin, removed))


def curve(
    config: PruningConfig,
    weights: Mapping[int, Sequence[float]],
    norms: Mapping[int, Sequence[float]],
    origin: Mapping[str, Any],
) -> Iterator[Condition]:
    """Algorithm 1 and its controls at the other counts of heads; the arguments are `controls`'."""
    for count in config.counts:
        scaled = {
            at: _factors(_without(values, least(values, count)), config)
            for at, values in weights.items()
        }
        yield pruned(config.name, scaled, origin, "importance")
        yield from _controls(config, weights, norms, origin, dict.fromkeys(weights, count))


def _controls(
    config: PruningConfig,
    weights: Mapping[int, Sequence[float]],
    norms: Mapping[int, Sequence[float]],
    origin: Mapping[str, Any],
    counts: Mapping[int, int],
) -> Iterator[Condition]:
    for algorithm, seed, gone in _removed(config, weights, norms, counts):
        scales = {at: _without([1.0] * len(values), gone[at]) for at, values in weights.items()}
        yield pruned(config.name, scales, origin, algorithm, seed)


def _removed(
    config: PruningConfig,
    weights: Mapping[int, Sequence[float]],
    norms: Mapping[int, Sequence[float]],
    counts: Mapping[int, int],
) -> Iterator[tuple[str, int | None, Mapping[int, set[int]]]]:
    """Algorithm, seed, and the heads that it removes at each layer."""
    yield "importance_mask", None, {at: least(values, counts[at]) for at, values in weights.items()}
    yield "least_norm", None, {at: least(values, counts[at]) for at, values in norms.items()}
    for seed in config.random_seeds:
        # One order a seed and layer: the heads that go first are gone at greater counts, too.
        order = {
            at: random.Random(f"{seed}:{at}").sample(range(len(values)), len(values))
            for at, values in norms.items()
        }
        yield "random", seed, {at: set(values[: counts[at]]) for at, values in order.items()}


def least(values: Sequence[float], count: int) -> set[int]:
    """The indices of the `count` least values; of equal ones, those that come first."""
    return set(sorted(range(len(values)), key=lambda i: (values[i], i))[:count])


def _without(scales: Sequence[float], gone: set[int]) -> list[float]:
    return [0.0 if head in gone else s for head, s in enumerate(scales)]


def pruned(
    name: str, scales: Scales, origin: Mapping[str, Any], algorithm: str, seed: int | None = None
) -> Condition:
    """A pruning's condition: scales, and in its specification how they came about.

    Raises:
        ValueError: all scales are 1.
    """
    pruning = {
        **origin,
        "algorithm": algorithm,
        "seed": seed,
        "n_pruned": sum(s == 0 for values in scales.values() for s in values),
    }
    if algorithm in ("random", "least_norm"):
        pruning |= {"softmax": None, "temperature": None, "importance": None}
    # A layer that keeps all heads as they are is not edited.
    edits = [
        Edit("heads", (at,), tuple(values)) for at, values in scales.items() if set(values) != {1.0}
    ]
    if not edits:
        raise ValueError(
            f"pruning {name!r} must change some head; on its sample all heads of these layers are "
            "alike. Choose other layers, a larger m, or a top_k under [[pruning]]."
        )
    return Condition(tuple(edits), name=name, pruning=pruning)
