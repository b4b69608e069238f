"""Whether heads that were chosen beat heads by chance, as pages say it. Pure functions."""

import math
from typing import Any

import pandas as pd

from dashboard.charts.pruning_tables import TABLE1
from dashboard.names import intervals, metrics
from dashboard.names.conditions import ALGORITHMS

_LEVEL = 0.05
_ALGORITHM1 = ALGORITHMS["importance"]
_READABLE = {
    "algorithm": "heads chosen by",
    "difference": "minus random heads",
    "low": "95% from",
    "high": "95% to",
    "p": "p",
    "n_random": "random choices",
    "n": "images",
}


def beside_chance(rows: pd.DataFrame, chance: pd.DataFrame, n_pruned: int) -> pd.DataFrame:
    """Table 1's measures of prunings minus random heads at equal count.

    Args:
        rows: of `pruning_tables.pruned`.
        chance: condition_id, metric, against, n, n_random, difference, low, high, p.
        n_pruned: the number of heads.

    Returns:
        A row a measure and algorithm, in Table 1's order, the columns named for readers.
    """
    chosen = rows.loc[rows["n_pruned"] == n_pruned, ["condition_id", "algorithm"]]
    frame = chosen.drop_duplicates().merge(chance, on="condition_id")
    parts = [
        frame[(frame["metric"] == metric) & (frame["against"] == against)].assign(
            measure=metrics.title(metric, against)
        )
        for metric, against in TABLE1
    ]
    return pd.concat(parts, ignore_index=True).rename(columns=_READABLE)[
        ["measure", *_READABLE.values()]
    ]


def beat_chance(table: pd.DataFrame) -> str:
    """Whether Algorithm 1 beat chance, in one sentence, by the first measure that has a p-value.

    Args:
        table: of `beside_chance`.
    """
    of = table[(table["heads chosen by"] == _ALGORITHM1) & table["p"].notna()]
    if of.empty:
        return (
            "Whether Algorithm 1 beat chance is not known: fewer than two random choices of as "
            "many heads were made (random_seeds under [[pruning]])."
        )
    row = of.iloc[0]
    count, p = int(row["random choices"]), float(row["p"])
    least = 1 / (count + 1)
    if least > _LEVEL:
        return (
            f"Whether Algorithm 1 beat chance cannot be told: {count} random choices of as many "
            f"heads give no p-value below {least:.2f}. 19 or more can (random_seeds under "
            "[[pruning]])."
        )
    said = "beat chance" if p <= _LEVEL else "did not beat chance"
    bound = ", the least that so many choices can give" if math.isclose(p, least) else ""
    return (
        f"By {row['measure']}, the first measure of Table 1 here, Algorithm 1 {said}: "
        f"{row['minus random heads']:+.3f} (95% interval "
        f"{intervals.ends(row['95% from'], row['95% to'], 'z.3f')}) beside the "
        f"mean of {count} random choices of as many heads, p = {p:.3f}{bound}."
    )


def stable(settings: dict[str, Any]) -> str:
    """How alike Algorithm 1's choices on several samples are, in words.

    Args:
        settings: how Algorithm 1 was set, of `pruning_tables.algorithm`.
    """
    found = settings.get("stability")
    if not found:
        return (
            "How stable the choice of heads is was not measured: it needs a second sample of as "
            "many images (samples under [[pruning]])."
        )
    kept, chance, ranks = (
        [value for value in found[name].values() if value is not None]
        for name in ("jaccard", "chance", "rank")
    )
    words = [
        f"On {found['samples']} samples of {len(settings.get('sample') or ())} images, none in two,"
    ]
    if kept:
        shared, by_chance = (sum(values) / len(values) for values in (kept, chance))
        words.append(
            f"the heads that Algorithm 1 keeps at a layer share {shared:.0%} (Jaccard index; as "
            f"many heads at random would share {by_chance:.0%}), and"
        )
    words.append(
        f"its order of heads has a rank correlation of {sum(ranks) / len(ranks):z.2f}"
        if ranks
        else "no order of heads can be compared"
    )
    of = len(found["rank"])
    return f"{' '.join(words)}: means over pairs of samples and {of} layer{'s' * (of != 1)}."
