"""What readers ask of many captions at once, layer by layer: texts, scores, how many are right."""

from collections.abc import Sequence

import pandas as pd

from store.query.ask import Source, ask
from store.query.images import Selection, as_stored, matching
from store.query.predicates import Predicate, Quantity

_THERE = "value IS NOT NULL AND NOT isnan(value)"


def texts(run: Source, image_ids: Sequence[str], condition: str) -> pd.DataFrame:
    """What every decoded layer says of some images: image_id, layer, text, mean_logprob."""
    return ask(
        run,
        "SELECT image_id, layer, text, mean_logprob FROM caption WHERE condition_id = ? "
        "AND list_contains(?::VARCHAR[], image_id) ORDER BY image_id, layer",
        (condition, list(image_ids)),
    )


def scores(
    run: Source, image_ids: Sequence[str], condition: str, quantity: Quantity
) -> pd.DataFrame:
    """What captions of some images score: image_id, layer, value.

    Args:
        run: an open run.
        image_ids: the images.
        condition: which edits of the model.
        quantity: a score and what it is held against; its layer means nothing here.
    """
    return ask(
        run,
        "SELECT image_id, layer, value FROM score WHERE condition_id = ? AND metric = ? "
        'AND "against" = ? AND list_contains(?::VARCHAR[], image_id) '
        f"AND {_THERE} ORDER BY image_id, layer",
        (condition, quantity.metric, quantity.against, list(image_ids)),
    )


def shares(run: Source, selection: Selection, right: Predicate) -> pd.DataFrame:
    """Of how many images of a selection each layer's caption is right.

    Args:
        run: an open run.
        selection: which images, and under which condition.
        right: what holds of a right caption's score; its layer means nothing here.

    Returns:
        layer, n (images that are scored there), right (of them).
    """
    where = matching(selection)
    return ask(
        run,
        f"SELECT layer, count(*) AS n, count(*) FILTER (value {right.op} ?) AS right "
        f'FROM score WHERE condition_id = ? AND metric = ? AND "against" = ? AND {_THERE} '
        f"AND image_id IN (SELECT image_id FROM image {where.text}) GROUP BY layer ORDER BY layer",
        (
            as_stored(right.threshold),
            selection.condition,
            right.quantity.metric,
            right.quantity.against,
            *where.params,
        ),
    )


def floor_shares(run: Source, right: Predicate) -> pd.DataFrame:
    """The same of captions of permuted towers, all together; no rows if the run has none.

    Returns:
        layer, n (captions that are scored there), right (of them).
    """
    known = ask(run, "SELECT table_name FROM duckdb_tables() WHERE table_name = 'floor_score'")
    if known.empty:
        return pd.DataFrame(columns=["layer", "n", "right"])
    return ask(
        run,
        f"SELECT layer, count(*) AS n, count(*) FILTER (value {right.op} ?) AS right "
        f'FROM floor_score WHERE metric = ? AND "against" = ? AND {_THERE} '
        "GROUP BY layer ORDER BY layer",
        (as_stored(right.threshold), right.quantity.metric, right.quantity.against),
    )
