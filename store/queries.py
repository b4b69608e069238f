"""Every SELECT that readers of a run use.

Values are bound, never pasted. Names of columns come from `schema.TABLES` alone. No query returns
more rows than a page shows, one image has or a curve holds; the one exception is the export.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb
import numpy as np
import pandas as pd

from store.errors import TableNotFound
from store.predicates import Predicate, Quantity
from store.schema import BASELINE, CAPTION_METRICS, LAYER_METRICS

LAYER_COLUMNS = (*LAYER_METRICS, "n_outlier_tokens")
_HAVE_LAYERS = {**dict.fromkeys(LAYER_COLUMNS, "layer_stat"),
                **dict.fromkeys(CAPTION_METRICS, "caption")}


def has_layers(metric: str) -> bool:
    """Whether a metric that is not a score is one a layer; else it is one an image."""
    return metric in _HAVE_LAYERS


class Source(Protocol):
    """Whatever answers SQL with a frame: an open run."""

    def sql(self, query: str, params: Sequence[Any] | None = None) -> pd.DataFrame:
        """Rows of a query with its bound parameters."""


DatabaseError = duckdb.Error
"""What reading a file may raise, for rooms that do not import the database themselves."""


def _ask(run: Source, query: str, params: Sequence[Any] = ()) -> pd.DataFrame:
    try:
        return run.sql(query, params)
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise TableNotFound(
            f"expected the tables of store/schema.py; got: {str(error).splitlines()[0]} "
            "Publish the run again: `python -m precompute publish`."
        ) from error


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


@dataclass(frozen=True)
class Selection:
    """Which images are meant: all predicates hold, and the text is found, if there is one."""

    predicates: tuple[Predicate, ...] = ()
    search: Search | None = None
    condition: str = BASELINE


@dataclass(frozen=True)
class _Sql:
    """A piece of SQL with the values of its question marks, in order."""

    text: str
    params: tuple[object, ...] = ()


def _values(quantity: Quantity, condition: str) -> _Sql:
    """Rows (image_id, value) of a quantity, one for each layer meant; never NULL or NaN."""
    table = _HAVE_LAYERS.get(quantity.metric) if quantity.against is None else "score"
    column, where = "value", ""
    params: list[object] = []
    if table == "score":
        where, params = ' AND metric = ? AND "against" = ?', [quantity.metric, quantity.against]
    elif table is None:
        table, where, params = "image_stat", " AND metric = ?", [quantity.metric]
    else:
        column = quantity.metric
    if quantity.layer is not None and table != "image_stat":
        where, params = f"{where} AND layer = ?", [*params, quantity.layer]
    value = f'abs("{column}")' if quantity.absolute else f'"{column}"'
    return _Sql(
        f"SELECT image_id, {value} AS value FROM {table} WHERE condition_id = ?{where} "
        f'AND "{column}" IS NOT NULL AND NOT isnan("{column}")',
        (condition, *params),
    )


def _bound(threshold: float) -> float:
    """The threshold as the tables would hold it, so that a stored 0.1 is not above 0.1."""
    return float(np.float32(threshold))


def _matching(selection: Selection) -> _Sql:
    """`WHERE ...` on `image`, true for the images meant."""
    terms = ["true"]
    params: list[object] = []
    for predicate in selection.predicates:
        values = _values(predicate.quantity, selection.condition)
        terms.append(
            f"image_id IN (SELECT image_id FROM ({values.text}) WHERE value {predicate.op} ?)")
        params += [*values.params, _bound(predicate.threshold)]
    search = selection.search
    if search is not None and search.text.strip():
        layer = "" if search.layer is None else " AND layer = ?"
        terms.append("image_id IN (SELECT image_id FROM caption WHERE condition_id = ?"
                     f"{layer} AND contains(lower(text), ?))")
        params += [selection.condition, *([] if search.layer is None else [search.layer]),
                   search.text.strip().lower()]
    return _Sql(f"WHERE {' AND '.join(terms)}", tuple(params))


def filter_images(
    run: Source, selection: Selection, sort: Sort | None = None,
    limit: int | None = None, offset: int = 0,
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
    where = _matching(selection)
    if sort is None:
        order, join, value = "image_id", _Sql(""), "NULL::DOUBLE"
    else:
        way, extreme = ("DESC", "max") if sort.descending else ("ASC", "min")
        values = _values(sort.quantity, selection.condition)
        join = _Sql(f" LEFT JOIN (SELECT image_id, {extreme}(value) AS value FROM ({values.text}) "
                    "GROUP BY image_id) USING (image_id)", values.params)
        order, value = f"value {way} NULLS LAST, image_id", "value"
    return _ask(
        run,
        f"WITH page AS (SELECT image_id, label, category, {value} AS value "
        f"FROM image{join.text} {where.text} ORDER BY {order} LIMIT ? OFFSET ?) "
        "SELECT image_id, label, category, text AS caption, value AS sort_value FROM page "
        "LEFT JOIN (SELECT image_id, text FROM caption WHERE condition_id = ? "
        f"AND layer = (SELECT max(n_layers) FROM run)) USING (image_id) ORDER BY {order}",
        (*join.params, *where.params, limit, offset, selection.condition),
    )


def count_images(run: Source, selection: Selection) -> int:
    """How many images a selection has."""
    where = _matching(selection)
    return int(_ask(run, f"SELECT count(*) AS n FROM image {where.text}", where.params)["n"][0])


def predicate_values(run: Source, selection: Selection) -> pd.DataFrame:
    """For an export: image_id and, for each predicate, the value that it looked at."""
    where = _matching(selection)
    columns, joins = [], []
    params: list[object] = []
    for i, predicate in enumerate(selection.predicates):
        values = _values(predicate.quantity, selection.condition)
        extreme = "max" if predicate.upward else "min"
        columns.append(f", v{i}.value AS v{i}")
        joins.append(f" LEFT JOIN (SELECT image_id, {extreme}(value) AS value FROM ({values.text}) "
                     f"GROUP BY image_id) v{i} ON v{i}.image_id = i.image_id")
        params += values.params
    frame = _ask(
        run,
        f"SELECT i.image_id{''.join(columns)} FROM (SELECT image_id FROM image {where.text}) i"
        f"{''.join(joins)}", (*where.params, *params))
    frame.columns = pd.Index(
        ["image_id", *(str(predicate.quantity) for predicate in selection.predicates)])
    return frame


def histogram(
    run: Source, predicate: Predicate, condition: str = BASELINE, bins: int = 40
) -> pd.DataFrame:
    """How a predicate's quantity spreads over all images: low, high, n.

    Over any layer an image counts once, with the value that decides (the largest for `>`, the
    least for `<`), so that the bars beyond the threshold are the images that pass.
    """
    values = _values(predicate.quantity, condition)
    extreme = "max" if predicate.upward else "min"
    return _ask(
        run,
        f"WITH v AS (SELECT {extreme}(value)::DOUBLE AS value FROM ({values.text}) "
        "WHERE isfinite(value) GROUP BY image_id), "
        "b AS (SELECT min(value) AS lo, greatest(max(value) - min(value), 1e-9) AS wide FROM v), "
        "k AS (SELECT least(floor((value - lo) / wide * ?), ? - 1)::INTEGER AS bin, lo, wide "
        "FROM v, b) SELECT lo + bin * wide / ? AS low, lo + (bin + 1) * wide / ? AS high, "
        "count(*) AS n FROM k GROUP BY bin, lo, wide ORDER BY bin",
        (*values.params, bins, bins, bins, bins),
    )


def scored(run: Source) -> pd.DataFrame:
    """Which scores (metric, against) and image metrics (against NULL) the run has."""
    return _ask(
        run,
        'SELECT DISTINCT metric, "against" FROM score UNION ALL '
        'SELECT DISTINCT metric, NULL FROM image_stat ORDER BY "against" NULLS FIRST, metric'
    )


def run_row(run: Source) -> pd.DataFrame:
    """The one row of `run`."""
    return _ask(run, "SELECT * FROM run")


def conditions(run: Source) -> list[str]:
    """Conditions, the baseline first."""
    frame = _ask(run, "SELECT condition_id FROM condition ORDER BY condition_id <> ?, condition_id",
                    (BASELINE,))
    return [str(value) for value in frame["condition_id"]]


def table_rows(run: Source) -> pd.DataFrame:
    """Rows of every table: table_name, rows."""
    return _ask(run, "SELECT table_name, estimated_size AS rows FROM duckdb_tables() "
                   "WHERE NOT internal ORDER BY table_name")


def skipped(run: Source) -> pd.DataFrame:
    """Pictures left out, and why."""
    return _ask(run, "SELECT source, reason FROM skipped ORDER BY source")


def image_row(run: Source, image_id: str) -> pd.DataFrame:
    """The row of one image; empty if there is none."""
    return _ask(run, "SELECT * FROM image WHERE image_id = ?", (image_id,))


def neighbours(run: Source, image_id: str) -> tuple[str | None, str | None]:
    """The images before and after this one by id; None at the ends."""
    row = _ask(run, "SELECT (SELECT max(image_id) FROM image WHERE image_id < ?) AS before, "
                  "(SELECT min(image_id) FROM image WHERE image_id > ?) AS after",
                  (image_id, image_id)).astype(object)
    before, after = row["before"][0], row["after"][0]
    return (None if pd.isna(before) else str(before)), (None if pd.isna(after) else str(after))


def captions(run: Source, image_id: str, condition: str = BASELINE) -> pd.DataFrame:
    """One image's captions: layer, text, n_tokens, mean_logprob, final_logprob."""
    return _ask(run, "SELECT layer, text, n_tokens, mean_logprob, final_logprob FROM caption "
                   "WHERE condition_id = ? AND image_id = ? ORDER BY layer", (condition, image_id))


