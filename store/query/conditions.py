"""What readers ask about conditions: sweeps, what they changed, effects of heads, pruning.

Values are bound, never pasted. Nothing here returns more rows than there are conditions, heads of
a model, or images on a page.
"""

from collections.abc import Sequence

import pandas as pd

from store.interventions import READER
from store.metrics import head_columns
from store.query.ask import Source, ask, quoted
from store.schema import BASELINE, SAMPLE

_TOP = "(SELECT max(n_layers) FROM run)"
_EDITS = f"condition_id NOT IN (SELECT condition_id FROM condition WHERE kind = '{READER}')"
"""Readers edit nothing in the model: `store.query.translators` asks about them."""


def conditions(run: Source) -> pd.DataFrame:
    """Every edit of the model: condition_id, kind, layers, heads, source, spec."""
    return ask(
        run,
        "SELECT condition_id, kind, layers, heads, source, spec FROM condition "
        f"WHERE condition_id <> ? AND {_EDITS} ORDER BY kind, layers, condition_id",
        (BASELINE,),
    )


def decoded(run: Source) -> pd.DataFrame:
    """At how many layers each condition's captions were measured: condition_id, n_layers.

    Most layers first, then the baseline, then by condition_id.
    """
    return ask(
        run,
        "SELECT condition_id, count(DISTINCT layer) AS n_layers FROM curve "
        "GROUP BY condition_id ORDER BY n_layers DESC, condition_id <> ?, condition_id",
        (BASELINE,),
    )


def sweep_metrics(run: Source) -> pd.DataFrame:
    """What captions of edited models were measured by at the last layer: metric, against."""
    return ask(
        run,
        f'SELECT DISTINCT metric, "against" FROM curve WHERE condition_id <> ? '
        f'AND {_EDITS} AND layer = {_TOP} ORDER BY metric, "against"',
        (BASELINE,),
    )


def at_last_layer(run: Source, metric: str, against: str) -> pd.DataFrame:
    """One measure of the last layer's captions: condition_id, n, mean, low, high.

    The baseline is among them, unless the measure is held against the baseline itself.
    """
    return ask(
        run,
        f"SELECT condition_id, n, mean, low, high FROM curve WHERE layer = {_TOP} AND {_EDITS} "
        'AND metric = ? AND "against" = ? ORDER BY condition_id',
        (metric, against),
    )


def head_texts(run: Source) -> pd.DataFrame:
    """Texts that explain heads: layer, head, rank, text, explained, controls, spread, n.

    The heads of which image embeddings vary most come first, each with its texts by rank.
    """
    return ask(
        run,
        "SELECT layer, head, rank, text, explained, control, control_high, spread, n "
        "FROM head_text ORDER BY spread DESC, layer, head, rank",
    )


def phrase_share(run: Source, phrase: str) -> pd.DataFrame:
    """Of the last layer's captions, how many contain a phrase, and how many gained or lost it.

    Case does not count. Captions that are NULL are left out of all numbers, and so are a pruning's
    captions of the sample that it was chosen by.

    Returns:
        condition_id, n, found; pairs (images with a caption of the baseline, too), gained (those
        whose caption contains it and whose baseline's does not) and lost (the reverse).
    """
    return ask(
        run,
        f"WITH left_out AS (SELECT condition_id, {SAMPLE} FROM condition), "
        "has AS (SELECT condition_id, image_id, contains(lower(text), ?) AS here FROM caption "
        f"ANTI JOIN left_out USING (condition_id, image_id) WHERE layer = {_TOP} "
        "AND text IS NOT NULL) "
        "SELECT h.condition_id, count(*) AS n, count(*) FILTER (h.here) AS found, "
        "count(b.here) AS pairs, count(*) FILTER (h.here AND NOT b.here) AS gained, "
        "count(*) FILTER (b.here AND NOT h.here) AS lost FROM has h "
        "LEFT JOIN (FROM has WHERE condition_id = ?) b USING (image_id) "
        "GROUP BY h.condition_id ORDER BY h.condition_id",
        (phrase.strip().lower(), BASELINE),
    )


