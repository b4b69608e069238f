"""Captions made comparable. What is stored is what the model wrote; this is for comparing."""

import re
from typing import NamedTuple

_WORDS = """
    a an the and or but if of in on at to from by with without for as into over under near next up
    down out off through between behind front top side it its is are was were be been being has have
    had do does did that this these those there here he she they his her their some two one three
    very while who which what not no
"""
FUNCTION_WORDS = frozenset(_WORDS.split())
"""Words that name nothing: all others of a caption are followed to where they come from."""

_APART = re.compile(r"[\W_]+")


def normalise(text: str) -> str:
    """Lower case, words only, single spaces: equal captions give equal text.

    >>> normalise("A penguin,  next to a CACTUS.")
    'a penguin next to a cactus'
    """
    return _APART.sub(" ", text.casefold()).strip()


class Word(NamedTuple):
    """A word of a caption and where it stands: `caption[first:end]`."""

    text: str
    first: int
    end: int


def content_words(caption: str) -> list[Word]:
    """The words of a caption that name something, in order, each normalised.

    >>> content_words("A red Fox, on the snow.")
    [Word(text='red', first=2, end=5), Word(text='fox', first=6, end=9), \
Word(text='snow', first=18, end=22)]
    """
    found = (Word(match[0].casefold(), *match.span()) for match in re.finditer(r"[^\W_]+", caption))
    return [word for word in found if word.text not in FUNCTION_WORDS]
