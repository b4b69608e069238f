"""Would Algorithm 1 choose the same heads on other images? The same choice on several samples."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from precompute.config import PruningConfig
from precompute.heads.importance import Importance, Scores, importance
from precompute.heads.pruned import weigh

Sets = Mapping[int, set[int]]
"""Layer -> the heads that are kept."""


def stability(samples: Sequence[Scores], config: PruningConfig) -> dict[str, Any] | None:
    """How alike the choices on samples without a common image are, over all pairs of samples.

    Returns:
        samples: how many; jaccard and chance: layer -> shared heads over all heads that either
        keeps, and what as many heads kept at random would share on average; rank: layer ->
        Spearman's rho of the heads' ranks, None where a sample tells none apart. None for a single
        sample. A layer that keeps all its heads has no jaccard.
    """
    if len(samples) < 2:
        return None
    chosen = [importance(scores, config) for scores in samples]
    n_heads = {at: len(ranks) for at, ranks in chosen[0].ranks.items()}
    kept = [_kept(one, config) for one in chosen]
    pairs = list(combinations(range(len(samples)), 2))
    cut = [at for at, n in n_heads.items() if any(len(sets[at]) < n for sets in kept)]
    return {
        "samples": len(samples),
        "jaccard": {
            str(at): _mean(jaccard(kept[a][at], kept[b][at]) for a, b in pairs) for at in cut
        },
        "chance": {
            str(at): _mean(
                jaccard_by_chance(len(kept[a][at]), len(kept[b][at]), n_heads[at]) for a, b in pairs
            )
            for at in cut
        },
        "rank": {
            str(at): _mean(
                rank_correlation(chosen[a].ranks[at], chosen[b].ranks[at]) for a, b in pairs
            )
            for at in n_heads
        },
    }


def _kept(heads: Importance, config: PruningConfig) -> Sets:
    return {
        at: {head for head, s in enumerate(values) if s}
        for at, values in weigh(heads, config).items()
    }


def jaccard(one: set[int], other: set[int]) -> float:
    """Shared over all: 1 for the same sets, 0 for sets without a common member."""
    return len(one & other) / len(one | other) if one | other else 1.0


def jaccard_by_chance(one: int, other: int, n: int) -> float:
    """Mean Jaccard index of two random sets of `one` and `other` among n things."""
    from scipy.stats import hypergeom  # late: it takes more than a second

    shared = range(max(0, one + other - n), min(one, other) + 1)
    odds = hypergeom.pmf(shared, n, one, other)
    return float(sum(p * k / max(1, one + other - k) for p, k in zip(odds, shared, strict=True)))


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rho, in [-1, 1]; None where either side has fewer than two different values."""
    if len(set(one)) < 2 or len(set(other)) < 2:
        return None
    from scipy.stats import spearmanr  # late: it takes more than a second

    return float(spearmanr(one, other).statistic)


def _mean(values: Iterator[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return round(sum(there) / len(there), 6) if there else None