def scores(run: Source, image_id: str, layer: int, condition: str = BASELINE) -> pd.DataFrame:
    """One image's scores at a layer: metric, against, value.

    The layer is in the query since the table is sorted by it: all layers would read it whole.
    """
    return _ask(run, 'SELECT metric, "against", value FROM score WHERE condition_id = ? '
                'AND layer = ? AND image_id = ? ORDER BY metric, "against"',
                (condition, layer, image_id))


def layer_stats(run: Source, image_id: str, condition: str = BASELINE) -> pd.DataFrame:
    """One image's measures a layer: layer and every metric of `layer_stat`."""
    columns = ", ".join(f'"{name}"' for name in LAYER_COLUMNS)
    return _ask(run, f"SELECT layer, {columns} FROM layer_stat WHERE condition_id = ? "
                   "AND image_id = ? ORDER BY layer", (condition, image_id))


def head_stats(run: Source, image_id: str, condition: str = BASELINE) -> pd.DataFrame:
    """One image's measures of every layer and head."""
    return _ask(run, "SELECT layer, head, attn_to_patches, attn_entropy, contribution_norm, "
                   "contribution_share FROM head_stat WHERE condition_id = ? AND image_id = ? "
                   "ORDER BY layer, head", (condition, image_id))


def landmarks(run: Source, condition: str = BASELINE) -> pd.DataFrame:
    """Where fluency and grounding set in and CIDEr levels off: metric, layer, low, high, rule."""
    return _ask(run, "SELECT metric, layer, low, high, rule FROM landmark "
                   "WHERE condition_id = ? AND layer IS NOT NULL ORDER BY layer, metric",
                (condition,))


def curves(run: Source, condition: str = BASELINE) -> pd.DataFrame:
    """The data set's curves of a condition: layer, metric, against, n, mean, low, high."""
    return _ask(run, 'SELECT layer, metric, "against", n, mean, low, high FROM curve '
                   'WHERE condition_id = ? ORDER BY metric, "against", layer', (condition,))
