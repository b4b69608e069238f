"""Which layers bear a broken picture: a measure over layers, a curve a strength.

Pure but for the questions to the store, so that pages and reports show the same.
"""

import pandas as pd

from dashboard.charts import base as base_charts
from dashboard.figures.paper import About, Ask, Figure, images
from dashboard.names import broken, intervals, metrics
from store.interventions import BROKEN, KINDS, read_spec
from store.metrics import STATE_COSINE, likeness
from store.query import broken as broken_queries
from store.schema import BASELINE, LAYER_COLUMNS

CLEAN = "clean"
"""The name of the unedited model's own curve."""

_COLORS = (
    base_charts.SKY,
    base_charts.BLUE,
    base_charts.GREEN,
    base_charts.AMBER,
    base_charts.ORANGE,
    base_charts.PINK,
)


def readable(conditions: pd.DataFrame) -> pd.DataFrame:
    """Those of conditions on the picture whose specification can be read.

    Args:
        conditions: condition_id, kind, spec.
    """
    there = ["input" in read_spec(spec) for spec in conditions["spec"]]
    return conditions[there].reset_index(drop=True)


def ways(conditions: pd.DataFrame) -> list[str]:
    """The ways in which pictures are broken, in the order of kinds.

    Args:
        conditions: condition_id, kind, spec.
    """
    order = list(KINDS)
    rows = sorted(
        zip(conditions["kind"], conditions["spec"], strict=True),
        key=lambda row: (
            order.index(row[0]) if row[0] in order else len(order),
            broken.way(read_spec(row[1])),
        ),
    )
    return list(dict.fromkeys(broken.way(read_spec(spec)) for _, spec in rows))


def measures(measured: pd.DataFrame) -> list[tuple[str, str]]:
    """What can be shown over layers: metric and against; the agreement with the clean first.

    Args:
        measured: metric, against.
    """
    first = [*((metric, BASELINE) for metric in ("exact", *likeness())), (STATE_COSINE, BASELINE)]
    pairs = [
        pair
        for pair in zip(measured["metric"], measured["against"], strict=True)
        if pair[0] not in LAYER_COLUMNS
    ]
    return sorted(
        pairs, key=lambda pair: (first.index(pair) if pair in first else len(first), pair)
    )


def curves(conditions: pd.DataFrame, values: pd.DataFrame, way: str) -> pd.DataFrame:
    """Curves of one way of breaking pictures.

    Args:
        conditions: condition_id, kind, spec.
        values: condition_id, layer, n, mean, low, high.
        way: one of `ways`.

    Returns:
        condition_id, series (its strength in words), layer, n, mean, low, high: the clean
        picture's curve first, where there is one, then by strength.
    """
    specs = {
        condition: read_spec(spec)
        for condition, spec in zip(conditions["condition_id"], conditions["spec"], strict=True)
    }
    mine = {c: broken.strength(spec) for c, spec in specs.items() if broken.way(spec) == way}
    names = {BASELINE: CLEAN}
    for condition in sorted(mine, key=mine.__getitem__):
        # Two conditions of one strength differ in the layers that they edit besides.
        taken = mine[condition][1] in names.values()
        names[condition] = condition if taken else mine[condition][1]
    rows = values[values["condition_id"].isin(list(names))]
    rows = rows.assign(series=rows["condition_id"].map(names))
    order = {condition: i for i, condition in enumerate(names)}
    return rows.sort_values(
        ["condition_id", "layer"],
        key=lambda column: column.map(order) if column.name == "condition_id" else column,
        ignore_index=True,
    )


def robustness(
    ask: Ask, about: About, measure: tuple[str, str] | None = None, only: str | None = None
) -> list[Figure]:
    """A figure of every way in which pictures were broken and read at all layers; or of one.

    Args:
        ask: the run.
        about: how it is called.
        measure: the first there is, unless one is named.
        only: one of `ways`.
    """
    conditions = readable(ask(broken_queries.conditions))
    known = measures(ask(broken_queries.measures))
    if conditions.empty or not known:
        return []
    metric, against = measure or known[0]
    values = ask(broken_queries.curves, metric, against)
    made = []
    for way in [only] if only else ways(conditions):
        frame = about.numbered(curves(conditions, values, way))
        if set(frame["condition_id"]) <= {BASELINE}:
            continue
        series = list(dict.fromkeys(frame["series"]))
        strengths = [name for name in series if name != CLEAN]
        colors = {CLEAN: base_charts.GREY} | {
            name: _COLORS[i * len(_COLORS) // len(strengths)]
            if len(strengths) <= len(_COLORS)
            else _COLORS[i % len(_COLORS)]
            for i, name in enumerate(strengths)
        }
        chart = base_charts.bands(
            frame,
            metrics.axis(metric, against),
            height=300,
            first=int(frame["layer"].min()),
            across=about.axis,
            colors=colors,
        )
        made.append(
            Figure(
                f"robustness-{way.replace(' ', '-')}",
                f"Which layers bear it: {way}",
                (
                    f"{metrics.title(metric, against)} by layer, a curve a strength. "
                    f"{_meaning(conditions, way)} Means over {images(frame)}. "
                    f"{intervals.sentence(frame)} Run {about.run}."
                ),
                chart,
                frame,
            )
        )
    return made


def _meaning(conditions: pd.DataFrame, way: str) -> str:
    kinds = {
        read_spec(spec)["input"]["kind"]
        for spec in conditions["spec"]
        if broken.way(read_spec(spec)) == way
    }
    return " ".join(BROKEN[kind].meaning for kind in sorted(kinds))
