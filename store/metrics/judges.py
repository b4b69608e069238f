"""What judges score: metrics that are named after a judge, `judge.J.entities`."""

import math

from store.metrics.metric import Metric

_UNIT = "1 to 5"
_MARKS = (1.0, 5.0)

CRITERIA: dict[str, Metric] = {
    "entities": Metric(
        "Entities",
        _UNIT,
        "How many distinct things the caption names: 1 few, 3 medium, 5 many.",
        range=_MARKS,
    ),
    "specificity": Metric(
        "Specificity",
        _UNIT,
        "How specific they are on average, in attributes and detail.",
        range=_MARKS,
    ),
    "information": Metric(
        "Information",
        _UNIT,
        "How much the caption tells, and whether more than the layer before; the first judged "
        "layer counts as 3.",
        range=_MARKS,
    ),
    "correspondence": Metric(
        "Correspondence",
        _UNIT,
        "How well the caption fits the picture.",
        range=_MARKS,
        better="more",
    ),
    "mean": Metric("Mean", _UNIT, "The mean over the four criteria.", range=_MARKS),
}
"""What a judge scores."""

JUDGED: dict[str, Metric] = {
    "judge": Metric(
        "Judge {}",
        _UNIT,
        "A judge's score: mean over criteria and judged layers.",
        range=_MARKS,
    ),
    "judge_rise": Metric(
        "Rise, judge {}",
        "points",
        "A judge's mean score of the last judged layer minus that of the first.",
        range=(-4.0, 4.0),
    ),
    "judge_spread": Metric(
        "Spread of votes, judge {}",
        "points",
        "How far a judge's votes on the same caption lie apart (standard deviation).",
        range=(0.0, math.inf),
    ),
}
"""Of an image, by one judge; its name stands for {}."""
