"""From what a pruning and the tables say of heads to what pages show of them. Pure functions."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from store.schema import NO_HEAD
from store.statistics.intervals import LEAST_IMAGES

_WELL = 0.5
"""A rank correlation that is surely above this is called good."""


def above_null(settings: dict[str, Any]) -> pd.DataFrame:
    """Algorithm 1's scores of heads on its sample, beside those of the null.

    Args:
        settings: how Algorithm 1 was set, of `pruning_tables.algorithm`.

    Returns:
        layer, head (`NO_HEAD` of the null), mean, low, high (of what a head is above the null, so
        laid on it; NaN of the null itself), n, verdict: 1 where the whole interval is above the
        null, -1 where it is below, else 0. Empty for a pruning of before there was a null.
    """
    sample, rows = len(settings.get("sample") or ()), []
    for layer, null in (settings.get("null") or {}).items():
        if null is None:
            continue
        at = {"layer": int(layer), "n": sample}
        rows.append({**at, "head": NO_HEAD, "mean": null, "low": None, "high": None, "verdict": 0})
        for head, above in enumerate(settings["above_null"][layer]):
            if above is not None:
                mean, low, high = (null + value for value in above)
                verdict = int(above[1] > 0) - int(above[2] < 0)
                rows.append(
                    {**at, "head": head, "mean": mean, "low": low, "high": high, "verdict": verdict}
                )
    return pd.DataFrame(rows).astype({"low": float, "high": float}) if rows else pd.DataFrame()


def explained(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a head: its texts, and how much of its variance they explain beside the controls.

    Args:
        frame: of `store.query.conditions.head_texts`; its order is kept.

    Returns:
        layer, head, texts, and in percent: of the head's variance what the texts explain, and what
        as many random directions do, in the mean and at most; of the embedding's variance what the
        head has.
    """
    rows = []
    for (layer, head), texts in frame.groupby(["layer", "head"], sort=False):
        last = texts.iloc[-1]
        rows.append(
            {
                "layer": layer,
                "head": head,
                "texts, the best first": "; ".join(texts["text"]),
                "explained": 100 * last["explained"],
                "random": 100 * last["control"],
                "random, at most": 100 * last["control_high"],
                "of the embedding": 100 * last["spread"],
            }
        )
    return pd.DataFrame(rows)


def trusted(foretelling: pd.DataFrame) -> str:
    """How well the gradient foretells the effect of removing a head, in words.

    Args:
        foretelling: statistic (`slope`, `rank`), n_heads, n, value, low, high.
    """
    of = {str(row["statistic"]): row for row in foretelling.to_dict("records")}
    if not {"slope", "rank"} <= set(of):
        return "Too few heads were removed to say how well the gradient foretells."
    rank, slope = of["rank"], of["slope"]
    if pd.isna(rank["low"]):
        return (
            f"Whether the gradient ranks these heads cannot be told: fewer than {LEAST_IMAGES} "
            "images."
        )
    ranks = (
        "ranks these heads well"
        if rank["low"] >= _WELL
        else "ranks these heads, not closely"
        if rank["low"] > 0
        else "is not shown to rank these heads"
    )
    sizes = (
        "and understates large effects"
        if slope["low"] > 1
        else "and overstates large effects"
        if slope["high"] < 1
        else "and is not shown to misstate large effects"
    )
    return (
        f"The gradient {ranks} (rank correlation {_with(rank)}) {sizes} (slope of measured on "
        f"foretold {_with(slope)}; 1 is right): over {int(rank['n_heads'])} heads, means over the "
        f"same {int(rank['n'])} images, 95% intervals over images."
    )


def _with(row: Mapping[Any, Any]) -> str:
    return f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def counted(frame: pd.DataFrame) -> str:
    """How many heads are above the null, and how many below, as a sentence."""
    heads = frame[frame["head"] != NO_HEAD]
    above, below = (int((heads["verdict"] == side).sum()) for side in (1, -1))
    return (
        f"Of {len(heads)} heads {above} alone keep more of the layer's caption than no head at "
        f"all, {below} keep less, and {len(heads) - above - below} are not told from it (95% "
        "intervals of the difference, image by image; pointwise)."
    )


def null_score(frame: pd.DataFrame, label: str) -> str:
    """What no head at all scores over the data set, as a sentence; empty where that is unknown.

    Args:
        frame: layer, head, n, mean, low, high, of one layer.
        label: of the score.
    """
    if NO_HEAD not in set(frame["head"]):
        return ""
    rows = {int(row["head"]): row for row in frame.to_dict("records")}
    null = rows.pop(NO_HEAD)
    above = sum(row["mean"] > null["mean"] for row in rows.values())
    return (
        f"Over {int(null['n'])} images no head scores {null['mean']:.3f} [{null['low']:.3f}, "
        f"{null['high']:.3f}] in {label} to the layer's caption; {above} of {len(rows)} heads "
        "score more. "
    )


def importance(settings: dict[str, Any]) -> pd.DataFrame:
    """Algorithm 1's weights of heads, as `conditions.head_matrix` takes them."""
    sample = len(settings.get("sample") or ())
    return pd.DataFrame(
        [
            {
                "layer": int(layer),
                "head": head,
                "mean": value,
                "low": value,
                "high": value,
                "n": sample,
            }
            for layer, values in (settings.get("importance") or {}).items()
            for head, value in enumerate(values)
        ]
    )
