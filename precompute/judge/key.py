"""The judge's key: where it is, and that it gets into no file."""

import os

KEY = "PEEL_JUDGE_KEY"
"""A name of its own: a key for one service must not go to whatever `base_url` says."""

_SHORTEST = 8
"""Characters of a key that is taken out of texts: less would be part of words."""


def key() -> str | None:
    """The key of the environment; None if there is none."""
    return os.environ.get(KEY) or None


def redacted(text: str) -> str:
    """A text of a server with the key of the environment taken out: servers repeat it."""
    secret = key()
    return text.replace(secret, "***") if secret and len(secret) >= _SHORTEST else text