def most_changed(
    run: Source, condition: str, metric: str, against: str, limit: int, offset: int = 0
) -> pd.DataFrame:
    """Images in the order of how much a condition took from their last caption's score.

    Args:
        run: an open run.
        condition: the edited model.
        metric: a score.
        against: if `baseline`, the score itself is the order; else the score minus the
            baseline's own.
        limit: rows of a page.
        offset: rows to leave out before them.

    Returns:
        image_id, value (least first, then by image_id; unscored images are left out), before and
        after: the baseline's caption and the condition's.
    """
    before = "NULL" if against == BASELINE else "base.value"
    return ask(
        run,
        f"WITH top AS (SELECT {_TOP} AS layer), "
        "scored AS (SELECT condition_id, image_id, value FROM score JOIN top USING (layer) "
        'WHERE metric = ? AND "against" = ? AND condition_id IN (?, ?) AND value IS NOT NULL), '
        f"page AS (SELECT image_id, edit.value - coalesce({before}, 0) AS value "
        "FROM (FROM scored WHERE condition_id = ?) edit "
        f"{'LEFT' if against == BASELINE else 'INNER'} JOIN "
        "(FROM scored WHERE condition_id = ?) base USING (image_id) "
        "ORDER BY value, image_id LIMIT ? OFFSET ?) "
        "SELECT image_id, value, b.text AS before, a.text AS after FROM page "
        "LEFT JOIN (SELECT image_id, text FROM caption JOIN top USING (layer) "
        "WHERE condition_id = ?) b USING (image_id) "
        "LEFT JOIN (SELECT image_id, text FROM caption JOIN top USING (layer) "
        "WHERE condition_id = ?) a USING (image_id) ORDER BY value, image_id",
        (
            metric,
            against,
            condition,
            BASELINE,
            condition,
            BASELINE,
            limit,
            offset,
            BASELINE,
            condition,
        ),
    )


def count_scored(run: Source, condition: str, metric: str, against: str) -> pd.DataFrame:
    """How many images `most_changed` can rank at most: one row, n."""
    return ask(
        run,
        "SELECT count(value) AS n FROM score WHERE condition_id = ? AND metric = ? "
        f'AND "against" = ? AND layer = {_TOP}',
        (condition, metric, against),
    )


def changes(run: Source, condition: str) -> pd.DataFrame:
    """Paired changes of a condition, a row a metric and what it is held against."""
    return ask(
        run,
        'SELECT metric, "against", n, baseline, edited, difference, low, high, adjusted_p '
        'FROM change WHERE condition_id = ? ORDER BY metric, "against"',
        (condition,),
    )


def adjusted(run: Source, metric: str, against: str) -> pd.DataFrame:
    """How sure it is that a condition changed a measure, paired with the baseline.

    Returns:
        condition_id, difference, change_low, change_high (its pointwise 95% interval), adjusted_p.
    """
    return ask(
        run,
        "SELECT condition_id, difference, low AS change_low, high AS change_high, adjusted_p "
        "FROM change "
        'WHERE metric = ? AND "against" = ? ORDER BY condition_id',
        (metric, against),
    )


def changes_of_kind(run: Source, kind: str) -> pd.DataFrame:
    """Paired changes of all conditions of a kind, with condition_id and spec."""
    return ask(
        run,
        'SELECT condition_id, spec, metric, "against", n, baseline, edited, '
        "difference, low, high FROM change JOIN condition USING (condition_id) "
        'WHERE kind = ? ORDER BY condition_id, metric, "against"',
        (kind,),
    )


def chance(run: Source) -> pd.DataFrame:
    """What prunings are above random heads at equal count.

    Returns:
        condition_id, metric, against, n, n_random, difference, low, high, p.
    """
    return ask(
        run,
        'SELECT condition_id, metric, "against", n, n_random, difference, low, high, p '
        'FROM chance ORDER BY condition_id, metric, "against"',
    )


def head_metrics(run: Source, condition: str = BASELINE) -> pd.DataFrame:
    """What the data set's heads were measured by: metric, against."""
    return ask(
        run,
        'SELECT DISTINCT metric, "against" FROM head_curve WHERE condition_id = ? '
        'ORDER BY metric, "against"',
        (condition,),
    )


def head_curve(run: Source, metric: str, against: str, condition: str = BASELINE) -> pd.DataFrame:
    """One measure of every head over the data set: layer, head, n, mean, low, high, adjusted_p."""
    return ask(
        run,
        "SELECT layer, head, n, mean, low, high, adjusted_p FROM head_curve WHERE "
        'condition_id = ? AND metric = ? AND "against" = ? ORDER BY layer, head',
        (condition, metric, against),
    )


