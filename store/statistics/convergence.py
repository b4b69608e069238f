"""From which layer on an image's captions stay; only where captions of all layers are kept."""

from typing import Any

import duckdb
import pyarrow as pa

from store.schema import BASELINE
from store.text import normalise

SCORES = {
    "convergence_layer_rouge_l": ("rouge_l", 0.9),
    "convergence_layer_bertscore": ("bertscore", 0.9),
}
"""Name in image_stat -> score metric and tau. Exact match has its own: `convergence_layer`."""

ALL_LAYERS = "SELECT condition_id FROM caption GROUP BY condition_id HAVING min(layer) = 0"
"""Conditions of which all layers were decoded; the last layer alone converges nowhere."""

_TEXTS = 50_000


def add_convergence(con: duckdb.DuckDBPyConnection) -> None:
    """Add to table `image_stat` the layer from which an image's captions stay.

    And the first at which a condition's captions part from the baseline's (`_diverge`).

    `convergence_layer` is the least layer from which every caption equals the last layer's on
    normalised text (tau = 1); those of `SCORES` the least from which every score against the
    final caption is at least tau; a layer that is not scored does not count as there.
    """
    _add_normal(con)
    _converge(
        con,
        "convergence_layer",
        """
        SELECT condition_id, image_id, layer, normal IS NOT DISTINCT FROM
            last_value(normal) OVER (PARTITION BY condition_id, image_id ORDER BY layer
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS there
        FROM caption LEFT JOIN normal USING (text)""",
        [],
    )
    _diverge(con)
    for name, (metric, tau) in SCORES.items():
        # A caption that is empty has no score: of an empty final one, no layer counts as there.
        _converge(
            con,
            name,
            """
            SELECT condition_id, image_id, layer, coalesce(value >= ?::FLOAT, false) AS there
            FROM score WHERE metric = ? AND against = 'final'""",
            [tau, metric],
        )
    con.execute("DROP TABLE normal")


def _converge(con: duckdb.DuckDBPyConnection, name: str, there: str, params: list[Any]) -> None:
    con.execute(
        f"""
        INSERT INTO image_stat
        SELECT condition_id, image_id, '{name}', min(layer) FILTER (layer > last_away)
        FROM (SELECT *, coalesce(max(layer) FILTER (NOT there)
                  OVER (PARTITION BY condition_id, image_id), -1) AS last_away
              FROM ({there}) SEMI JOIN ({ALL_LAYERS}) USING (condition_id))
        GROUP BY condition_id, image_id""",
        params,
    )


def _diverge(con: duckdb.DuckDBPyConnection) -> None:
    """Add where the captions of a condition part from the baseline's, on normalised text.

    `divergence_layer` is the first layer whose caption is another; `lasting_divergence_layer` the
    least from which all are. NULL where there is none; of conditions of which all layers were
    decoded.
    """
    apart = f"""
        SELECT e.condition_id, e.image_id, layer, e.normal IS DISTINCT FROM b.normal AS there
        FROM (FROM caption LEFT JOIN normal USING (text) WHERE condition_id <> '{BASELINE}') e
        JOIN (FROM caption LEFT JOIN normal USING (text) WHERE condition_id = '{BASELINE}') b
            USING (image_id, layer)"""
    con.execute(
        f"""
        INSERT INTO image_stat
        SELECT condition_id, image_id, 'divergence_layer', min(layer) FILTER (there)
        FROM ({apart}) SEMI JOIN ({ALL_LAYERS}) USING (condition_id)
        GROUP BY condition_id, image_id"""
    )
    _converge(con, "lasting_divergence_layer", apart, [])


def _add_normal(con: duckdb.DuckDBPyConnection) -> None:
    """Temporary table `normal`: every caption's text and its normalised copy."""
    con.execute("CREATE TEMP TABLE normal (text VARCHAR, normal VARCHAR)")
    with con.cursor() as reader:
        reader.execute("SELECT DISTINCT text FROM caption WHERE text IS NOT NULL")
        while rows := reader.fetchmany(_TEXTS):
            texts = [str(row[0]) for row in rows]
            batch = pa.table({"text": texts, "normal": [normalise(text) for text in texts]})
            con.register("texts_here", batch)
            con.execute("INSERT INTO normal SELECT text, normal FROM texts_here")
            con.unregister("texts_here")
