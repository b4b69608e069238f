"""ROUGE-L of the rouge-score package: sentence level, F1, no stemming."""

from collections.abc import Sequence

from rouge_score.rouge_scorer import RougeScorer

_SCORER = RougeScorer(["rougeL"], use_stemmer=False)


def rouge_l(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """F1 of the longest common subsequence, the best over a text's references, in [0, 1]."""
    return [
        _SCORER.score_multi(list(own), text)["rougeL"].fmeasure
        for text, own in zip(texts, references, strict=True)
    ]