def spread(run: Source, metric: str, condition: str = BASELINE) -> pd.DataFrame:
    """How an image's measure spreads over images, one row: n, mean, low, middle, high (quartiles).

    `n` is 0 and the others NULL if no image has it.
    """
    return ask(
        run,
        "SELECT count(value) AS n, avg(value) AS mean, "
        "quantile_cont(value, 0.25) AS low, quantile_cont(value, 0.5) AS middle, "
        "quantile_cont(value, 0.75) AS high FROM image_stat "
        "WHERE condition_id = ? AND metric = ? AND NOT isnan(value)",
        (condition, metric),
    )


def layers_with_head_captions(run: Source) -> pd.DataFrame:
    """The layers whose heads were read one by one: layer."""
    return ask(
        run,
        "SELECT DISTINCT layer FROM head_caption WHERE condition_id = ? ORDER BY layer",
        (BASELINE,),
    )


def head_captions(run: Source, image_id: str, layer: int) -> pd.DataFrame:
    """What every head of a layer says of one image: head, text, mean_logprob, final_logprob."""
    return ask(
        run,
        "SELECT head, text, mean_logprob, final_logprob FROM head_caption "
        "WHERE condition_id = ? AND image_id = ? AND layer = ? ORDER BY head",
        (BASELINE, image_id, layer),
    )


def head_scores(run: Source, image_id: str, layer: int) -> pd.DataFrame:
    """Scores of the heads' captions of one image: head, metric, against, value."""
    return ask(
        run,
        'SELECT head, metric, "against", value FROM head_score WHERE condition_id = ? '
        "AND layer = ? AND image_id = ? ORDER BY head, metric",
        (BASELINE, layer, image_id),
    )


def head_effects(run: Source, image_id: str) -> pd.DataFrame:
    """The effect of every head on one image's final caption.

    Returns:
        layer, head and every metric of `head_effect`.
    """
    columns = quoted(head_columns("head_effect"))
    return ask(
        run,
        f"SELECT layer, head, {columns} FROM head_effect "
        "WHERE condition_id = ? AND image_id = ? ORDER BY layer, head",
        (BASELINE, image_id),
    )


def final_captions(run: Source, image_id: str, condition_ids: Sequence[str]) -> pd.DataFrame:
    """The last layer's caption of one image under some conditions: condition_id, text."""
    return ask(
        run,
        f"SELECT condition_id, text FROM caption WHERE image_id = ? AND layer = {_TOP} "
        "AND list_contains(?::VARCHAR[], condition_id) ORDER BY condition_id",
        (image_id, list(condition_ids)),
    )


def edited_captions(run: Source, image_id: str) -> pd.DataFrame:
    """The last layer's caption of one image under every edit of the model.

    Returns:
        condition_id, kind, layers, spec, text.
    """
    return ask(
        run,
        "SELECT condition_id, kind, layers, spec, text FROM caption "
        f"JOIN condition USING (condition_id) WHERE image_id = ? AND layer = {_TOP} "
        f"AND condition_id <> ? AND {_EDITS} ORDER BY condition_id",
        (image_id, BASELINE),
    )


def foretold(run: Source) -> pd.DataFrame:
    """Of every head that was removed in some image, over those images: what the gradient foretold.

    Returns:
        layer, head, n, foretold (minus the gradient), measured (means, nats a token).
    """
    return ask(
        run,
        "SELECT layer, head, count(*) AS n, avg(-gradient) AS foretold, "
        'avg("without") AS measured FROM head_effect WHERE condition_id = ? '
        'AND "without" IS NOT NULL AND gradient IS NOT NULL '
        "GROUP BY layer, head ORDER BY layer, head",
        (BASELINE,),
    )


def foretelling(run: Source) -> pd.DataFrame:
    """How well the gradient foretells: statistic (slope, rank), n_heads, n, value, low, high."""
    return ask(
        run,
        "SELECT statistic, n_heads, n, value, low, high FROM foretold "
        "WHERE condition_id = ? ORDER BY statistic",
        (BASELINE,),
    )


def conditions_of_heads(run: Source, layer: int) -> pd.DataFrame:
    """Conditions that edit heads of this layer alone: condition_id."""
    return ask(
        run,
        "SELECT condition_id FROM condition WHERE kind = 'heads' "
        "AND layers = [?::INTEGER] ORDER BY condition_id",
        (layer,),
    )
