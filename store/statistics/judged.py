"""What publish computes from judgements. Judges are never merged: each has metrics of its own.

With `J` the judge's name: curves `judge.J.<criterion>` and `judge.J.mean` over images and layers;
`judge_step.J.<criterion>`, a layer's score minus that of the judged layer below, image by image;
of an image `judge.J` (its mean over criteria and layers), `judge_rise.J` (that of the last judged
layer minus that of the first) and `judge_spread.J` (how far votes on the same lie apart).
"""

import re

import duckdb

MEAN = "mean"
"""Stands where a criterion does, for the mean of them all."""

STEP = "judge_step"
_NAME = re.compile(r"judge\.(.+)\.([a-z_]+)")  # a judge's name ends in a hash after a hyphen

_VOTED = (
    "SELECT judge, condition_id, image_id, layer, criterion, avg(score) AS value, "
    "stddev_samp(score) AS spread FROM judgement WHERE score IS NOT NULL GROUP BY ALL"
)
# A layer that lacks a criterion has no mean: it would be the mean of something else.
_MEAN = (
    f"SELECT judge, condition_id, image_id, layer, avg(value) AS value FROM ({_VOTED}) "
    "GROUP BY ALL HAVING count(*) = (SELECT count(DISTINCT criterion) FROM judgement)"
)
_ENDS = (
    "SELECT judge, min(layer) AS first, max(layer) AS last, count(DISTINCT layer) AS n "
    "FROM judgement GROUP BY judge"
)

_ALL = (
    f"SELECT judge, condition_id, image_id, layer, criterion, value FROM ({_VOTED}) UNION ALL "
    f"SELECT judge, condition_id, image_id, layer, '{MEAN}', value FROM ({_MEAN})"
)
# Neighbours are layers next to each other among the judge's, both scored for the same image.
_STEPS = (
    f"WITH values AS ({_ALL}), places AS (SELECT judge, layer, row_number() OVER (PARTITION BY "
    "judge ORDER BY layer) AS place FROM (SELECT DISTINCT judge, layer FROM judgement)) "
    "SELECT condition_id, layer, judge, criterion, image_id, value - lag(value) OVER l AS step,"
    " place - lag(place) OVER l AS apart FROM values JOIN places USING (judge, layer) "
    "WINDOW l AS (PARTITION BY judge, condition_id, image_id, criterion ORDER BY layer)"
)

CURVES = (
    "SELECT condition_id, layer, concat('judge.', judge, '.', criterion) AS metric, "
    f"'self' AS against, image_id, value FROM ({_ALL})",
    f"SELECT condition_id, layer, concat('{STEP}.', judge, '.', criterion) AS metric, "
    f"'previous' AS against, image_id, step AS value FROM ({_STEPS}) WHERE apart = 1",
)
"""Rows (condition_id, layer, metric, against, image_id, value), one an image: its mean vote."""


def values(criterion: str) -> str:
    """SQL of rows with judge, condition_id, image_id, layer, value: of votes, their mean."""
    # As 32-bit floats, like all metrics, so that thresholds are compared alike.
    source = _MEAN if criterion == MEAN else _VOTED
    return f"SELECT * REPLACE (value::FLOAT AS value) FROM ({source})"


def criterion_of(metric: str) -> tuple[str, str] | None:
    """The judge and the criterion (or `mean`) of the name of a judge's curve, else None.

    >>> criterion_of("judge.gpt-4.1-1a2b3c4d.entities")
    ('gpt-4.1-1a2b3c4d', 'entities')
    >>> criterion_of("judge.gpt-4.1-1a2b3c4d")
    """
    match = _NAME.fullmatch(metric)
    return (match[1], match[2]) if match else None


def add_image_stats(con: duckdb.DuckDBPyConnection) -> None:
    """Add to table `image_stat` what judges say about an image; the spread needs several votes."""
    con.execute(f"""
        INSERT INTO image_stat
        WITH means AS (FROM ({_MEAN}) JOIN ({_ENDS}) USING (judge))
        SELECT condition_id, image_id, concat('judge.', judge), avg(value)
        FROM means GROUP BY condition_id, image_id, judge, n HAVING count(*) = n
        UNION ALL
        SELECT condition_id, image_id, concat('judge_rise.', judge),
            max(value) FILTER (layer = last) - max(value) FILTER (layer = first) AS rise
        FROM means GROUP BY condition_id, image_id, judge HAVING rise IS NOT NULL
        UNION ALL
        SELECT condition_id, image_id, concat('judge_spread.', judge), avg(spread)
        FROM ({_VOTED}) WHERE spread IS NOT NULL GROUP BY condition_id, image_id, judge""")
