"""Metrics over captions: one a file, each a pure function, registered here by one line.

A line says how a metric is made ready for a data set; None says that it has no meaning there.
What cannot be scored never reaches a metric (`precompute.scoring.compare`). A metric knows texts
and what is known of the data set, never runs, layers or conditions. `bertscore`, `coco_corpus` and
`wordnet` are modules for others, too.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from precompute.config import ScoreConfig
from precompute.metrics import bertscore, cider, coco_corpus, wordnet
from precompute.metrics.bleu import bleu
from precompute.metrics.coco import coco_bleu4, coco_rouge_l
from precompute.metrics.exact import exact
from precompute.metrics.label import class_name, label
from precompute.metrics.lexical import n_nouns, noun_depth, repetition
from precompute.metrics.metric import PAIRED, Corpus, Metric, Score, versions_of
from precompute.metrics.ptb import tokeniser
from precompute.metrics.rouge_l import rouge_l
from precompute.metrics.uniqueness import open_uniqueness

__all__ = [
    "METRICS",
    "SLOW",
    "Corpus",
    "Metric",
    "Score",
    "bertscore",
    "coco_corpus",
    "noun_depth",
    "require_known",
    "tokeniser",
    "versions_of",
    "wordnet",
]

Prepare = Callable[[ScoreConfig, Corpus], Metric | None]


def _fixed(score: Score, *against: str, packages: Sequence[str] = ()) -> Prepare:
    """A metric that needs nothing but the texts; `packages` are those that compute it."""
    return lambda config, corpus: Metric(
        lambda stage: score, against or PAIRED, versions_of(*packages)
    )


def _coco(score: Score) -> Prepare:
    return lambda config, corpus: Metric(
        lambda stage: score, settings={"tokeniser": tokeniser(), **versions_of("pycocoevalcap")}
    )


def _cider(config: ScoreConfig, corpus: Corpus) -> Metric | None:
    if not corpus.references:
        return None  # no document frequencies
    settings = {
        "tokeniser": tokeniser(),
        "frozen_on": corpus.sha256,
        **versions_of("pycocoevalcap"),
    }
    return Metric(partial(cider.open_cider, corpus), settings=settings)


def _bertscore(config: ScoreConfig, corpus: Corpus) -> Metric:
    return bertscore.prepare(config.bertscore)


def _of_class(score: Score) -> Prepare:
    """A metric that holds a caption against the names of its picture's class."""

    def prepare(config: ScoreConfig, corpus: Corpus) -> Metric | None:
        if corpus.references or not corpus.names:
            return None
        return Metric(lambda stage: score, ("label", "shuffled"))

    return prepare


def _uniqueness(config: ScoreConfig, corpus: Corpus) -> Metric:
    return Metric(lambda stage: open_uniqueness(corpus.captions), ("self",), of_set=True)


METRICS: dict[str, Prepare] = {
    "exact": _fixed(exact),
    "bleu": _fixed(bleu, packages=("sacrebleu",)),
    "rouge_l": _fixed(rouge_l, packages=("rouge-score",)),
    "coco_bleu4": _coco(coco_bleu4),
    "coco_rouge_l": _coco(coco_rouge_l),
    "cider": _cider,
    "bertscore": _bertscore,
    "label": _of_class(label),
    "class_name": _of_class(class_name),
    "uniqueness": _uniqueness,
    "repetition": _fixed(repetition, "self"),
    "n_nouns": _fixed(n_nouns, "self", packages=("wn",)),
    "noun_depth": _fixed(noun_depth, "self", packages=("wn",)),
}


SLOW = frozenset({"bertscore", "coco_bleu4", "coco_rouge_l", "cider"})
"""Those that load a model or start Java: they are scored after captions can be looked at."""


def require_known(names: Iterable[str]) -> None:
    """Check the names of metrics.

    Raises:
        ValueError: there are none of some of these names.
    """
    if unknown := sorted(set(names) - set(METRICS)):
        raise ValueError(f"metrics are {', '.join(METRICS)}; got {', '.join(unknown)}.")
