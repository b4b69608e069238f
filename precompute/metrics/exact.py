"""Exact match of normalised texts."""

from collections.abc import Sequence

from store.text import normalise


def exact(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """1 where a text equals any of its references after normalisation, else 0."""
    return [
        float(normalise(text) in {normalise(reference) for reference in refs})
        for text, refs in zip(texts, references, strict=True)
    ]
