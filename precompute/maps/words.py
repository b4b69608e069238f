"""The content words of a caption, and which of its tokens each is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from store.text import content_words


@dataclass(frozen=True)
class Spoken:
    """A word of a caption.

    Attributes:
        text: normalised; of a text that is one token, all of it from its first content word on.
        first: where it begins in the caption's text.
        end: where it ends there.
        tokens: its tokens, from the first to behind the last.
    """

    text: str
    first: int
    end: int
    tokens: tuple[int, int]


def spoken(token_ids: Sequence[int], text: Callable[[Sequence[int]], str]) -> list[Spoken]:
    """The content words of a caption, in order.

    A token belongs to a word if the text grows into the word where the token is added. Words that
    share all their tokens, such as those of a text that a CLIP chose as a whole, are one.

    Args:
        token_ids: of the caption, the end token included or not.
        text: what gives a caption's words.
    """
    caption = text(token_ids)
    ends = [0]
    for k in range(1, len(token_ids) + 1):
        # A later token may change how an earlier one is written; none makes the text shorter.
        grown = len(text(token_ids[:k])) if k < len(token_ids) else len(caption)
        ends.append(min(max(grown, ends[-1]), len(caption)))
    found: list[Spoken] = []
    for word in content_words(caption):
        inside = [
            k for k in range(len(token_ids)) if ends[k] < word.end and ends[k + 1] > word.first
        ]
        if not inside:
            continue
        tokens = (inside[0], inside[-1] + 1)
        if found and found[-1].tokens == tokens:
            first = found.pop().first
            found.append(Spoken(caption[first : word.end].casefold(), first, word.end, tokens))
        else:
            found.append(Spoken(word.text, word.first, word.end, tokens))
    return found
