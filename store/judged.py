"""What publish computes from judgements. Judges are never merged: each has metrics of its own.

With `J` the judge's name: curves `judge.J.<criterion>` and `judge.J.mean` over images and layers;
of an image `judge.J` (its mean over criteria and layers), `judge_rise.J` (that of the last judged
layer minus that of the first) and `judge_spread.J` (how far votes on the same lie apart).
"""

import duckdb

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

CURVES = (
    "SELECT condition_id, layer, concat('judge.', judge, '.', criterion) AS metric, "
    f"'self' AS against, image_id, value FROM ({_VOTED})",
    "SELECT condition_id, layer, concat('judge.', judge, '.mean') AS metric, "
    f"'self' AS against, image_id, value FROM ({_MEAN})",
)
"""Rows (condition_id, layer, metric, against, image_id, value), one an image: its mean vote."""


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
