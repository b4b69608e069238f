"""What readers ask of judges and their replies. Judges stand side by side, never merged."""

import numpy as np
import pandas as pd

from store.query.ask import Source, ask
from store.schema import BASELINE
from store.statistics import intervals, judged

TEXT_SHOWN = 4000
"""Characters of a reply that a page shows."""

_FIXED = "information"
"""The criterion that the first judged layer gets no choice in: its score says nothing."""

# One status a reply, which has a row a layer and criterion: its failure, or else the mark of scores
# that count, or else `ok`.
_REPLIES = (
    "SELECT reply_id, judge, any_value(image_id) AS image_id, any_value(vote) AS vote, "
    "coalesce(min(status) FILTER (score IS NULL), min(status) FILTER (status <> 'ok'), 'ok') "
    "AS status FROM judgement "
    "WHERE judge = ? AND condition_id = ? GROUP BY reply_id, judge"
)


def judges(run: Source, condition: str = BASELINE) -> pd.DataFrame:
    """Every judge: judge, model_asked, model_answered (all names), replies, tokens, images, layers.

    `layers` is the list of judged layers; tokens are NULL where no server counted them.
    """
    return ask(
        run,
        "SELECT * FROM (SELECT judge, count(DISTINCT image_id) AS images, max(vote) + 1 AS votes, "
        "list_sort(list(DISTINCT layer)) AS layers FROM judgement WHERE condition_id = ? "
        "GROUP BY judge) JOIN (SELECT judge, any_value(model_asked) AS model_asked, "
        "string_agg(DISTINCT model_answered, ', ') AS model_answered, count(*) AS replies, "
        "sum(tokens_in)::BIGINT AS tokens_in, sum(tokens_out)::BIGINT AS tokens_out "
        "FROM reply GROUP BY judge) USING (judge) ORDER BY judge",
        (condition,),
    )


def statuses(run: Source, judge: str, condition: str = BASELINE) -> pd.DataFrame:
    """How a judge's replies came out: status, replies, most frequent first."""
    return ask(
        run,
        f"SELECT status, count(*) AS replies FROM ({_REPLIES}) GROUP BY status "
        "ORDER BY replies DESC, status",
        (judge, condition),
    )


def replies(
    run: Source,
    judge: str,
    status: str | None,
    limit: int,
    offset: int,
    condition: str = BASELINE,
) -> pd.DataFrame:
    """Replies as they came, by image and vote.

    Args:
        run: an open run.
        judge: whose.
        status: of this status alone; None for all.
        limit: rows of a page.
        offset: rows to leave out before them.
        condition: of the captions.

    Returns:
        image_id, vote, status, model_asked, model_answered, tokens_in, tokens_out, at, text (its
        first `TEXT_SHOWN` characters), length (of the whole text).
    """
    only = "" if status is None else "WHERE status = ?"
    given = () if status is None else (status,)
    return ask(
        run,
        f"WITH page AS (SELECT * FROM ({_REPLIES}) {only} ORDER BY image_id, vote "
        "LIMIT ? OFFSET ?) SELECT image_id, vote, status, model_asked, model_answered, tokens_in, "
        '"at", tokens_out, left(text, ?) AS text, length(text) AS length FROM page '
        "JOIN reply USING (reply_id) ORDER BY image_id, vote",
        (judge, condition, *given, limit, offset, TEXT_SHOWN),
    )


def of_caption(run: Source, image_id: str, layer: int, condition: str = BASELINE) -> pd.DataFrame:
    """What judges say of one caption: judge, value (the mean over criteria of its mean votes)."""
    return ask(
        run,
        f"SELECT judge, value FROM ({judged.values(judged.MEAN)}) WHERE image_id = ? "
        "AND layer = ? AND condition_id = ? ORDER BY judge",
        (image_id, layer, condition),
    )


