"""BLEU-4 and ROUGE-L as coco-caption defines them, through pycocoevalcap, on PTB tokens."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pycocoevalcap.bleu.bleu_scorer import BleuScorer
from pycocoevalcap.rouge.rouge import Rouge

from precompute.metrics.ptb import tokenise

_ROUGE = Rouge()

Value = TypeVar("Value")


def on_tokens(
    texts: Sequence[str],
    references: Sequence[Sequence[str]],
    score: Callable[[Sequence[str], Sequence[list[str]]], list[Value]],
) -> list[Value]:
    """Score token strings instead of texts.

    Args:
        texts: the captions.
        references: of each.
        score: takes both as tokens joined by spaces.
    """
    tokens = iter(tokenise([*texts, *(reference for refs in references for reference in refs)]))
    return score(
        [next(tokens) for _ in texts], [[next(tokens) for _ in refs] for refs in references]
    )


def coco_bleu4(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """BLEU-4 of each caption by coco-caption's definition, closest reference length, in [0, 1].

    The package's values for single captions; their mean is not its BLEU-4 of a corpus.
    """
    return on_tokens(texts, references, _bleu4)


def _bleu4(tokens: Sequence[str], references: Sequence[list[str]]) -> list[float]:
    if not tokens:
        return []
    scorer = BleuScorer(n=4)
    for text, refs in zip(tokens, references, strict=True):
        scorer += (text, refs)
    _, by_order = scorer.compute_score(option="closest", verbose=0)
    return [float(value) for value in by_order[3]]


def coco_rouge_l(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """ROUGE-L by coco-caption's definition, in [0, 1].

    Beta is 1.2, and precision and recall are each the best over the references.
    """
    return on_tokens(texts, references, _rouge_l)


def _rouge_l(tokens: Sequence[str], references: Sequence[list[str]]) -> list[float]:
    return [
        float(_ROUGE.calc_score([text], refs))
        for text, refs in zip(tokens, references, strict=True)
    ]
