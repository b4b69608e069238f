"""Which maps may be read as "where it looked": trials of maps, their intervals, and one rule.

A trial is a measure of one kind of map at one layer. Its gain is what the map is better than
chance, image by image: of deletion the random orders' area minus the map's, of all others the value
minus its floor. Of permuted weights (`randomised`) it is the rank correlation itself.
"""

from typing import Literal

import numpy as np
import pandas as pd

from store.statistics import bootstrap, intervals

FAITHFUL = ("deletion", "insertion")
LOCALISED = ("pointing", "mass", "rank")
RANDOMISED = "randomised"
_NEEDED = ("mass", "rank")
"""Of the three, those that the rule asks for: a single patch decides `pointing`."""
SAME = 0.5
"""A map that keeps so large a rank correlation with that of a tower whose weights are all permuted
does not depend on what the model has learnt."""

_KIND = ["map", "layer"]
_TRIAL = [*_KIND, "measure", "fill", "blocks"]

Verdict = Literal["yes", "carries", "points", "no", "few"]


def gains(rows: pd.DataFrame) -> pd.DataFrame:
    """One row an image and trial: the mean over things that are named.

    Args:
        rows: of table `map_score`.

    Returns:
        map, layer, measure, fill, blocks, image_id, value, floor, gain.
    """
    by_image = rows.groupby([*_TRIAL, "image_id"])[["value", "floor"]].mean().reset_index()
    sign = np.where(by_image["measure"] == "deletion", -1.0, 1.0)
    return by_image.assign(gain=sign * (by_image["value"] - by_image["floor"].fillna(0.0)))


def trials(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over images with 95% intervals (`intervals.expanded`), all on the same samples.

    Args:
        rows: of table `map_score`.

    Returns:
        map, layer, measure, fill, blocks, n (images), value, floor (means; floor NaN of
        `randomised`), gain, low, high. Below `intervals.LEAST_IMAGES` images ends are NaN.
    """
    if rows.empty:
        return pd.DataFrame(columns=[*_TRIAL, "n", "value", "floor", "gain", "low", "high"])
    of_images = gains(rows)
    table = of_images.pivot(index="image_id", columns=_TRIAL, values="gain").sort_index()
    weights = bootstrap.bootstrap_weights(len(table))
    means = bootstrap.sample_means(
        iter([(slice(0, len(table)), table.to_numpy(np.float64))]), weights, table.shape[1]
    )
    low, high = intervals.expanded(means.samples, means.n)
    summed = of_images.groupby(_TRIAL)[["value", "floor"]].mean()
    made = table.columns.to_frame(index=False).assign(
        n=means.n, gain=means.mean, low=low, high=high
    )
    return made.join(summed, on=_TRIAL).sort_values(_TRIAL, ignore_index=True)


def verdicts(of_trials: pd.DataFrame) -> pd.DataFrame:
    """The rule, for every kind of map and layer that was tried.

    A map is faithful where every interval of deletion and insertion, with every fill, lies above
    0; it points where those of mass and rank do; it depends on the weights where its rank
    correlation with that of the wholly permuted tower lies below `SAME`. It may be read as where
    the model looked ("yes") if it is all three, or, where no masks are known, faithful and
    dependent. "carries": faithful and dependent, but not shown to point at what is named.
    "points": it points, but is not shown to be faithful. "few": fewer images than an interval
    needs. All else is "no".

    Args:
        of_trials: of `trials`.

    Returns:
        map, layer, verdict; faithful, localised, dependent: True, False or None (not tried); and
        lacking, the trials of the first whose interval does not lie above 0, as (measure, fill).
    """
    rows = []
    for (kind, layer), some in of_trials.groupby(_KIND, sort=False):
        faithful = _all_above(some[some["measure"].isin(FAITHFUL)])
        localised = _all_above(some[some["measure"].isin(_NEEDED)])
        permuted = some[(some["measure"] == RANDOMISED)]
        whole = permuted[permuted["blocks"] == permuted["blocks"].max()]
        dependent = None if whole.empty else bool((whole["high"] < SAME).all())
        few = bool(some["low"].isna().all())
        rows.append(
            {
                "map": kind,
                "layer": layer,
                "verdict": "few" if few else _verdict(faithful, localised, dependent),
                "faithful": faithful,
                "localised": localised,
                "dependent": dependent,
                "lacking": _lacking(some),
            }
        )
    columns = [*_KIND, "verdict", "faithful", "localised", "dependent", "lacking"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[3:], object))


def _lacking(some: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    asked = some[some["measure"].isin(FAITHFUL) & ~(some["low"] > 0)]
    return tuple(zip(asked["measure"], asked["fill"], strict=True))


def _all_above(some: pd.DataFrame) -> bool | None:
    return None if some.empty else bool((some["low"] > 0).all())


def _verdict(faithful: bool | None, localised: bool | None, dependent: bool | None) -> Verdict:
    if faithful and dependent is not False:
        return "carries" if localised is False else "yes"
    return "points" if localised and dependent is not False else "no"
