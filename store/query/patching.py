"""What readers ask about pairs of pictures, one of which gets states of the other."""

import base64

import numpy as np
import pandas as pd

from store.parts import check_picture
from store.query.ask import Source, ask
from store.statistics import rank_correlations

_LEAST = 3  # sites that a rank correlation needs


def pairs(run: Source) -> pd.DataFrame:
    """Every pair: all columns of `patch_pair` but the pictures."""
    return ask(
        run,
        "SELECT pair, changed, caption_a, caption_b, final_a, final_b, span_a, span_b, "
        "changed_patches FROM patch_pair ORDER BY pair",
    )


def pictures(run: Source, pair: str) -> pd.DataFrame:
    """One row: picture_a and picture_b as the model saw them, JPEG bytes; None of what is none."""
    rows = ask(run, "SELECT picture_a, picture_b FROM patch_pair WHERE pair = ?", (pair,))
    return rows.astype(object).map(_jpeg)


def _jpeg(text: object) -> bytes | None:
    """The bytes of a picture in base64, if it is a JPEG of bounded size: it may be a stranger's."""
    try:
        content = base64.b64decode(str(text), validate=True)
        check_picture(content)
    except ValueError:
        return None
    return content


def stories(run: Source, pair: str) -> pd.DataFrame:
    """What every layer says of both pictures of a pair: layer, a, b."""
    return ask(
        run,
        "SELECT layer, max(text) FILTER (side = 'a') AS a, max(text) FILTER (side = 'b') AS b "
        "FROM patch_story WHERE pair = ? GROUP BY layer ORDER BY layer",
        (pair,),
    )


def effects(run: Source, pair: str, side: str) -> pd.DataFrame:
    """What every site does where one picture of a pair gets states of the other.

    Returns:
        site, layer, position, gradient, exact, chosen.
    """
    return ask(
        run,
        "SELECT site, layer, position, gradient, exact, chosen FROM patch_effect "
        "WHERE pair = ? AND side = ? ORDER BY site, layer, position",
        (pair, side),
    )


def curves(run: Source) -> pd.DataFrame:
    """Effects of whole sites over all pairs: site, layer, n, mean, low, high."""
    return ask(run, "SELECT site, layer, n, mean, low, high FROM patch_curve ORDER BY site, layer")


def trust(run: Source) -> pd.DataFrame:
    """How well the gradient ranks sites as putting them in does.

    Spearman's rho within each way of each pair, mean over ways that have three such sites.

    Returns:
        site (head or patch), chosen (top, by the gradient; or random), n (ways), rank, in [-1, 1].
    """
    rows = ask(
        run,
        "SELECT pair, side, site, chosen, gradient, exact FROM patch_effect "
        "WHERE chosen IN ('top', 'random') AND exact IS NOT NULL AND gradient IS NOT NULL "
        "ORDER BY pair, side, site, chosen, layer, position",
    )
    found = []
    for (_, _, site, chosen), of_way in rows.groupby(["pair", "side", "site", "chosen"]):
        if len(of_way) >= _LEAST:
            values = (of_way[name].to_numpy(dtype=float)[None] for name in ("gradient", "exact"))
            found.append({"site": site, "chosen": chosen, "rank": rank_correlations(*values)[0]})
    frame = pd.DataFrame(found, columns=["site", "chosen", "rank"])
    means = frame.groupby(["site", "chosen"], as_index=False).agg(
        n=("rank", "size"), rank=("rank", "mean")
    )
    return means.astype({"n": np.int64})[["site", "chosen", "n", "rank"]]
