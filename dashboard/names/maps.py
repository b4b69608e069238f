"""What kinds of maps are called, and what trials of them say, in words."""

import pandas as pd

from store.statistics import believed
from store.statistics.intervals import LEAST_IMAGES

KINDS = {
    "attention": "Attention, mean over heads",
    "contribution": "Contribution, mean over heads",
    "head": "Attention of the head of largest gradient",
    "rollout": "Attention rollout",
    "gradient_attention": "Gradient times attention",
    "gradient_state": "Gradient times state, whole caption",
    "word": "Gradient times state, each word",
    "random": "A random order",
}
"""Every kind of map that is tried, in the order of tables."""

MEASURES = {
    "deletion": "Deletion: the map's patches taken away first",
    "insertion": "Insertion: the map's patches put back first",
    "pointing": "Pointing: largest patch on its thing",
    "mass": "Mass: part of the map on its thing",
    "rank": "Rank: top patches on their thing",
}
FILLS = {"blur": "blurred picture", "mean": "mean colour"}

VERDICTS = {
    "yes": "where it looked",
    "carries": "carries the caption",
    "points": "points at the thing",
    "no": "not shown",
    "few": "too few pictures",
}
"""A verdict in a cell of a table."""

MEANINGS = {
    "yes": "May be read as where it looked",
    "carries": "Marks what carries the caption, but is not shown to point at what is named",
    "points": "Points at what is named; that it carries the caption is not shown",
    "no": "Not to be read as where it looked",
    "few": f"Tried on fewer than {LEAST_IMAGES} pictures: too few to tell",
}
"""And as the beginning of a sentence."""

SINGLE = (
    "A single head's map was not tried; the page Maps has that of the head of largest gradient."
)


def against(row: pd.Series) -> str:
    """What speaks against a map, in words; empty where nothing does."""
    said = [
        f"by {_trials(row['lacking'])} its patches are not shown to matter more than random ones"
        if row["faithful"] is False
        else "",
        "it is not shown to point at what is named" if row["localised"] is False else "",
        "it stays much the same with permuted weights" if row["dependent"] is False else "",
    ]
    return ", and ".join(filter(None, said))


def _trials(lacking: tuple[tuple[str, str], ...]) -> str:
    """`insertion (mean colour) and deletion (blurred picture, mean colour)`."""
    fills: dict[str, list[str]] = {}
    for measure, fill in lacking:
        fills.setdefault(measure, []).append(FILLS[fill])
    return " and ".join(f"{measure} ({', '.join(some)})" for measure, some in fills.items())


def line(verdicts: pd.DataFrame, trials: pd.DataFrame, kind: str, layer: int) -> str:
    """What trials say of one kind of map at one layer, in one short line.

    Args:
        verdicts: of `store.query.maps.verdicts`.
        trials: of `store.query.maps.trials`.
        kind: of map.
        layer: where it was tried.
    """
    row = verdicts[(verdicts["map"] == kind) & (verdicts["layer"] == layer)].iloc[0]
    n = int(trials.loc[(trials["map"] == kind) & (trials["layer"] == layer), "n"].max())
    meaning, because = MEANINGS[row["verdict"]], against(row)
    if row["verdict"] == "points" and because:
        meaning = f"Points at what is named, but {because}"
    elif row["verdict"] == "no" and because:
        meaning = f"{meaning}: {because}"
    return f"{meaning} ({n} pictures; page Maps)."


def lines(verdicts: pd.DataFrame, trials: pd.DataFrame, kind: str) -> dict[str, str]:
    """One line a layer, by the layer as text; "" is that of a layer that was not tried."""
    layers = sorted(int(n) for n in verdicts.loc[verdicts["map"] == kind, "layer"])
    if not layers:
        return {}
    tried = ", ".join(map(str, layers))
    return {
        **{str(layer): line(verdicts, trials, kind, layer) for layer in layers},
        "": f"Whether this shows where it looked was not tried here (page Maps: layers {tried}).",
    }


def summary(verdicts: pd.DataFrame) -> list[str]:
    """Which maps may be read as where the model looked and which may not, a sentence a verdict."""
    shown = verdicts[verdicts["map"] != "random"]
    sentences = []
    for verdict, meaning in MEANINGS.items():
        some = shown[shown["verdict"] == verdict]
        if some.empty:
            continue
        parts = [
            f"{KINDS[str(kind)].lower()} ({'layer' if len(of_kind) == 1 else 'layers'} "
            f"{', '.join(str(int(n)) for n in sorted(of_kind['layer']))})"
            for kind, of_kind in some.groupby("map", sort=False)
        ]
        sentences.append(f"{meaning}: {'; '.join(parts)}.")
    return sentences


def interval(row: pd.Series) -> str:
    """A gain with its interval: `0.21 [0.13, 0.30]`."""
    if pd.isna(row["low"]):
        return f"{row['gain']:.2f}"
    return f"{row['gain']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def floor(trials: pd.DataFrame) -> str:
    """What a random order gains against other random ones, as a sentence: the floor's own check."""
    rows = trials[trials["map"] == "random"]
    if rows.empty:
        return ""
    parts = [
        f"{row['measure']} with the {FILLS[row['fill']]} {interval(row)}"
        for _, row in rows.iterrows()
    ]
    return f"A random order, held against the others to check the floor, gains: {'; '.join(parts)}."


def same_weights(trials: pd.DataFrame) -> pd.DataFrame:
    """Rank correlations with permuted towers: kind, layer, blocks permuted, value, interval."""
    return trials[trials["measure"] == believed.RANDOMISED]
