"""Images whose captions change at the same layers."""

from dataclasses import dataclass

from store.metrics import likeness
from store.query.ask import Source, Sql, ask
from store.schema import BASELINE


@dataclass(frozen=True)
class Likeness:
    """An order of images by how alike their captions change to those of one image.

    Attributes:
        image_id: the image.
        metric: a score against the layer below, one of `store.metrics.likeness`.
    """

    image_id: str
    metric: str


def distances(likeness: Likeness, condition: str = BASELINE) -> Sql:
    r"""Rows (image_id, value): the distance of each image's profile of change from that of one.

    The change at layer l is c_l = 1 - score(caption of l, caption of l-1), at least 0; the profile
    p_l = c_l / \sum c tells at which layers captions change, whatever they say and however much
    they change in all. Two profiles p and q are shares that sum to 1, and their Hellinger distance
    sqrt(1 - \sum_l sqrt(p_l q_l)) is 0 for the same shares at the same layers and 1 for no layer
    in common. Unlike a Euclidean distance it is not ruled by the one largest change, and the sums
    it needs come from one pass over the scores, without making all profiles first. Layers
    that stand side by side count as two different ones.

    Args:
        likeness: to which image, by which metric.
        condition: which edits of the model.

    Returns:
        A row of each image whose captions change at all, the image itself (0) among them; none if
        its own never change. In [0, 1].
    """
    changes = (
        "FROM score WHERE condition_id = ? AND metric = ? AND \"against\" = 'previous' "
        "AND value IS NOT NULL AND NOT isnan(value)"
    )
    change = "greatest(1 - value::DOUBLE, 0)"
    params = (condition, likeness.metric)
    return Sql(
        f"WITH mine AS (SELECT layer, {change} AS mine {changes} AND image_id = ?), "
        "shares AS (SELECT layer, sqrt(mine / (SELECT sum(mine) FROM mine)) AS root FROM mine "
        "WHERE (SELECT sum(mine) FROM mine) > 0), "
        f"sums AS (SELECT image_id, sum({change}) AS whole, sum(sqrt({change}) * root) AS common "
        f"FROM (SELECT * {changes}) JOIN shares USING (layer) GROUP BY image_id) "
        "SELECT image_id, sqrt(greatest(1 - common / sqrt(whole), 0)) AS value FROM sums "
        "WHERE whole > 0",
        (*params, likeness.image_id, *params),
    )


def metric_of(run: Source, condition: str = BASELINE) -> str | None:
    """The metric that captions are compared by; None if captions were not scored."""
    scored = set(
        ask(
            run,
            "SELECT DISTINCT metric FROM curve WHERE condition_id = ? AND \"against\" = 'previous'",
            (condition,),
        )["metric"]
    )
    return next((metric for metric in likeness() if metric in scored), None)
