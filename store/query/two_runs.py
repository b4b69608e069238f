"""What readers ask of two runs, or of two conditions of one, image by image.

Two runs are two files: a connection of its own attaches both, read-only. No query gives more rows
than a page shows; the intervals are computed in blocks of images, as at publish.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from store.disk import LINK, generation_path
from store.metrics import yes_or_no
from store.query.ask import Sql, ask
from store.query.run import Run
from store.schema import CAPTION_METRICS, LAYER_METRICS, SAMPLE
from store.statistics import Values, bootstrap_weights, matrices, paired, summarise

_SAME = "(a.dataset = b.dataset OR a.sha256 = b.sha256)"
"""An id alone may be another picture in another data set."""


class Pair:
    """Two published generations side by side, databases `one` and `two`; made by `open_pair`.

    Safe to use from several threads, as `Run` is.

    Attributes:
        two: name of the second database; `one` if both sides are one run.
    """

    def __init__(self, one: Run, two: Run) -> None:
        self._con = duckdb.connect()
        self.two = "one" if one.path == two.path else "two"
        for name, run in (("one", one), (self.two, two))[: 1 if self.two == "one" else 2]:
            path = generation_path(run.path, run.generation) if run.generation else run.path / LINK
            quoted = str(path.resolve()).replace("'", "''")
            self._con.execute(f"ATTACH '{quoted}' AS {name} (READ_ONLY)")
        self._con.execute("SET enable_external_access = false; SET lock_configuration = true")

    def sql(self, query: str, params: Sequence[Any] | None = None) -> pd.DataFrame:
        """The result of a query."""
        with self.cursor() as cursor:
            return cursor.execute(query, params).df()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of one's own."""
        return self._con.cursor()

    def close(self) -> None:
        """Let go of both files."""
        self._con.close()


@dataclass(frozen=True)
class Compared:
    """What is held against what.

    Attributes:
        one: condition of the first side.
        two: condition of the second.
        metric: the measure.
        against: what it is held against, as in table `curve`.
        depths: layers of both sides that stand at the same depth.
    """

    one: str
    two: str
    metric: str
    against: str
    depths: tuple[tuple[int, int], ...]


def open_pair(one: Run, two: Run) -> Pair:
    """Two open runs, or one twice, side by side; the generations are theirs."""
    return Pair(one, two)


def depths(one: int, two: int) -> tuple[tuple[int, int], ...]:
    """Layers of two towers at the same share of their depth; the shallower one's layers count.

    Args:
        one: L of the first.
        two: L of the second.

    >>> depths(2, 2), depths(2, 4), depths(5, 2)
    (((0, 0), (1, 1), (2, 2)), ((0, 0), (1, 2), (2, 4)), ((0, 0), (2, 1), (5, 2)))
    """
    least = min(one, two)
    return tuple((round(k * one / least), round(k * two / least)) for k in range(least + 1))


def shared_images(pair: Pair) -> int:
    """How many pictures both sides have."""
    return int(ask(pair, f"SELECT count(*) AS n FROM ({_shared(pair)})")["n"][0])


def measures(pair: Pair, one: str, two: str) -> pd.DataFrame:
    """What single images of both sides were measured by: metric, against.

    Args:
        pair: both sides.
        one: condition of the first.
        two: condition of the second.
    """
    of_run = (
        'SELECT DISTINCT metric, "against" FROM {}.curve WHERE condition_id = ? '
        "AND NOT regexp_matches(metric, '^judge|^answer_|_corpus$')"
    )
    return ask(
        pair,
        f'{of_run.format("one")} INTERSECT {of_run.format(pair.two)} ORDER BY metric, "against"',
        (one, two),
    )


def curves(pair: Pair, compared: Compared) -> pd.DataFrame:
    """Both sides' means at every depth, and the mean of the paired differences.

    An image counts at a depth if both sides have its value there; the sample that chose a pruning
    does not count. All columns share the bootstrap samples of images of table `change`.

    Returns:
        layer, other_layer, n, one, one_low, one_high, two, two_low, two_high, difference
        (two - one), low, high (95% bootstrap over images); depths without a value are left out.
    """
    values = _both(pair, compared)
    key = ("condition_id", "side", "layer")
    at = compared.depths
    columns = pa.table(
        {
            "condition_id": ["pair"] * (2 * len(at)),
            "side": ["two"] * len(at) + ["one"] * len(at),
            "layer": pa.array([two for _, two in at] + [one for one, _ in at], pa.int32()),
        }
    )
    with pair.cursor() as con:
        # Read once: every block of images would scan the tables again.
        con.execute(
            f"CREATE TEMP TABLE seen AS SELECT 'pair' AS condition_id, * FROM ({values.text})",
            values.params,
        )
        con.execute(
            "CREATE TEMP TABLE numbered AS SELECT image_id, "
            "row_number() OVER (ORDER BY image_id) - 1 AS i FROM one.image"
        )
        con.execute("CREATE TEMP TABLE left_out (condition_id VARCHAR, image_id VARCHAR)")
        n_images = int(con.execute("SELECT count(*) FROM numbered").fetchall()[0][0])
        weights = bootstrap_weights(n_images)
        blocks = matrices.matrices(con, Values("SELECT * FROM seen", key), columns, weights)
        partner = np.arange(len(at), 2 * len(at))
        places = np.arange(3 * len(at))
        shares = np.full(len(places), compared.metric in yes_or_no())
        summary = summarise(paired(blocks, partner), weights, shares, places < len(at))
    frame = pd.DataFrame(
        {
            "layer": [one for one, _ in at],
            "other_layer": [two for _, two in at],
            "n": summary.n[: len(at)],
        }
    )
    for k, (name, low, high) in enumerate(
        (
            ("difference", "low", "high"),
            ("one", "one_low", "one_high"),
            ("two", "two_low", "two_high"),
        )
    ):
        columns_of = slice(k * len(at), (k + 1) * len(at))
        frame[name], frame[low], frame[high] = (
            values[columns_of] for values in (summary.mean, summary.low, summary.high)
        )
    return frame[frame["n"] > 0].reset_index(drop=True)


