"""What readers of translated states give: gains above the native one and above controls."""

import pandas as pd

from store.interventions import READER
from store.query.ask import Source, ask

_COLUMNS = ["versus", "metric", "against", "layer", "n", "difference", "low", "high"]


def gains(run: Source, condition: str) -> pd.DataFrame:
    """What a reader's gain is above others', a row a layer and what it is held against.

    Returns:
        versus (`baseline`, a control, or `zero`, its own layer 0), metric, against, layer, n,
        difference, low and high: the ends of intervals that hold all rows of a metric at once. No
        rows of a run that was published before there were readers.
    """
    known = ask(run, "SELECT table_name FROM duckdb_tables() WHERE table_name = 'reader_gain'")
    if known.empty:
        return pd.DataFrame(columns=_COLUMNS)
    return ask(
        run,
        'SELECT versus, metric, "against", layer, n, difference, low, high FROM reader_gain '
        'WHERE condition_id = ? ORDER BY metric, "against", versus, layer',
        (condition,),
    )


def readers(run: Source) -> pd.DataFrame:
    """The conditions that are readers: condition_id, source, spec."""
    return ask(
        run,
        "SELECT condition_id, source, spec FROM condition WHERE kind = ? ORDER BY condition_id",
        (READER,),
    )


def unread(gains: pd.DataFrame) -> pd.DataFrame:
    """Where a gain is above the native reader's and above every control's, all intervals off zero.

    Args:
        gains: of one metric, from `gains`.

    Returns:
        layer, present (whether something is present there but not read), and least: the lowest end
        of its intervals. A layer that lacks an interval or a comparison is not present.
    """
    wanted = gains["versus"].nunique()
    rows = gains[gains["layer"] > 0].groupby("layer")
    least = rows["low"].min()
    whole = (rows["low"].count() == wanted) & (least > 0)
    return pd.DataFrame({"layer": least.index, "present": whole.values, "least": least.values})
