"""The conditions of a pruning: Algorithm 1's, its curve, and controls at equal count.

A control removes as many heads of every layer, and what it keeps has the same scale in the sum as
what Algorithm 1 keeps, spread evenly: it says what the loss of as many heads does, chosen in
another way. `importance_mask` removes the heads that Algorithm 1 removes; what then is left of the
difference to `importance` is the work of the weights.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from precompute.config import FEW_SEEDS, PruningConfig
from precompute.heads.importance import Importance, Scales
from precompute.interventions import Condition, Edit


def weigh(heads: Importance, config: PruningConfig) -> Scales:
    """s_h of Algorithm 1: 0 below the threshold or outside the top k, else by weight."""
    scales = {}
    for at, weights in heads.weights.items():
        n_heads = len(weights)
        gone = least(heads.ranks[at], n_heads - (config.top_k or n_heads))
        gone |= {h for h, w in enumerate(weights) if n_heads * w < (config.threshold or 0)}
        scales[at] = _scaled(weights, gone, config)
    return scales


def _scaled(weights: Sequence[float], gone: set[int], config: PruningConfig) -> list[float]:
    """The scales of a layer's heads, their weights renormalised over those that are kept.

    Where all that is kept weighs nothing, it weighs the same.
    """
    kept = _without(weights, gone)
    if config.softmax == "literal":
        return kept
    if not any(kept):
        kept = _without([1.0] * len(weights), gone)
    wanted = sum(w > 0 for w in kept) if config.softmax == "mean-of-kept" else len(kept)
    total = sum(kept)
    return [wanted * (w / total) if w else 0.0 for w in kept]


def controls(
    config: PruningConfig,
    main: Scales,
    norms: Mapping[int, Sequence[float]],
    origin: Mapping[str, Any],
) -> list[Condition]:
    """The controls at the main condition's count of heads; none if that keeps all.

    Args:
        config: the pruning.
        main: the scales of the main condition; its layers may lose different numbers of heads.
        norms: layer -> mean contribution norm of its heads.
        origin: how the weights came about, for the specifications.
    """
    if not any(s == 0 for values in main.values() for s in values):
        return []
    return list(_controls(config, main, norms, origin, config.random_seeds))


def curve(
    config: PruningConfig,
    heads: Importance,
    norms: Mapping[int, Sequence[float]],
    origin: Mapping[str, Any],
) -> Iterator[Condition]:
    """Algorithm 1 and its controls at the other counts of heads.

    Args:
        config: the pruning.
        heads: how important they are on its sample.
        norms: as of `controls`, and so is `origin`.
        origin: for the specifications.
    """
    for count in config.counts:
        scales = {
            at: _scaled(weights, least(heads.ranks[at], count), config)
            for at, weights in heads.weights.items()
        }
        yield pruned(config.name, scales, origin, "importance")
        yield from _controls(config, scales, norms, origin, min(FEW_SEEDS, config.random_seeds))


def _controls(
    config: PruningConfig,
    main: Scales,
    norms: Mapping[int, Sequence[float]],
    origin: Mapping[str, Any],
    random_seeds: int,
) -> Iterator[Condition]:
    for algorithm, seed, gone in _removed(main, norms, random_seeds):
        scales = {at: _even(values, gone[at], config) for at, values in main.items()}
        yield pruned(config.name, scales, origin, algorithm, seed)


def _even(main: Sequence[float], gone: set[int], config: PruningConfig) -> list[float]:
    """Other heads removed than Algorithm 1's, and the others scaled alike, to the same sum."""
    kept = max(1, len(main) - len(gone))
    each = {
        "mean-preserving": len(main) / kept,
        "mean-of-kept": 1.0,
        "literal": sum(main) / kept,
    }[config.softmax]
    return _without([each] * len(main), gone)


def _removed(
    main: Scales, norms: Mapping[int, Sequence[float]], random_seeds: int
) -> Iterator[tuple[str, int | None, Mapping[int, set[int]]]]:
    """Algorithm, seed, and the heads that it removes at each layer."""
    gone = {at: {head for head, s in enumerate(values) if s == 0} for at, values in main.items()}
    yield "importance_mask", None, gone
    yield "least_norm", None, {at: least(norms[at], len(heads)) for at, heads in gone.items()}
    for seed in range(random_seeds):
        # One order a seed and layer: the heads that go first are gone at greater counts, too.
        order = {
            at: random.Random(f"{seed}:{at}").sample(range(len(values)), len(values))
            for at, values in main.items()
        }
        yield "random", seed, {at: set(order[at][: len(heads)]) for at, heads in gone.items()}


def least(values: Sequence[float], count: int) -> set[int]:
    """The indices of the `count` least values; of equal ones, those that come first."""
    return set(sorted(range(len(values)), key=lambda i: (values[i], i))[:count])


def _without(scales: Sequence[float], gone: set[int]) -> list[float]:
    return [0.0 if head in gone else s for head, s in enumerate(scales)]


_OF_SCORES = ("rule", "temperature", "importance", "null", "above_null", "stability")
"""What a specification says of the scores, by which a random control was not chosen."""


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
        pruning |= dict.fromkeys(_OF_SCORES)
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
