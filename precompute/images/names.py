"""Names of pictures as systems write them, as people write them, and as they are shown."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable


def spelt_out(text: str) -> str:
    r"""Text in which whatever is no character, such as a byte of another encoding, is spelt out.

    >>> print(spelt_out("caf\udce9.jpg"), spelt_out("half of a \ud83d"), spelt_out("café"))
    caf\xe9.jpg half of a \ud83d café
    """
    try:
        # What Python makes of a file's name that is no UTF-8.
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def finder(names: Iterable[str]) -> Callable[[str], str | None]:
    """A function that finds a name among others as it may have been written elsewhere.

    A Mac parts an umlaut into two characters, and Windows takes capitals for small letters.

    Args:
        names: those that there are.

    Returns:
        Name -> itself if it is there, else the one that differs in its Unicode form, else in its
        capitals; None if there is none, or if several do.
    """
    there = set(names)
    alike = [defaultdict[str, list[str]](list) for _ in _FORMS]
    for name in sorted(there):
        for form, found in zip(_FORMS, alike, strict=True):
            found[form(name)].append(name)

    def find(name: str) -> str | None:
        if name in there:
            return name
        for form, found in zip(_FORMS, alike, strict=True):
            if len(same := found.get(form(name), [])) == 1:
                return same[0]
        return None

    return find


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


_FORMS: tuple[Callable[[str], str], ...] = (
    _composed,
    lambda name: _composed(_composed(name).casefold()),
)
