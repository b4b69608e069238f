"""What readers ask about the floor: captions of towers whose weights are permuted."""

import pandas as pd

from store.query.ask import Source, ask


def band(run: Source) -> pd.DataFrame:
    """The floor of every curve of captions, over all permuted towers.

    Returns:
        metric, against, layer, n (images of a tower), towers, mean (of the towers' means), low and
        high: from the lowest to the highest end of the towers' 95% intervals. No rows if the run
        has no floor, or was published before there was one.
    """
    known = ask(run, "SELECT table_name FROM duckdb_tables() WHERE table_name = 'floor_curve'")
    if known.empty:
        return pd.DataFrame(
            columns=["metric", "against", "layer", "n", "towers", "mean", "low", "high"]
        )
    return ask(
        run,
        'SELECT metric, "against", layer, min(n) AS n, count(*) AS towers, avg(mean) AS mean, '
        "min(low) AS low, max(high) AS high FROM floor_curve "
        'GROUP BY metric, "against", layer ORDER BY metric, "against", layer',
    )


def at_last_layer(run: Source) -> pd.DataFrame:
    """The last layer's rows of `band`."""
    rows = band(run)
    last: pd.DataFrame = rows[rows["layer"] == rows["layer"].max()]
    return last


def of_measure(rows: pd.DataFrame, metric: str, against: str) -> pd.DataFrame:
    """The rows of one measure, of `band` or `at_last_layer`."""
    chosen: pd.DataFrame = rows[(rows["metric"] == metric) & (rows["against"] == against)]
    return chosen
