"""From the tables of conditions to the frames that charts and pages show. Pure functions."""

import math
from typing import Any

import pandas as pd

from dashboard.charts import base as base_charts
from dashboard.names import intervals, metrics
from dashboard.names.conditions import ALGORITHMS, which_mean
from store.interventions import KINDS, read_spec
from store.metrics import likeness
from store.query import floor as floor_queries
from store.schema import BASELINE, LAYER_METRICS, NO_HEAD
from store.statistics import intervals as interval_statistics
from store.statistics import shrunk

TABLE1 = (
    ("cider", "reference"),
    ("bertscore", "reference"),
    ("rouge_l", "reference"),
    ("label", "label"),
    ("convergence_layer", "self"),
)
"""What Table 1 measures, as far as a run has it."""

FLOOR = "permuted weights: the floor"
"""What Table 1 has for heads that were chosen, where it shows the floor."""

_LEADING = 2  # measures of likeness to the baseline's captions that lead the menu of Figure 2
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


def swept() -> list[str]:
    """Kinds of conditions that Figure 2 sweeps over layers."""
    return [kind for kind, intervention in KINDS.items() if intervention.color]


def sweep(conditions: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """What a measure is where layers are edited: single layers and ranges.

    Args:
        conditions: condition_id, kind, layers, spec.
        values: condition_id, n, mean, low, high.

    Returns:
        Rows of the kinds of `swept` alone, sorted by series and layer: condition_id, series (the
        kind in words, and another run's mean or other options), first and last layer, joint
        (more than one layer), mean, low, high, n.
    """
    chosen = conditions[conditions["kind"].isin(swept())]
    frame = pd.DataFrame(
        {
            "condition_id": chosen["condition_id"],
            "series": [
                ", ".join([KINDS[kind].label, *which_mean(read_spec(spec))])
                for kind, spec in zip(chosen["kind"], chosen["spec"], strict=True)
            ],
            "first": [int(min(layers)) for layers in chosen["layers"]],
            "last": [int(max(layers)) for layers in chosen["layers"]],
            "joint": [len(layers) > 1 for layers in chosen["layers"]],
        }
    )
    return frame.merge(values, on="condition_id").sort_values(
        ["series", "first", "last"], ignore_index=True
    )


def measures(scored: pd.DataFrame) -> list[tuple[str, str]]:
    """What Figure 2 can show: metric and against; the default first.

    Args:
        scored: metric, against: what captions of edited models were measured by.
    """
    pairs = [
        pair
        for pair in zip(scored["metric"], scored["against"], strict=True)
        if pair[0] not in LAYER_METRICS and pair[1] != "previous"
    ]
    first = [(metric, BASELINE) for metric in likeness()[:_LEADING]]
    return sorted(
        pairs, key=lambda pair: (first.index(pair) if pair in first else len(first), pair)
    )


def paired_shares(counts: pd.DataFrame) -> pd.DataFrame:
    """By how much each condition's share of captions with a phrase differs from the baseline's.

    The same images under both: only those that gained or lost the phrase tell, so the interval is
    narrower than that of two shares of different images (Agresti and Min 2005).

    Args:
        counts: condition_id, pairs, gained, lost.

    Returns:
        condition_id, pairs, gained, lost, difference, low, high; of the conditions that changed
        any, the largest difference first.
    """
    changed = (counts["gained"] + counts["lost"] > 0) & (counts["condition_id"] != BASELINE)
    rows = counts[changed][["condition_id", "pairs", "gained", "lost"]]
    difference = (rows["gained"] - rows["lost"]) / rows["pairs"]
    low, high = interval_statistics.wilson_of_difference(
        difference.to_numpy(dtype=float),
        (rows["gained"] + rows["lost"]).to_numpy(dtype=float),
        rows["pairs"].to_numpy(),
    )
    rows = rows.assign(difference=difference, low=low, high=high)
    largest = rows["difference"].abs().sort_values(ascending=False, kind="stable").index
    return rows.loc[largest]


def shares(counts: pd.DataFrame) -> pd.DataFrame:
    """Counts (condition_id, n, found) as condition_id, n, mean, low, high (Wilson's interval)."""
    counts = counts[counts["n"] > 0].reset_index(drop=True)
    mean = counts["found"] / counts["n"]
    low, high = interval_statistics.wilson(mean.to_numpy(dtype=float), counts["n"].to_numpy())
    return counts[["condition_id", "n"]].assign(mean=mean, low=low, high=high)


def baseline_of(values: pd.DataFrame) -> float | None:
    """The baseline's mean among values of conditions; None if it is not there."""
    means = values.loc[values["condition_id"] == BASELINE, "mean"]
    return float(means.iloc[0]) if len(means) else None


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


def largest_heads(
    frame: pd.DataFrame, unit: str, count: int, *, effects: bool = False
) -> pd.DataFrame:
    """The heads of the largest means, in size, as a page's table shows them.

    All numbers are in one power of ten, which the column's name has, with two digits after the
    point: those of single heads are often some 1e-4.

    Args:
        frame: layer, head, mean, low, high, adjusted_p, the last of effects alone; the null is not
            listed.
        unit: of the means.
        count: so many rows at most.
        effects: whether the means are effects, of which 0 is none. The largest of many are too
            large (the winner's curse); these are then shrunk (`store.statistics.shrunk`) and
            ranked so, and it is told which are shown.

    Returns:
        layer, head, the mean (float), its interval as text; of effects also the shrunk mean,
        whether an effect is shown, and the adjusted p.
    """
    frame = frame[frame["head"] != NO_HEAD].reset_index(drop=True)
    error = (frame["high"] - frame["low"]) / (2 * interval_statistics.Z)
    effects = effects and not error.isna().any() and len(frame) > 2
    frame = frame.assign(shrunk=shrunk(frame["mean"], error)[0] if effects else frame["mean"])
    rows = frame.loc[frame["shrunk"].abs().nlargest(count).index]
    size = rows["mean"].abs().max()
    power = math.floor(math.log10(size)) if size > 0 else 0
    power = 0 if -2 < power < 3 else power
    name = f"mean, 1e{power} {unit}" if power else f"mean, {unit}"
    values = rows[["mean", "shrunk", "low", "high"]] / 10.0**power
    columns = {
        "layer": rows["layer"],
        "head": rows["head"],
        name.strip(", "): values["mean"],
        "95% interval": [
            intervals.ends(low, high)
            for low, high in zip(values["low"], values["high"], strict=True)
        ],
    }
    if effects:
        columns["shrunk"] = values["shrunk"]
        columns[intervals.EFFECT] = [
            intervals.effect(low, high, p)
            for low, high, p in zip(rows["low"], rows["high"], rows["adjusted_p"], strict=True)
        ]
    if "adjusted_p" in rows and rows["adjusted_p"].notna().any():
        columns["adj. p"] = rows["adjusted_p"].map(intervals.p_value)
    return pd.DataFrame(columns)


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
