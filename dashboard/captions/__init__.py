"""Captions as words: how they are written out, how two differ, how a trajectory folds.

Pure functions of texts. Knows neither runs nor pages.
"""

__all__ = [
    "diff",
    "ladder_rows",
    "text",
]
