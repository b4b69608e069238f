"""What the reader of one image asks for: a few of its scores, and who else has its captions."""

from collections.abc import Sequence

import pandas as pd

from store.query.ask import Source, ask


def scored(run: Source, condition: str) -> pd.DataFrame:
    """By what captions of a condition were scored: metric, against."""
    return ask(
        run,
        'SELECT DISTINCT metric, "against" FROM curve WHERE condition_id = ? '
        'ORDER BY metric, "against"',
        (condition,),
    )


def score_lines(
    run: Source, image_id: str, condition: str, pairs: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """One image's scores over layers: metric, against, layer, value.

    Args:
        run: an open run.
        image_id: an image of it.
        condition: a condition of it.
        pairs: metric and against; the table is sorted by them, so that few of them are a fast
            answer however many a run has.
    """
    if not pairs:
        return pd.DataFrame(columns=["metric", "against", "layer", "value"])
    parts = " UNION ALL ".join(
        [
            'SELECT metric, "against", layer, value FROM score WHERE condition_id = ? '
            'AND metric = ? AND "against" = ? AND image_id = ?'
        ]
        * len(pairs)
    )
    values = [value for pair in pairs for value in (condition, *pair, image_id)]
    return ask(run, f'{parts} ORDER BY metric, "against", layer', values)


def sharing(run: Source, image_id: str, condition: str) -> pd.DataFrame:
    """How many other images have one image's caption at a layer, letter for letter: layer, others.

    Scores compare normalised texts; to normalise all texts of a layer here would take seconds.
    """
    return ask(
        run,
        "SELECT layer, count(*) - 1 AS others FROM caption JOIN (SELECT layer, text "
        "FROM caption WHERE condition_id = ? AND image_id = ?) USING (layer, text) "
        "WHERE condition_id = ? GROUP BY layer ORDER BY layer",
        (condition, image_id, condition),
    )
