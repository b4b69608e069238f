"""Whether a caption names the class of its picture: grounding where there are no references."""

from collections.abc import Sequence

from store.text import normalise


def label(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """1 where a text has one of the class's names, as whole words in a row, else 0.

    Args:
        texts: the captions.
        references: the names of each picture's class: its synonyms and kinds, where they are
            known.
    """
    return [
        float(any(f" {normalise(name)} " in f" {normalise(text)} " for name in names))
        for text, names in zip(texts, references, strict=True)
    ]


def class_name(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """1 where a text is the first name of the picture's class and no more, else 0.

    Of a CLIP that chooses among the names of classes: zero-shot accuracy. No synonym counts, and no
    kind: all dogs are dogs.

    Args:
        texts: the captions.
        references: the names of each picture's class, the first name first.
    """
    return [
        float(normalise(names[0]) == normalise(text))
        for text, names in zip(texts, references, strict=True)
    ]
