"""How a terminal shows text of unknown origin, which gives it no orders, and lengths of time."""

import textwrap


def printable(text: str) -> str:
    r"""Text in which what a terminal would obey, or would turn around, is spelt out.

    >>> print(printable("red: \x1b[31m, back to front: \u202e, lines stay:\nä"))
    red: \x1b[31m, back to front: \u202e, lines stay:
    ä
    """
    return "".join(
        c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def wrapped(text: str, indent: int, width: int) -> str:
    """Text whose lines have at most `width` characters, and go on below, indented.

    >>> print(wrapped("  disk  3 GB of arrays", indent=8, width=16))
      disk  3 GB of
            arrays
    """
    return "\n".join(
        textwrap.fill(
            line,
            width,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.split("\n")
    )


def duration(seconds: float) -> str:
    """A length of time: hours and minutes, minutes and seconds, or seconds.

    >>> [duration(seconds) for seconds in (0.04, 59.9, 82, 3 * 3600)]
    ['0.0 s', '59.9 s', '1 min 22 s', '3 h 00 min']
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
