"""The floor of the runs that the page Compare lays side by side."""

import pandas as pd

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import metrics
from store.query import Compared
from store.query import floor as floor_queries

Floor = tuple[pd.DataFrame, str]
"""Rows of `store.query.floor.band` with the side's name as `series` and the first side's layers;
and what is said of their curves, or of why there are none."""


def of_sides(keys: tuple[Key, Key], names: tuple[str, str], compared: Compared) -> Floor:
    """The floors of a measure, and what is said of them.

    Args:
        keys: the runs of both sides; two conditions of one run share its floor.
        names: of the sides.
        compared: what is held against what.
    """
    here = [one for one, _ in compared.depths]
    found, said = [], []
    for key, name, layers in zip(keys, names, zip(*compared.depths, strict=True), strict=True):
        if keys[0] == keys[1] and name == names[1]:
            continue
        floors = run_data.asked(key, floor_queries.band)
        rows = floor_queries.of_measure(floors, compared.metric, compared.against)
        placed = rows.merge(pd.DataFrame({"layer": layers, "here": here}), on="layer")
        placed = placed.assign(series=name, layer=placed["here"]).drop(columns="here")
        found.append(placed)
        if placed.empty:
            of = "" if keys[0] == keys[1] else f"{name}: "
            said.append(of + metrics.floor(placed, made=not floors.empty))
    rows = pd.concat(found, ignore_index=True)
    return rows, " ".join([*([] if rows.empty else [metrics.floor(rows)]), *said])


def at(floor: Floor, layer: int) -> str:
    """The floors at a single layer, in words."""
    rows, said = floor
    there = rows[rows["layer"] == layer]
    if there.empty:
        return said
    return " ".join(metrics.floor_value(there.iloc[[i]]) for i in range(len(there)))
