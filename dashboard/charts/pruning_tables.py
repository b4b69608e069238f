"""From the tables of prunings to Table 1 and its curve. Pure functions."""

import math
from typing import Any

import pandas as pd

from dashboard.charts import base as base_charts
from dashboard.names import metrics
from dashboard.names.conditions import ALGORITHMS
from store.interventions import read_spec
from store.query import floor as floor_queries

TABLE1 = (
    ("cider", "reference"),
    ("bertscore", "reference"),
    ("rouge_l", "reference"),
    ("class_name", "label"),
    ("label", "label"),
    ("convergence_layer", "self"),
)
"""What Table 1 measures, as far as a run has it."""

FLOOR = "permuted weights: the floor"
"""What Table 1 has for heads that were chosen, where it shows the floor."""

_READABLE = {
    "algorithm": "heads chosen by",
    "seed": "seed",
    "baseline": "before",
    "edited": "after",
    "difference": "difference",
    "low": "95% from",
    "high": "95% to",
    "n": "images",
}
_SAME = 1e-9


def pruned(changes: pd.DataFrame) -> pd.DataFrame:
    """Changes of pruned models with what their specification says.

    Args:
        changes: rows of table `change` with `spec`.

    Returns:
        The rows of conditions that Algorithm 1 or its controls made, with the columns group,
        algorithm (in words), seed (text), n_pruned, and without spec.
    """
    choices = [pruning(spec) for spec in changes["spec"]]
    rows = changes.drop(columns="spec").assign(
        group=[str(choice.get("group", "")) for choice in choices],
        algorithm=[ALGORITHMS.get(choice.get("algorithm", ""), "") for choice in choices],
        seed=["" if choice.get("seed") is None else str(choice["seed"]) for choice in choices],
        n_pruned=[int(choice.get("n_pruned", 0)) for choice in choices],
    )
    order = list(ALGORITHMS.values())
    return rows[rows["algorithm"] != ""].sort_values(
        ["group", "n_pruned", "algorithm", "seed"],
        ignore_index=True,
        key=lambda column: column.map(order.index) if column.name == "algorithm" else column,
    )


def telling(rows: pd.DataFrame) -> list[str]:
    """Measures in the order in which they tell something of a pruning.

    First those of Table 1 that were measured at every number of heads and that some pruning
    changed, as Table 1 has them; then the other ones of that kind, by their largest difference
    over half its interval; last those that vary at no count or stand at a few alone.

    Args:
        rows: of `pruned`.

    Returns:
        Ids, `metric:against`.
    """
    listed = [":".join(pair) for pair in TABLE1]
    counts = rows["n_pruned"].nunique()

    def rank(measure: str, changes: pd.DataFrame) -> tuple[bool, int, float, str]:
        tells = changes["n_pruned"].nunique() == counts and bool(
            (changes["difference"].abs() > _SAME).any()
        )
        half = (changes["high"] - changes["low"]).clip(lower=_SAME).fillna(math.inf) / 2
        return (
            not tells,
            listed.index(measure) if measure in listed else len(listed),
            -float((changes["difference"].abs() / half).max()),
            measure,
        )

    measures = rows.groupby(rows["metric"] + ":" + rows["against"])
    return [
        measure for *_, measure in sorted(rank(str(name), changes) for name, changes in measures)
    ]


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Table 1 for a page: random heads in one row a measure; what reads as 0.000 has no sign.

    Of random heads the row has means over their seeds, and in place of an interval the least and
    the largest difference of a seed.
    """
    table = _random_as_one(table)
    chosen = table["heads chosen by"] + table["seed"].map(lambda seed: f", {seed}" if seed else "")
    numbers = table.select_dtypes("float")
    numbers = numbers.mask(numbers.abs() < 0.0005, 0.0)
    return table.assign(**{"heads chosen by": chosen}, **numbers).drop(columns="seed")


def _random_as_one(table: pd.DataFrame) -> pd.DataFrame:
    random = table["heads chosen by"] == ALGORITHMS["random"]
    rows = []
    for measure, seeds in table[random].groupby("measure", sort=False):
        row = seeds.iloc[:1].assign(
            measure=measure,
            seed=f"mean of {len(seeds)}, and their range",
            before=seeds["before"].mean(),
            after=seeds["after"].mean(),
            difference=seeds["difference"].mean(),
        )
        row[["95% from", "95% to"]] = seeds["difference"].min(), seeds["difference"].max()
        rows.append(row)
    return pd.concat([table[~random], *rows]).sort_index(ignore_index=True)


def table1(rows: pd.DataFrame, n_pruned: int, floors: pd.DataFrame) -> pd.DataFrame:
    """Table 1: measures before and after pruning so many heads, by Algorithm 1 and its controls.

    Args:
        rows: of `pruned`.
        n_pruned: the number of heads.
        floors: of `store.query.floor.at_last_layer`.

    Returns:
        A row a measure, algorithm and seed, the columns named for readers; last of a measure its
        floor, with its own ends in place of an interval of the difference.
    """
    rows = rows[rows["n_pruned"] == n_pruned]
    parts = []
    for metric, against in TABLE1:
        found = rows[(rows["metric"] == metric) & (rows["against"] == against)]
        beneath = floor_queries.of_measure(floors, metric, against)
        beneath = beneath[: len(found)].rename(columns={"mean": "edited"})
        beneath = beneath.assign(algorithm=FLOOR, seed="", baseline=math.nan, difference=math.nan)
        parts.append(
            pd.concat([found, beneath[list(_READABLE)]] if len(beneath) else [found]).assign(
                measure=metrics.title(metric, against)
            )
        )
    return pd.concat(parts, ignore_index=True).rename(columns=_READABLE)[
        ["measure", *_READABLE.values()]
    ]


def floor_of_curve(frame: pd.DataFrame, floor: pd.DataFrame, made: bool) -> str:
    """The floor of the curve of a pruning, in words: as a band, as numbers, or why not.

    Args:
        frame: of `pruned`, one measure.
        floor: of `store.query.floor.at_last_layer`, of that measure.
        made: whether the run has a floor.
    """
    ends = frame[["low", "high"]].add(frame["baseline"], axis="index")
    if base_charts.in_sight(floor, ends).empty and len(floor):
        return f"{metrics.floor_value(floor)} It lies too far off to be drawn."
    return metrics.floor(floor, curves=False, made=made)


def pruning(spec: Any) -> dict[str, Any]:
    """How the heads of a condition were chosen, by its specification; empty if nothing chose."""
    return read_spec(spec).get("pruning") or {}


def algorithm(changes: pd.DataFrame) -> dict[str, Any]:
    """How Algorithm 1 was set, of the first of its conditions; empty if there is none."""
    choices = (pruning(spec) for spec in changes["spec"])
    return next((choice for choice in choices if choice.get("algorithm") == "importance"), {})