def agreement(run: Source, condition: str = BASELINE) -> pd.DataFrame:
    """How far two judges agree: judge, other, criterion, n, equal, kappa.

    The first scored vote of each counts, on the same image, layer and criterion. `equal` is the
    share of equal scores; `kappa` Cohen's, with quadratic weights, NULL if neither ever differs.
    """
    # With quadratic weights kappa needs no table of pairs: it is one minus the mean squared
    # difference over that of independent scores, which means and variances give.
    return ask(
        run,
        "WITH first AS (SELECT judge, image_id, layer, criterion, arg_min(score, vote) AS score "
        "FROM judgement WHERE condition_id = ? AND score IS NOT NULL GROUP BY ALL), "
        "own AS (SELECT f.* FROM first f JOIN (SELECT judge, min(layer) AS lowest FROM judgement "
        f"GROUP BY judge) USING (judge) WHERE criterion <> '{_FIXED}' OR layer > lowest) "
        "SELECT a.judge, b.judge AS other, a.criterion, count(*) AS n, "
        "avg((a.score = b.score)::INTEGER) AS equal, "
        "1 - avg(pow(a.score - b.score, 2)) / nullif(var_pop(a.score) + var_pop(b.score) "
        "+ pow(avg(a.score) - avg(b.score), 2), 0) AS kappa "
        "FROM own a JOIN own b ON a.judge < b.judge AND a.image_id = b.image_id "
        "AND a.layer = b.layer AND a.criterion = b.criterion "
        "GROUP BY a.judge, b.judge, a.criterion ORDER BY a.judge, b.judge, a.criterion",
        (condition,),
    )


def rises(run: Source, criterion: str, condition: str = BASELINE) -> pd.DataFrame:
    """By how much every judge's score rises from its lowest to its highest layer.

    Args:
        run: an open run.
        criterion: of the score; an image counts with the mean of its votes.
        condition: of the captions.

    Returns:
        judge, n (images with both scores), rise (their mean) and its 95% interval by Student's
        t, low and high, NaN below `intervals.LEAST_IMAGES` images.
    """
    frame = ask(
        run,
        "WITH votes AS (SELECT judge, image_id, layer, avg(score) AS value FROM judgement "
        "WHERE criterion = ? AND condition_id = ? AND score IS NOT NULL GROUP BY ALL), "
        "ends AS (SELECT judge, min(layer) AS first, max(layer) AS last FROM judgement "
        "GROUP BY judge), both_ AS (SELECT judge, image_id, max(value) FILTER (layer = last) - "
        "max(value) FILTER (layer = first) AS rise FROM votes JOIN ends USING (judge) "
        "GROUP BY judge, image_id) SELECT judge, count(rise) AS n, avg(rise) AS rise, "
        "stddev_samp(rise) AS sd FROM both_ GROUP BY judge HAVING n > 0 ORDER BY judge",
        (criterion, condition),
    )
    half = (
        intervals.students(intervals.Z, frame["n"].to_numpy()) * frame["sd"] / np.sqrt(frame["n"])
    )
    return frame.assign(low=frame["rise"] - half, high=frame["rise"] + half).drop(columns="sd")


def rank_correlation(
    run: Source, judge: str, metric: str, against: str, condition: str = BASELINE
) -> pd.DataFrame:
    """Spearman's correlation of a judge's mean score with a metric: layer, n, correlation.

    Ties share the mean of their ranks. The row whose layer is NULL is over all images and layers,
    where the layer itself drives both; the others are over the images of one layer.

    Args:
        run: an open run.
        judge: whose mean over criteria counts.
        metric: a score of the captions.
        against: what that is held against.
        condition: of the captions.
    """

    def ranked(value: str, within: str) -> str:
        part = f"PARTITION BY {within}" if within else ""
        same = f"PARTITION BY {within + ', ' if within else ''}{value}"
        return f"rank() OVER ({part} ORDER BY {value}) + (count(*) OVER ({same}) - 1) / 2"

    return ask(
        run,
        "WITH both_ AS (SELECT layer, j.value AS judged, s.value AS scored FROM "
        f"(SELECT * FROM ({judged.values(judged.MEAN)}) WHERE judge = ? AND condition_id = ?) j "
        "JOIN (SELECT image_id, layer, value FROM score WHERE condition_id = ? AND metric = ? "
        'AND "against" = ? AND isfinite(value)) s USING (image_id, layer)), '
        f"ranks AS (SELECT layer, {ranked('judged', '')} AS a, {ranked('scored', '')} AS b, "
        f"{ranked('judged', 'layer')} AS c, {ranked('scored', 'layer')} AS d FROM both_) "
        "SELECT NULL::INTEGER AS layer, count(*) AS n, corr(a, b) AS correlation FROM ranks "
        "HAVING n > 0 UNION ALL SELECT layer, count(*), corr(c, d) FROM ranks GROUP BY layer "
        "ORDER BY layer NULLS FIRST",
        (judge, condition, condition, metric, against),
    )
