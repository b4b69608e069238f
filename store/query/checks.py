"""What beside the certificate a run has to be held against: floor, null heads, chance, bands."""

import pandas as pd

from store.query.ask import Source, ask
from store.schema import NO_HEAD

_COUNTS = {
    "floor_curve": (
        "SELECT 'towers' AS what, count(DISTINCT condition_id) AS n FROM floor_curve",
        "SELECT 'floor_images', coalesce(max(n), 0) FROM floor_curve",
    ),
    "head_caption": (
        f"SELECT 'null_layers', count(DISTINCT layer) FROM head_caption WHERE head = {NO_HEAD}",
    ),
    "chance": ("SELECT 'random_choices', coalesce(max(n_random), 0) FROM chance",),
    "band": ("SELECT 'banded_curves', count(*) FROM (SELECT DISTINCT metric FROM band)",),
}
"""Table -> what is counted in it. Files of earlier versions lack some of the tables."""


def checks(run: Source) -> dict[str, int]:
    """What a run has to be held against.

    Returns:
        towers: of the floor, with permuted weights; floor_images: of each of them; null_layers:
        decoded with all heads off; random_choices: of heads, beside Algorithm 1's; banded_curves:
        measures whose curves have simultaneous bands. 0 where there is none.
    """
    there = set(ask(run, "SELECT table_name FROM duckdb_tables()")["table_name"])
    queries = [query for table, some in _COUNTS.items() if table in there for query in some]
    rows = ask(run, " UNION ALL ".join(queries)) if queries else pd.DataFrame({"what": [], "n": []})
    known = dict(zip(rows["what"], rows["n"], strict=True))
    names = ("towers", "floor_images", "null_layers", "random_choices", "banded_curves")
    return {name: int(known.get(name, 0)) for name in names}
