"""Sentence BLEU of the sacrebleu package."""

from collections.abc import Sequence

from sacrebleu.metrics.bleu import BLEU

_BLEU = BLEU(effective_order=True)


def bleu(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Sentence-level BLEU in [0, 1]: 13a tokens, exponential smoothing, effective order.

    Not the corpus-level BLEU that papers report, which has no value for one caption.
    """
    return [
        _BLEU.sentence_score(text, list(refs)).score / 100
        for text, refs in zip(texts, references, strict=True)
    ]
