"""What an interval on a page is, in words: of each mean by itself, or of a whole curve.

Pure functions: a frame in, a sentence out.
"""

import pandas as pd

from store.statistics import intervals

BANDS = ("pointwise", "simultaneous")
"""What bands over layers can be, the default first."""

EFFECT = "an effect?"
"""The name of a column of `effect`."""
_NOT_SHOWN, _POINTWISE, _ALSO_ADJUSTED = "not shown", "pointwise only", "yes, also adjusted"
_LEVEL = 0.05


def sentence(
    frame: pd.DataFrame, what: str = "Bands", *, band: str = BANDS[0], of: str = "layer"
) -> str:
    """What the intervals of a chart or a table are, and which of its rows have none.

    Args:
        frame: n, low, high.
        what: how the intervals are drawn.
        band: one of `BANDS`.
        of: what has an interval of its own.
    """
    meaning = (
        f"{what} are simultaneous: with 95% confidence a whole curve lies in its own "
        "(max-t over its layers)."
        if band == "simultaneous"
        else f"{what} are 95% intervals over images, pointwise: each {of} by itself."
    )
    return f"{meaning}{few(frame)}"


def few(frame: pd.DataFrame) -> str:
    """That means over too few images have no interval, where there are such; else nothing.

    Args:
        frame: n and low.
    """
    without = (frame["n"] < intervals.LEAST_IMAGES) & frame["low"].isna()
    return (
        f" Means over fewer than {intervals.LEAST_IMAGES} images have none: so few cannot tell it."
        if without.any()
        else ""
    )


def ends(low: float, high: float, digits: str = "z.2f") -> str:
    """Both ends of an interval; a dash where there is none.

    >>> ends(0.123, 1)
    '0.12 to 1.00'
    """
    return "\N{EN DASH}" if pd.isna(low) else f"{low:{digits}} to {high:{digits}}"


def adjusted(over: str) -> str:
    """What the columns `EFFECT` and "adjusted p" of a table are.

    Args:
        over: the family, such as `all conditions of this run`.
    """
    return (
        f"Adjusted p: how likely any of {over} would be so far from 0 if none did anything "
        f"(Westfall and Young's max-t). “{_NOT_SHOWN}”: the row's own 95% interval holds 0. "
        f"“{_POINTWISE}”: it does not, but p is above {_LEVEL}, and among so many rows chance "
        f"makes some like it. “{_ALSO_ADJUSTED}”: p is at most {_LEVEL}, too."
    )


def effect(low: float, high: float, p: float) -> str:
    """Whether an effect is shown: by its own interval, and among all that were looked at.

    Args:
        low: lower end of its pointwise 95% interval; NaN where there is none.
        high: upper end.
        p: adjusted; NaN where there is none.

    >>> effect(-1, 1, 0.01), effect(0.1, 1, 0.66), effect(0.1, 1, 0.01)
    ('not shown', 'pointwise only', 'yes, also adjusted')
    """
    if pd.isna(low):
        return "\N{EN DASH}"
    if low <= 0 <= high:
        return _NOT_SHOWN
    return _ALSO_ADJUSTED if p <= _LEVEL else _POINTWISE


def p_value(p: float) -> str:
    """A p-value of a thousand bootstrap samples; a dash where there is none.

    >>> p_value(1 / 1001), p_value(0.04)
    ('0.001', '0.040')
    """
    return "\N{EN DASH}" if pd.isna(p) else f"{p:.3f}"
