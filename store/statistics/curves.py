"""Curves over layers, and landmarks on them, computed at publish."""

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from store.metrics import GAIN
from store.schema import CAPTION_METRICS, LAYER_METRICS, layer_columns
from store.statistics import intervals, judged, landmarks
from store.statistics.bootstrap import Array, Summary, sample_means
from store.statistics.convergence import ALL_LAYERS
from store.statistics.matrices import (
    Values,
    appended,
    families,
    has_class_token,
    insert,
    matrices,
    named_columns,
    summaries,
)

SELF, FINAL = "self", "final"
_KEY = ("condition_id", "metric", "against", "layer")
_CURVE = _KEY[:3]


def _of_captions(floor: str = "") -> tuple[Values, ...]:
    """Captions and their scores; those of the floor with the prefix of its tables."""
    return (
        Values(
            f"SELECT * FROM {floor}caption",
            ("condition_id", "layer"),
            tuple((name, FINAL if name == "final_logprob" else SELF) for name in CAPTION_METRICS),
            family=("condition_id",),
        ),
        Values(
            f"SELECT condition_id, layer, metric, against, image_id, value FROM {floor}score",
            _KEY,
            family=_CURVE,
        ),
    )


def _of_layers(class_token: bool) -> Values:
    there = set(LAYER_METRICS) & set(layer_columns(class_token))
    return Values(
        "SELECT * FROM layer_stat",
        ("condition_id", "layer"),
        tuple((metric, SELF) for metric in LAYER_METRICS if metric in there),
        family=("condition_id",),
    )


_SOURCES = (
    *_of_captions(),
    *(
        Values(sql, _KEY, family=_CURVE)
        for sql in (
            *judged.CURVES,
            # An image counts once, however many questions are asked about it.
            "SELECT condition_id, layer, 'answer_accuracy' AS metric, 'reference' AS against, "
            "image_id, avg(score)::FLOAT AS value FROM answer GROUP BY condition_id, layer, "
            "image_id",
            "SELECT condition_id, layer, if(detail IS NULL, 'answer_accuracy_gist', "
            "'answer_accuracy_detail') AS metric, 'reference' AS against, image_id, "
            "avg(score)::FLOAT AS value FROM answer JOIN question USING (question) "
            "GROUP BY condition_id, layer, detail IS NULL, image_id",
            "SELECT condition_id, layer, concat('answer_', a.metric) AS metric, 'reference' AS "
            "against, image_id, avg(value)::FLOAT AS value FROM answer_score AS a "
            "GROUP BY condition_id, layer, a.metric, image_id",
        )
    ),
)
_OF_LANDMARKS = (
    "SELECT condition_id, layer, 'mean_logprob' AS metric, 'self' AS against, image_id, "
    "mean_logprob AS value FROM caption UNION ALL "
    "SELECT condition_id, layer, metric, against, image_id, value FROM score WHERE "
    "(metric, against) IN (('repetition', 'self'), ('cider', 'reference')) "
    f"OR metric LIKE '{GAIN}%'"
)


def add_curves(con: duckdb.DuckDBPyConnection, weights: Array) -> None:
    """Fill `curve` from layer_stat, caption, score, judgement, answer and answer_score.

    And `band` beside it; and `floor_curve`, from floor_caption and floor_score.

    Args:
        con: the generation being built, after `bootstrap.prepare`.
        weights: from `bootstrap_weights`, of its images.
    """
    for source in (_of_layers(has_class_token(con)), *_SOURCES):
        for points, summary in summaries(con, source, weights):
            insert(con, "curve", [appended(points)])
            insert(con, "band", [_bands(points, summary)])

    for source in _of_captions("floor_"):
        for points, _ in summaries(con, source, weights):
            insert(con, "floor_curve", [appended(points)])


def _bands(points: pa.Table, summary: Summary) -> pa.Table:
    """The simultaneous band of every curve, at each of its layers."""
    low, high = np.full(len(points), np.nan), np.full(len(points), np.nan)
    for of_curve in families(points, _CURVE):
        low[of_curve], high[of_curve] = intervals.simultaneous(
            summary.mean[of_curve],
            summary.samples[:, of_curve],
            summary.n[of_curve],
            summary.shares[of_curve],
        )
    return appended(points.select([*_KEY, "n"]), low=low, high=high).drop_columns("n")


def add_landmarks(con: duckdb.DuckDBPyConnection, weights: Array) -> None:
    """Fill table `landmark` by `store.statistics.landmarks`, where all layers were decoded."""
    values = Values(
        f"SELECT * FROM ({_OF_LANDMARKS}) SEMI JOIN ({ALL_LAYERS}) USING (condition_id)", _KEY
    )
    columns = named_columns(con, values)
    for condition in columns["condition_id"].unique().to_pylist():
        chosen = columns.filter(pc.equal(columns["condition_id"], condition))
        means = sample_means(matrices(con, values, chosen, weights), weights, len(chosen))
        at: dict[landmarks.Curve, list[tuple[int, int]]] = {}
        for k, row in enumerate(chosen.to_pylist()):
            at.setdefault((row["metric"], row["against"]), []).append((row["layer"], k))
        for rule in landmarks.rules(at):
            layers, _ = zip(*at[rule.curves[0]], strict=True)
            layers_of = {curve: [k for _, k in at[curve]] for curve in rule.curves}
            if len({len(ks) for ks in layers_of.values()}) > 1:
                continue  # curves of different layers cannot be looked at together
            rows = landmarks.find(
                rule,
                layers,
                min(int(means.n[ks].min()) for ks in layers_of.values()),
                {curve: means.mean[ks] for curve, ks in layers_of.items()},
                {curve: means.samples[:, ks] for curve, ks in layers_of.items()},
            )
            con.execute(
                "INSERT INTO landmark SELECT $condition_id, $metric, $layer, $low, $high, $rule",
                {"condition_id": condition, **rows},
            )
