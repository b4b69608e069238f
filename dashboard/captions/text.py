"""The text of captions. A caption that is missing has none: the empty text."""

import pandas as pd

NONE = "(no caption)"
"""What stands on a page where a caption is empty."""


def text(value: object) -> str:
    """The text of a row.

    >>> text("a cat"), text(None), text(float("nan"))
    ('a cat', '', '')
    """
    return value if isinstance(value, str) else ""


def by_layer(captions: pd.DataFrame) -> dict[int, str]:
    """One image's captions, of the columns layer and text."""
    return {
        int(layer): text(value)
        for layer, value in zip(captions["layer"], captions["text"], strict=True)
    }
