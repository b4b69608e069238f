"""Captions made comparable. What is stored is what the model wrote; this is for comparing."""

import re

_APART = re.compile(r"[\W_]+")


def normalise(text: str) -> str:
    """Lower case, words only, single spaces: equal captions give equal text.

    >>> normalise("A penguin,  next to a CACTUS.")
    'a penguin next to a cactus'
    """
    return _APART.sub(" ", text.casefold()).strip()
