"""Scores of stored captions and answers: stages over parts on disk.

It reads captions of whatever stages a run has, and holds them against each other, against what
people wrote, and against labels. It needs no vision model and must not know how a caption was made.
"""

from precompute.scoring.answers import score_answers
from precompute.scoring.compare import Comparison, score_pairs
from precompute.scoring.corpus import read_corpus, synonyms
from precompute.scoring.corpus_bleu import score_corpus
from precompute.scoring.stage import score

__all__ = [
    "Comparison",
    "read_corpus",
    "score",
    "score_answers",
    "score_corpus",
    "score_pairs",
    "synonyms",
]
