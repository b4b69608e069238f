"""Text of unknown origin in a terminal: a caption or a file's name gives it no orders."""


def printable(text: str) -> str:
    r"""Text in which what a terminal would obey, or would turn around, is spelt out.

    >>> print(printable("red: \x1b[31m, back to front: \u202e, lines stay:\nä"))
    red: \x1b[31m, back to front: \u202e, lines stay:
    ä
    """
    return "".join(
        c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )
