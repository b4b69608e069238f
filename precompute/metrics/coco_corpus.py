"""BLEU-4 of a whole set by coco-caption's definition: what papers report, and no mean of captions.

It is a ratio of sums over captions, so a caption is kept as its ten summands; the sums over any
sample of the captions, and thereby a bootstrap, follow from them.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from pycocoevalcap.bleu.bleu_scorer import cook_refs, cook_test

from precompute.metrics.coco import on_tokens

_N = 4
SUMMANDS = 2 * _N + 2
"""N-grams that match (n = 1..4), n-grams there are (n = 1..4), words, words of the reference."""

_TINY, _SMALL = 1e-15, 1e-9
"""The package's guards against a division by 0."""


def summands(
    texts: Sequence[str], references: Sequence[Sequence[str]]
) -> Float[np.ndarray, "caption summand"]:
    """What each caption adds to the sums; the closest reference gives the reference's length.

    Args:
        texts: captions, none of them empty.
        references: of each, at least one.
    """
    distinct = list(
        dict.fromkeys((text, tuple(refs)) for text, refs in zip(texts, references, strict=True))
    )
    rows = on_tokens([text for text, _ in distinct], [refs for _, refs in distinct], _cook)
    row_of = dict(zip(distinct, rows, strict=True))
    numbers = [row_of[text, tuple(refs)] for text, refs in zip(texts, references, strict=True)]
    return np.array(numbers, np.float64).reshape(-1, SUMMANDS)


def _cook(tokens: Sequence[str], references: Sequence[list[str]]) -> list[list[float]]:
    cooked = (
        cook_test(text, cook_refs(refs), eff="closest", n=_N)
        for text, refs in zip(tokens, references, strict=True)
    )
    return [[*c["correct"], *c["guess"], c["testlen"], c["reflen"]] for c in cooked]


def bleu4(sums: Float[np.ndarray, "*set summand"]) -> Float[np.ndarray, "*set"]:
    """BLEU-4 of sets of captions, in [0, 1]; NaN of an empty set.

    Args:
        sums: of the summands of each set's captions.
    """
    correct, guess = sums[..., :_N], sums[..., _N : 2 * _N]
    words, wanted = sums[..., -2], sums[..., -1]
    precision = np.prod((correct + _TINY) / (guess + _SMALL), axis=-1) ** (1 / _N)
    ratio = (words + _TINY) / (wanted + _SMALL)
    brevity = np.exp(np.minimum(0.0, 1 - 1 / ratio))
    return np.where(wanted > 0, precision * brevity, np.nan)
