"""ROUGE-L of the rouge-score package: sentence level, F1, no stemming."""

from collections.abc import Sequence
from functools import cache
from typing import Any


@cache
def _scorer() -> Any:
    # Imported late: it brings nltk and scipy, which take two seconds.
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=False)


def rouge_l(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """F1 of the longest common subsequence, the best over a text's references, in [0, 1]."""
    return [
        _scorer().score_multi(list(refs), text)["rougeL"].fmeasure
        for text, refs in zip(texts, references, strict=True)
    ]
