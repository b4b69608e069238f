"""The Image page under a condition: what stands beside the baseline, and what is missing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashboard.captions import text as caption_text
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.widgets import text as plain_text
from dashboard.widgets import two_captions
from store.parts import ImageTensors
from store.query import conditions as condition_queries
from store.schema import BASELINE

BY_GRADIENT = "By the gradient, this head changes the final caption's probability most."
"""Why a picture opens at its cell, where there are gradients."""

_STRONGEST = ("gradient", "contribution_share", "mean_contribution_share")
"""By what that cell is chosen, the preferred one first."""

_TAKEN = ("maps", "measures of heads", "measures of layers")


@dataclass(frozen=True)
class Seen:
    """What the page shows of one image under one condition.

    Attributes:
        condition: its id.
        tensors: the arrays that maps are drawn from.
        heads: layer, head, the metrics of `head_stat`, and of `head_effect` where the run has
            them.
        stats: the measures a layer.
        missing: in words, what is the baseline's because the condition's was not captured.
    """

    condition: str
    tensors: ImageTensors
    heads: pd.DataFrame
    stats: pd.DataFrame
    missing: str | None


def look(key: Key, image_id: str, condition: str) -> Seen:
    """The image under the condition; the baseline's maps and measures where it has none."""
    tensors = run_data.tensors(key, image_id)
    heads, stats = (
        ask(key, image_id, BASELINE) for ask in (run_data.head_stats, run_data.layer_stats)
    )
    effects = run_data.asked(key, condition_queries.head_effects, image_id)
    if not effects.empty:
        heads = heads.merge(effects, on=["layer", "head"], how="left")
    if condition == BASELINE:
        return Seen(condition, tensors, heads, stats, None)
    captured = (
        run_data.condition_tensors(key, image_id, condition),
        run_data.head_stats(key, image_id, condition),
        run_data.layer_stats(key, image_id, condition),
    )
    missing = [
        name
        for name, part in zip(_TAKEN, captured, strict=True)
        if part is None or (isinstance(part, pd.DataFrame) and part.empty)
    ]
    note = (
        (
            f"{' and '.join(missing).capitalize()} were not taken under {condition}: what is shown "
            "of them is the baseline's. An experiment with capture = true takes them."
        )
        if missing
        else None
    )
    return Seen(
        condition,
        captured[0] or tensors,
        heads if captured[1].empty else captured[1],
        stats if captured[2].empty else captured[2],
        note,
    )


def strongest(heads: pd.DataFrame) -> tuple[int, int, str] | None:
    """The cell with the largest effect.

    Returns:
        Layer, head, and by what: the first of `_STRONGEST` that the run has, of the gradient its
        size. None without numbers.
    """
    for metric in _STRONGEST:
        if metric not in heads:
            continue
        effect = heads[metric].astype(float)
        effect = (effect.abs() if metric == "gradient" else effect).fillna(-np.inf)
        if np.isfinite(effect).any():
            row = heads.iloc[int(effect.to_numpy().argmax())]
            return int(row["layer"]), int(row["head"]), metric
    return None


def headline(key: Key, image_id: str, condition: str, captions: pd.DataFrame) -> None:
    """The final caption; under a condition, beside the baseline's."""
    final = final_caption(captions)
    if condition == BASELINE:
        plain_text.line(final or caption_text.NONE, "title")
    else:
        before = final_caption(run_data.captions(key, image_id, BASELINE))
        same = ": no word changes" if before == final else ""
        two_captions.side_by_side(
            before, final, ("final caption, baseline", f"final caption, {condition}{same}")
        )


def final_caption(captions: pd.DataFrame) -> str:
    """The last layer's text of an image's captions; empty if there is none."""
    return caption_text.text(captions["text"].iloc[-1]) if len(captions) else ""


def texts_by_layer(key: Key, image_id: str, condition: str) -> dict[int, str]:
    """A condition's captions."""
    return caption_text.by_layer(run_data.captions(key, image_id, condition))
