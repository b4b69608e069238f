"""Words gained and lost between two captions."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from store.text import normalise

Change = Literal["kept", "gained", "lost"]


@dataclass(frozen=True)
class Piece:
    """A run of words with one fate."""

    text: str
    change: Change


def diff_words(before: str, after: str) -> list[Piece]:
    """How the words of one caption become those of another.

    Words are compared as scores compare them (case and punctuation do not count) and shown as
    they were written.

    Args:
        before: the caption that is compared with.
        after: the caption that is shown.

    Returns:
        Pieces in reading order. The kept and gained ones, joined, are the words of `after`;
        a lost piece stands before what took its place.

    >>> [(p.text, p.change) for p in diff_words("a cat", "a dog")]
    [('a', 'kept'), ('cat', 'lost'), ('dog', 'gained')]
    """
    old, new = before.split(), after.split()
    matcher = SequenceMatcher(None, _keys(old), _keys(new), autojunk=False)
    pieces: list[Piece] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(Piece(" ".join(new[k:m]), "kept"))
            continue
        if j > i:
            pieces.append(Piece(" ".join(old[i:j]), "lost"))
        if m > k:
            pieces.append(Piece(" ".join(new[k:m]), "gained"))
    return pieces


def _keys(words: list[str]) -> list[str]:
    # A word of punctuation alone normalises to nothing: it then stands for itself.
    return [normalise(word) or word for word in words]
