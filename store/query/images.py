"""What readers ask of a whole run: which images a selection has, and what was computed of all.

Values are bound, never pasted. Names of columns come from `schema.TABLES` alone. No query returns
more rows than a page shows, one image has or a curve holds; the one exception is the export.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from store.query import similar
from store.query.ask import Source, Sql, ask
from store.query.predicates import Predicate, Quantity
from store.query.similar import Likeness
from store.schema import BASELINE, CAPTION_METRICS, LAYER_COLUMNS
from store.statistics import judged

_HAVE_LAYERS = {
    **dict.fromkeys(LAYER_COLUMNS, "layer_stat"),
    **dict.fromkeys(CAPTION_METRICS, "caption"),
}


def has_layers(metric: str) -> bool:
    """Whether a metric that is not a score is one a layer; else it is one an image."""
    return metric in _HAVE_LAYERS or judged.criterion_of(metric) is not None


@dataclass(frozen=True)
class Search:
    """A piece of text that a caption contains, in one layer or in any (None)."""

    text: str
    layer: int | None = None


@dataclass(frozen=True)
class Sort:
    """An order of images. A quantity of any layer counts with its extreme over the layers."""

    quantity: Quantity
    descending: bool = True


Order = Sort | Likeness
"""By a quantity, or by likeness to an image, the most alike first."""


@dataclass(frozen=True)
class Selection:
    """Which images are meant; all that is given must hold.

    Attributes:
        predicates: what holds of the image's numbers.
        search: a text that is found in its captions.
        condition: which edits of the model.
        among: ids of the images that are meant at all, such as those with a tag; None for all.
        category: groups of the data set, of which an image has one; none for all images.
        label: classes, likewise.
    """

    predicates: tuple[Predicate, ...] = ()
    search: Search | None = None
    condition: str = BASELINE
    among: tuple[str, ...] | None = None
    category: tuple[str, ...] = ()
    label: tuple[str, ...] = ()


def _values(quantity: Quantity, condition: str) -> Sql:
    """Rows (image_id, value) of a quantity, one for each layer meant; never NULL or NaN."""
    if isinstance(quantity.layer, str):
        layers = _values(replace(quantity, layer=None), condition)
        return Sql(
            f"SELECT image_id, {quantity.layer}(value) AS value FROM ({layers.text}) "
            "GROUP BY image_id",
            layers.params,
        )
    table = _HAVE_LAYERS.get(quantity.metric) if quantity.against is None else "score"
    column, where = "value", ""
    params: list[object] = []
    judge = judged.criterion_of(quantity.metric) if quantity.against is None else None
    if judge is not None:
        name, criterion = judge
        table = f"({judged.values(criterion)})"
        where = " AND judge = ?"
        params = [name]
        if criterion != judged.MEAN:
            where, params = f"{where} AND criterion = ?", [*params, criterion]
    elif table == "score":
        where, params = ' AND metric = ? AND "against" = ?', [quantity.metric, quantity.against]
    elif table is None:
        table, where, params = "image_stat", " AND metric = ?", [quantity.metric]
    else:
        column = quantity.metric
    if quantity.layer is not None and table != "image_stat":
        where, params = f"{where} AND layer = ?", [*params, quantity.layer]
    value = f'abs("{column}")' if quantity.absolute else f'"{column}"'
    return Sql(
        f"SELECT image_id, {value} AS value FROM {table} WHERE condition_id = ?{where} "
        f'AND "{column}" IS NOT NULL AND NOT isnan("{column}")',
        (condition, *params),
    )


def as_stored(threshold: float) -> float:
    """The threshold as the tables would hold it, so that a stored 0.1 is not above 0.1."""
    return float(np.float32(threshold))


def matching(selection: Selection) -> Sql:
    """`WHERE ...` on `image`, true for the images meant."""
    terms = ["true"]
    params: list[object] = []
    for predicate in selection.predicates:
        values = _values(predicate.quantity, selection.condition)
        terms.append(
            f"image_id IN (SELECT image_id FROM ({values.text}) WHERE value {predicate.op} ?)"
        )
        params += [*values.params, as_stored(predicate.threshold)]
    search = selection.search
    if search is not None and search.text.strip():
        layer = "" if search.layer is None else " AND layer = ?"
        terms.append(
            "image_id IN (SELECT image_id FROM caption WHERE condition_id = ?"
            f"{layer} AND contains(lower(text), ?))"
        )
        params += [
            selection.condition,
            *([] if search.layer is None else [search.layer]),
            search.text.strip().lower(),
        ]
    for column, chosen in (
        ("image_id", selection.among),
        ("category", selection.category or None),
        ("label", selection.label or None),
    ):
        if chosen is not None:
            terms.append(f"{column} IN (SELECT unnest(?::VARCHAR[]))")
            params.append(list(chosen))
    return Sql(f"WHERE {' AND '.join(terms)}", tuple(params))


def images_sql(
    selection: Selection, order: Order | None, limit: int | None = None, offset: int = 0
) -> Sql:
    """The query behind `filter_images`, as an export tells it."""
    where = matching(selection)
    if order is None:
        by, join, value = "image_id", Sql(""), "NULL::DOUBLE"
    else:
        down = isinstance(order, Sort) and order.descending
        way, extreme = ("DESC", "max") if down else ("ASC", "min")
        values = (
            _values(order.quantity, selection.condition)
            if isinstance(order, Sort)
            else similar.distances(order, selection.condition)
        )
        join = Sql(
            f" LEFT JOIN (SELECT image_id, {extreme}(value) AS value FROM ({values.text}) "
            "GROUP BY image_id) USING (image_id)",
            values.params,
        )
        by, value = f"value {way} NULLS LAST, image_id", "value"
    return Sql(
        f"WITH page AS (SELECT image_id, label, category, {value} AS value "
        f"FROM image{join.text} {where.text} ORDER BY {by} LIMIT ? OFFSET ?) "
        "SELECT image_id, label, category, text AS caption, value AS sort_value FROM page "
        "LEFT JOIN (SELECT image_id, text FROM caption WHERE condition_id = ? "
        f"AND layer = (SELECT max(n_layers) FROM run)) USING (image_id) ORDER BY {by}",
        (*join.params, *where.params, limit, offset, selection.condition),
    )


def filter_images(
    run: Source,
    selection: Selection,
    sort: Order | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> pd.DataFrame:
    """Images of a selection, in order: image_id, label, category, caption, sort_value.

    Args:
        run: an open run.
        selection: which images.
        sort: by what; by image_id without it. Images without the value come last.
        limit: rows of a page; None for all (an export).
        offset: rows to leave out before them.

    Returns:
        One row an image; `caption` is that of the last layer.
    """
    query = images_sql(selection, sort, limit, offset)
    return ask(run, query.text, query.params)


def count_images(run: Source, selection: Selection) -> int:
    """How many images a selection has."""
    where = matching(selection)
    return int(ask(run, f"SELECT count(*) AS n FROM image {where.text}", where.params)["n"][0])


def predicate_values(run: Source, selection: Selection) -> pd.DataFrame:
    """For an export: image_id and, for each predicate, the value that it looked at."""
    where = matching(selection)
    columns, joins = [], []
    params: list[object] = []
    for i, predicate in enumerate(selection.predicates):
        values = _values(predicate.quantity, selection.condition)
        extreme = "max" if predicate.upward else "min"
        columns.append(f", v{i}.value AS v{i}")
        joins.append(
            f" LEFT JOIN (SELECT image_id, {extreme}(value) AS value FROM ({values.text}) "
            f"GROUP BY image_id) v{i} ON v{i}.image_id = i.image_id"
        )
        params += values.params
    frame = ask(
        run,
        f"SELECT i.image_id{''.join(columns)} FROM (SELECT image_id FROM image {where.text}) i"
        f"{''.join(joins)}",
        (*where.params, *params),
    )
    frame.columns = pd.Index(
        ["image_id", *(str(predicate.quantity) for predicate in selection.predicates)]
    )
    return frame


def histogram(
    run: Source, quantity: Quantity, condition: str = BASELINE, bins: int = 40
) -> pd.DataFrame:
    """How a quantity spreads over all images, each counted once: low, high, n.

    Args:
        run: an open run.
        quantity: one number an image: of a layer, or the largest or least over layers
            (`Predicate.decides`).
        condition: which edits of the model.
        bins: so many of the same width from the least value to the largest, which is a width of 1
            where all are the same; empty ones have no row.
    """
    values = _values(quantity, condition)
    return ask(
        run,
        f"WITH v AS (SELECT value::DOUBLE AS value FROM ({values.text}) WHERE isfinite(value)), "
        "b AS (SELECT min(value) AS lo, coalesce(nullif(max(value) - min(value), 0), 1) AS wide "
        "FROM v), "
        "k AS (SELECT least(floor((value - lo) / wide * ?), ? - 1)::INTEGER AS bin, lo, wide "
        "FROM v, b) SELECT lo + bin * wide / ? AS low, lo + (bin + 1) * wide / ? AS high, "
        "count(*) AS n FROM k GROUP BY bin, lo, wide ORDER BY bin",
        (*values.params, bins, bins, bins, bins),
    )


def scored(run: Source) -> pd.DataFrame:
    """Which scores (metric, against) and image metrics (against NULL) the run has."""
    return ask(
        run,
        'SELECT DISTINCT metric, "against" FROM score UNION ALL '
        "SELECT DISTINCT metric, NULL FROM image_stat UNION ALL "
        "SELECT DISTINCT metric, NULL FROM curve WHERE metric LIKE 'judge.%' "
        'ORDER BY "against" NULLS FIRST, metric',
    )


def quantile(
    run: Source, quantity: Quantity, share: float, condition: str = BASELINE
) -> float | None:
    """The value below which a share of the images' values lie; None without any.

    Over any layer, all layers of an image count.
    """
    values = _values(quantity, condition)
    value = ask(
        run,
        f"SELECT quantile_cont(value, ?)::DOUBLE AS q FROM ({values.text}) WHERE isfinite(value)",
        (share, *values.params),
    )["q"][0]
    return None if pd.isna(value) else float(value)


def convergence(run: Source, condition: str = BASELINE) -> pd.DataFrame:
    """How many images converge at which layer: metric, layer, n; a layer is NULL for never."""
    return ask(
        run,
        "SELECT metric, value::INTEGER AS layer, count(*) AS n FROM image_stat "
        "WHERE condition_id = ? AND metric LIKE 'convergence_layer%' "
        "GROUP BY ALL ORDER BY metric, layer",
        (condition,),
    )


def run_row(run: Source) -> pd.DataFrame:
    """The one row of `run`."""
    return ask(run, "SELECT * FROM run")


def conditions(run: Source) -> list[str]:
    """Conditions, the baseline first."""
    frame = ask(
        run,
        "SELECT condition_id FROM condition ORDER BY condition_id <> ?, condition_id",
        (BASELINE,),
    )
    return [str(value) for value in frame["condition_id"]]


def table_rows(run: Source) -> pd.DataFrame:
    """Rows of every table: table_name, rows."""
    return ask(
        run,
        "SELECT table_name, estimated_size AS rows FROM duckdb_tables() "
        "WHERE NOT internal ORDER BY table_name",
    )


def count_skipped(run: Source) -> pd.DataFrame:
    """How many pictures were left out: one row, n."""
    return ask(run, "SELECT count(*) AS n FROM skipped")


def skipped(run: Source, limit: int, offset: int = 0) -> pd.DataFrame:
    """A page of the pictures left out, and why: source, reason."""
    return ask(
        run, "SELECT source, reason FROM skipped ORDER BY source LIMIT ? OFFSET ?", (limit, offset)
    )


def landmarks(run: Source, condition: str = BASELINE) -> pd.DataFrame:
    """Where the decoder is sure, grounding sets in and CIDEr levels off.

    Returns:
        metric, layer, low, high, rule.
    """
    return ask(
        run,
        # What version 0.1 published called the decoder's confidence fluency.
        "SELECT if(metric = 'fluency_onset', 'confidence_onset', metric) AS metric, layer, low, "
        "high, rule FROM landmark "
        "WHERE condition_id = ? AND layer IS NOT NULL ORDER BY layer, metric",
        (condition,),
    )


def bands(run: Source, condition: str = BASELINE) -> pd.DataFrame:
    """The simultaneous bands of a condition's curves: layer, metric, against, low, high."""
    return ask(
        run,
        'SELECT layer, metric, "against", low, high FROM band WHERE condition_id = ?',
        (condition,),
    )


def curves(run: Source, condition: str = BASELINE) -> pd.DataFrame:
    """The data set's curves of a condition: layer, metric, against, n, mean, low, high."""
    return ask(
        run,
        'SELECT layer, metric, "against", n, mean, low, high FROM curve '
        'WHERE condition_id = ? ORDER BY metric, "against", layer',
        (condition,),
    )
