"""The caption of every layer, ready to be shown: what changed, three bars, who shares it."""

from collections.abc import Mapping
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from dashboard.captions.diff import diff_words
from store.statistics import landmarks
from store.text import FUNCTION_WORDS, normalise

ALIKE = 0.9
"""Captions fold into one row if they name the same things, in order, and so large a share of all
their words is common to both. One other word of ten would be a horse for a zebra."""

REPEATS = 0.3
"""Above this share of repeated word pairs a caption is shown as degenerate."""


def rows(
    captions: pd.DataFrame,
    scores: Mapping[str, pd.Series],
    others: Mapping[int, str] | None,
    shared: Mapping[int, int],
) -> list[dict[str, Any]]:
    """One mapping a layer.

    Args:
        captions: layer, text, mean_logprob; one row a layer, in order.
        scores: by layer, those there are of `grounded` and `same` (as the caption before), both 0
            to 1.
        others: another condition's captions by layer, to compare with.
        shared: by layer, how many other pictures have the caption.

    Returns:
        layer, text, degenerate, shared, fold (the first layer of its run of like
        captions), bars (grounded, sure, changed: 0 to 1 or None), and pieces: what became of the
        words since the caption before, against the last one, and against the other condition's.
    """
    layers = captions["layer"].astype(int).tolist()
    texts = captions["text"].fillna("").astype(str).tolist()
    sure = np.exp(captions["mean_logprob"].astype(float)).tolist()
    starts = folds(layers, texts)
    made = []
    for i, (layer, text) in enumerate(zip(layers, texts, strict=True)):
        against = {"previous": texts[max(i - 1, 0)], "final": texts[-1]}
        if others is not None and layer in others:
            against["other"] = others[layer]
        same = _number(scores, "same", layer)
        made.append(
            {
                "layer": layer,
                "text": text,
                "fold": starts[i],
                "degenerate": degenerate(text),
                "shared": shared.get(layer, 0),
                "bars": {
                    "grounded": _number(scores, "grounded", layer),
                    "sure": None if np.isnan(sure[i]) else sure[i],
                    "changed": None if same is None else 1 - same,
                },
                "pieces": {
                    name: [[piece.change, piece.text] for piece in diff_words(before, text)]
                    for name, before in against.items()
                },
            }
        )
    return made


def _number(scores: Mapping[str, pd.Series], name: str, layer: int) -> float | None:
    value = scores[name].get(layer) if name in scores else None
    return None if value is None or np.isnan(value) else float(value)


def folds(layers: list[int], texts: list[str]) -> list[int]:
    """Of every caption, the layer at which its run of like captions begins."""
    starts: list[int] = []
    first: list[str] = []
    for i, text in enumerate(texts):
        words = normalise(text).split()
        if i and _alike(first, words):
            starts.append(starts[-1])
        else:
            starts.append(layers[i])
            first = words
    return starts


def _alike(one: list[str], other: list[str]) -> bool:
    return (
        _named(one) == _named(other)
        and SequenceMatcher(None, one, other, autojunk=False).ratio() >= ALIKE
    )


def _named(words: list[str]) -> list[str]:
    return [word for word in words if word not in FUNCTION_WORDS]


def degenerate(text: str) -> bool:
    """Whether a caption has no words, or goes round in circles.

    >>> degenerate("a cat a cat a cat"), degenerate("..."), degenerate("a cat on a mat")
    (True, True, False)
    """
    words = normalise(text).split()
    pairs = list(pairwise(words))
    return not words or (len(pairs) > 2 and 1 - len(set(pairs)) / len(pairs) > REPEATS)


def first_appearances(captions: pd.DataFrame) -> list[dict[str, Any]]:
    """Where each word of the last caption appears first, words without content left out.

    Returns:
        word, first (the least layer whose caption has it), stays (the layer from which every
        caption has it); in the order of the caption.
    """
    layers = captions["layer"].astype(int).tolist()
    word_sets = [set(normalise(text).split()) for text in captions["text"].fillna("").astype(str)]
    last = normalise(str(captions["text"].fillna("").iloc[-1])).split() if layers else []
    made = []
    for word in dict.fromkeys(_named(last)):
        there = [word in words for words in word_sets]
        without = [i for i, present in enumerate(there) if not present]
        made.append(
            {
                "word": word,
                "first": layers[there.index(True)],
                "stays": layers[without[-1] + 1] if without else layers[0],
            }
        )
    return made


def marks(captions: pd.DataFrame, gain: pd.Series | None) -> list[dict[str, Any]]:
    """Where this picture's own captions settle and become its own; one picture, no interval.

    Args:
        captions: layer, text; one row a layer, in order.
        gain: its grounded gain by layer; None if the run has none.

    Returns:
        layer, text (what is there) and detail (what that means).
    """
    made = []
    texts = [normalise(text) for text in captions["text"].fillna("").astype(str)]
    layers = captions["layer"].astype(int).tolist()
    if len(layers) > 1:
        others = [i for i, text in enumerate(texts) if text != texts[-1]]
        made.append(
            {
                "layer": layers[others[-1] + 1] if others else layers[0],
                "text": "This picture's caption settles",
                "detail": "From here up every caption of this picture is the last one's, word for "
                "word.",
            }
        )
    there = None if gain is None else gain.dropna().sort_index()
    if there is not None and len(there) > 1 and there.iloc[-1] > 0:
        at = landmarks.divide(there.to_numpy() - landmarks.GROUNDED_SHARE * there.iloc[-1])
        made.append(
            {
                "layer": int(there.index[int(at)]),
                "text": "This picture's grounding sets in",
                "detail": "The layer that best divides this picture's captions with less than "
                "half the last one's grounded gain from the others. One picture: no interval.",
            }
        )
    return sorted(made, key=lambda mark: mark["layer"])
