"""What the words of one caption show by themselves: repetition, and a proxy of abstraction."""

import math
from collections.abc import Sequence
from itertools import pairwise

from precompute.metrics.wordnet import nouns
from store.text import normalise


def repetition(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """1 - distinct-2: the share of word pairs that came before in the caption, in [0, 1].

    A caption of a single word has no pair and no value.
    """
    return [_repetition(normalise(text).split()) for text in texts]


def _repetition(words: Sequence[str]) -> float:
    pairs = list(pairwise(words))
    return 1 - len(set(pairs)) / len(pairs) if pairs else math.nan


def n_nouns(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Proxy of "abstract to concrete": how many different nouns a caption has."""
    return [float(len(nouns_of(text))) for text in texts]


def noun_depth(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Proxy of "abstract to concrete": how specific its nouns are.

    The mean depth in WordNet 3.0 of the different nouns' most frequent senses, by the longest way
    from the root (0). `object` is at 2, `animal` at 6, `penguin` at 13. A caption without nouns
    has no value.
    """
    known = nouns()
    depths_of = [[known.depth(lemma) for lemma in nouns_of(text)] for text in texts]
    return [sum(depths) / len(depths) if depths else math.nan for depths in depths_of]


def nouns_of(text: str) -> list[str]:
    """The different nouns of a caption, as lemmas, by single words.

    No tagger is asked: a word is a noun if WordNet has it as one and its tagged texts have it so
    most often. "a small kite" has one noun, though "small" is in WordNet as a noun, too.

    >>> nouns_of("two cacti next to a small penguin in the snow")
    ['cactus', 'penguin', 'snow']
    """
    lemmas = (nouns().lemma(word) for word in normalise(text).split())
    return list(dict.fromkeys(lemma for lemma in lemmas if lemma))