def most_different(
    pair: Pair, compared: Compared, layer: int, limit: int, offset: int = 0
) -> pd.DataFrame:
    """Images in the order of how far the two sides lie apart at a depth.

    Args:
        pair: both sides.
        compared: what is held against what.
        layer: of the first side; one of `compared.depths`.
        limit: rows of a page.
        offset: rows to leave out before them.

    Returns:
        image_id, one, two, difference (two - one, largest size first, then by image_id), and both
        captions there: one_text, two_text.
    """
    other = dict(compared.depths)[layer]
    one, two = _values("one", compared, layer), _values(pair.two, compared, other, second=True)
    captions = "SELECT image_id, text FROM {}.caption WHERE condition_id = ? AND layer = ?"
    shared = _counted(pair, compared)
    return ask(
        pair,
        "WITH page AS (SELECT image_id, a.value AS one, b.value AS two, "
        f"b.value - a.value AS difference FROM ({one.text}) a JOIN ({two.text}) b "
        f"USING (image_id) SEMI JOIN ({shared.text}) s USING (image_id) "
        "ORDER BY abs(difference) DESC, image_id LIMIT ? OFFSET ?) "
        "SELECT page.*, p.text AS one_text, q.text AS two_text FROM page "
        f"LEFT JOIN ({captions.format('one')}) p USING (image_id) "
        f"LEFT JOIN ({captions.format(pair.two)}) q USING (image_id) "
        "ORDER BY abs(difference) DESC, image_id",
        (
            *one.params,
            *two.params,
            *shared.params,
            limit,
            offset,
            compared.one,
            layer,
            compared.two,
            other,
        ),
    )


def _shared(pair: Pair) -> str:
    return (
        f"SELECT image_id FROM one.image a JOIN {pair.two}.image b USING (image_id) WHERE {_SAME}"
    )


def _counted(pair: Pair, compared: Compared) -> Sql:
    """Shared images, but for those that a pruning of either side was chosen by."""
    sample = f"SELECT {SAMPLE} FROM {{}}.condition WHERE condition_id = ?"
    return Sql(
        f"({_shared(pair)}) EXCEPT ({sample.format('one')} UNION ALL {sample.format(pair.two)})",
        (compared.one, compared.two),
    )


def _values(
    database: str, compared: Compared, layer: int | None = None, second: bool = False
) -> Sql:
    """Rows (image_id, layer, value) of one side; never NULL or NaN."""
    condition = compared.two if second else compared.one
    name = compared.metric
    params: tuple[object, ...] = (condition,)
    if name in LAYER_METRICS or name in CAPTION_METRICS:
        table, column, where = "layer_stat" if name in LAYER_METRICS else "caption", name, ""
    else:
        table, column, where = "score", "value", ' AND metric = ? AND "against" = ?'
        params = (*params, name, compared.against)
    if layer is not None:
        where, params = f"{where} AND layer = ?", (*params, layer)
    return Sql(
        f'SELECT image_id, layer, "{column}" AS value FROM {database}.{table} '
        f'WHERE condition_id = ?{where} AND "{column}" IS NOT NULL '
        f'AND NOT isnan("{column}")',
        params,
    )


def _both(pair: Pair, compared: Compared) -> Sql:
    """Rows (side, layer, image_id, value) of the images that count."""
    one, two = _values("one", compared), _values(pair.two, compared, second=True)
    counted = _counted(pair, compared)
    return Sql(
        f"SELECT side, layer, image_id, value FROM (SELECT 'one' AS side, * FROM ({one.text}) "
        f"UNION ALL SELECT 'two' AS side, * FROM ({two.text})) "
        f"SEMI JOIN ({counted.text}) c USING (image_id)",
        (*one.params, *two.params, *counted.params),
    )
