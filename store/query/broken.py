"""What readers ask about broken pictures: their curves over layers, and where stories part."""

import pandas as pd

from store.query.ask import Source, ask
from store.schema import BASELINE

_BROKEN = "(FROM condition WHERE json_extract(spec, '$.input') IS NOT NULL)"


def conditions(run: Source) -> pd.DataFrame:
    """Conditions on the picture: condition_id, kind, spec."""
    return ask(run, f"SELECT condition_id, kind, spec FROM {_BROKEN} ORDER BY kind, condition_id")


def measures(run: Source) -> pd.DataFrame:
    """What all layers of broken pictures were measured by: metric, against."""
    return ask(
        run,
        f'SELECT DISTINCT metric, "against" FROM curve SEMI JOIN {_BROKEN} USING (condition_id) '
        'WHERE layer = 0 ORDER BY metric, "against"',
    )


def curves(run: Source, metric: str, against: str) -> pd.DataFrame:
    """One measure of broken pictures over layers, and of the clean ones where they have it.

    Returns:
        condition_id, layer, n, mean, low, high; the baseline first.
    """
    return ask(
        run,
        "SELECT condition_id, layer, n, mean, low, high FROM curve "
        f"WHERE (condition_id = ? OR condition_id IN (SELECT condition_id FROM {_BROKEN})) "
        'AND metric = ? AND "against" = ? ORDER BY condition_id <> ?, condition_id, layer',
        (BASELINE, metric, against, BASELINE),
    )


def divergence(run: Source) -> pd.DataFrame:
    """Of every condition on the picture: where its stories part from the clean pictures'.

    Returns:
        condition_id, n (images), for_good (whose last caption is another), and medians over those
        that have them: first (the first layer that differs) and lasting (from where all differ).
    """
    return ask(
        run,
        "SELECT condition_id, count(DISTINCT image_id) AS n, "
        "count(value) FILTER (metric = 'lasting_divergence_layer') AS for_good, "
        "median(value) FILTER (metric = 'divergence_layer') AS first, "
        "median(value) FILTER (metric = 'lasting_divergence_layer') AS lasting "
        f"FROM image_stat SEMI JOIN {_BROKEN} USING (condition_id) "
        "WHERE metric IN ('divergence_layer', 'lasting_divergence_layer') "
        "GROUP BY condition_id ORDER BY condition_id",
    )


def first_to_break(run: Source, condition: str, limit: int, offset: int = 0) -> pd.DataFrame:
    """Images in the order of how early their stories part from the clean picture's for good.

    Returns:
        image_id, layer (from which all captions differ; NULL, and last, where the last does not),
        before and after: the last layer's caption of the clean picture and of the broken one.
    """
    return ask(
        run,
        "WITH page AS (SELECT image_id, value::INTEGER AS layer FROM image_stat "
        "WHERE condition_id = ? AND metric = 'lasting_divergence_layer' "
        "ORDER BY value NULLS LAST, image_id LIMIT ? OFFSET ?), "
        "top AS (FROM caption WHERE layer = (SELECT max(n_layers) FROM run)) "
        "SELECT image_id, page.layer, b.text AS before, a.text AS after FROM page "
        "LEFT JOIN (FROM top WHERE condition_id = ?) b USING (image_id) "
        "LEFT JOIN (FROM top WHERE condition_id = ?) a USING (image_id) "
        "ORDER BY page.layer NULLS LAST, image_id",
        (condition, limit, offset, BASELINE, condition),
    )
