"""Which maps may be read as where the model looked, as figures of a run."""

from dataclasses import replace

import pandas as pd

from dashboard.charts import believed as charts
from dashboard.figures.paper import About, Ask, Figure
from dashboard.names import maps as map_names
from store.query import maps as map_queries
from store.statistics.believed import FAITHFUL

HOW = (
    "Deletion takes the patches away that the map ranks highest, insertion puts them back first, "
    "in steps, and asks each time how probable the picture's own final caption is. The area under "
    "that curve is a share of the way from the picture with no patch (0) to the whole picture (1). "
    "A map is held against random orders of the same picture. Mass and rank are held against the "
    "part of the picture that the thing covers."
)
RULE = (
    "The rule: the intervals of deletion and insertion lie above 0 with every fill; those of mass "
    "and rank do, where masks are known; and the map of a tower with permuted weights is another "
    "one (rank correlation below 0.5). Intervals are 95%, over pictures, pointwise."
)


def figures(ask: Ask, about: About) -> list[Figure]:
    """A figure a measure that was tried, the first with all that was found; none without trials."""
    trials = ask(map_queries.trials)
    found = [figure(trials, about, measure, fill) for measure, fill in measures(trials)]
    if found:
        summary = " ".join(map_names.summary(ask(map_queries.verdicts)))
        found[0] = replace(found[0], caption=f"{summary} {found[0].caption} {HOW} {RULE}")
    return found


def measures(trials: pd.DataFrame) -> list[tuple[str, str]]:
    """Which measures were tried, with which fill ("" where nothing is filled)."""
    there = set(zip(trials["measure"], trials["fill"], strict=True))
    fills = ["", *map_names.FILLS]
    return [(name, fill) for name in map_names.MEASURES for fill in fills if (name, fill) in there]


def figure(trials: pd.DataFrame, about: About, measure: str, fill: str) -> Figure:
    """What every kind of map gains over chance by one measure."""
    rows = trials[(trials["measure"] == measure) & (trials["fill"] == fill)]
    frame = about.numbered(rows[rows["map"] != "random"])
    chance = "random orders" if measure in FAITHFUL else "chance"
    filled = f", {map_names.FILLS[fill]} in their place" if fill else ""
    n = int(rows["n"].max())
    return Figure(
        f"maps-{measure}{f'-{fill}' if fill else ''}",
        f"{map_names.MEASURES[measure]}{filled}",
        (
            f"What maps gain over {chance} (dashed), {n} pictures; 95% intervals, pointwise. "
            f"{about.source}"
        ),
        charts.gains(frame, f"gain over {chance}"),
        frame,
    )
