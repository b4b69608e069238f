"""From the tables of conditions to the frames that charts and pages show. Pure functions."""

import math

import pandas as pd

from dashboard.names import intervals
from dashboard.names.conditions import which_mean
from store.interventions import KINDS, read_spec
from store.metrics import likeness
from store.schema import BASELINE, LAYER_METRICS, NO_HEAD
from store.statistics import intervals as interval_statistics
from store.statistics import shrunk

_LEADING = 2  # measures of likeness to the baseline's captions that lead the menu of Figure 2


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
