"""When a caption counts as right on the Images page: by a filter, or by what the run can tell."""

import operator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import metrics
from dashboard.views.images import presets
from store.metrics import likeness
from store.query import Predicate, Quantity
from store.schema import BASELINE

_ALIKE = 0.9
"""As good as the final caption: the score from which convergence counts captions as settled."""
_NAMES = ("class_name:label", "label:label")
_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_WORDS = {"<": "under {}", "<=": "{} or less", ">": "over {}", ">=": "{} or more"}
_OTHER_SIDE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclass(frozen=True)
class Right:
    """What a right caption is.

    Attributes:
        predicate: what holds of its score; the layer is that of the slider.
        does: the same in words, after "so many captions".
    """

    predicate: Predicate
    does: str

    def passes(self, values: pd.Series) -> pd.Series:
        """1 where a score is that of a right caption, 0 where not; the store keeps 32 bits."""
        bound = np.float32(self.predicate.threshold)
        held: pd.Series = _HOLDS[self.predicate.op](values.astype(np.float32), bound)
        return held.astype(int)

    def wrong_at(self, layer: int | str) -> str:
        """What a filter says of wrong captions at a layer, as it stands in a link."""
        p = self.predicate
        return f"{p.quantity}@{layer}{_OTHER_SIDE[p.op]}{p.threshold!r}".removesuffix(".0")


def measure(key: Key, predicates: tuple[Predicate, ...], top: int) -> Right | None:
    """What tells right captions from others.

    By the first filter of a score that knows better from worse, whichever side of it is shown; by
    the picture's class; by half of the last layer's mean grounded gain, which is where grounding
    is said to set in; by likeness to the final caption. None if the run has none of these.

    Args:
        key: the run.
        predicates: the filters that are set.
        top: L.
    """
    usual = _usual(key, top)
    filtered = next((right for one in predicates if (right := _of_filter(one))), None)
    if filtered is None or (usual and usual.predicate == filtered.predicate):
        return usual
    return filtered


def _usual(key: Key, top: int) -> Right | None:
    names = run_data.quantities(key)
    if named := next((name for name in _NAMES if name in names), None):
        metric, _, against = named.partition(":")
        return Right(Predicate(Quantity(metric, against), ">=", 1.0), "name the picture's class")
    if gain := presets.gain_of(key):
        curves = run_data.curves(key, BASELINE)
        means = curves[(curves["metric"] == gain) & (curves["layer"] == top)]["mean"]
        if len(means) and means.iloc[0] > 0:
            half = float(f"{means.iloc[0] / 2:.2g}")
            return Right(
                Predicate(Quantity(gain, "shuffled"), ">=", half),
                f"fit their own picture ({metrics.word(gain).label} {half:g} or more: half of the "
                "last layer's mean)",
            )
    alike = next((name for name in likeness() if f"{name}:final" in names), None)
    if alike is None:
        return None
    return Right(
        Predicate(Quantity(alike, "final"), ">=", _ALIKE),
        f"are as the final one ({metrics.word(alike).label} {_ALIKE:g} or more)",
    )


def _of_filter(predicate: Predicate) -> Right | None:
    quantity = predicate.quantity
    better = metrics.word(quantity.metric).better
    if quantity.against is None or quantity.absolute or better is None:
        return None
    op = predicate.op if predicate.upward == (better == "more") else _OTHER_SIDE[predicate.op]
    any_layer = replace(quantity, layer=None)
    bound = _WORDS[op].format(f"{predicate.threshold:g}")
    return Right(
        Predicate(any_layer, op, predicate.threshold),
        f"score {bound} by {metrics.title(quantity.metric, quantity.against)}, as a filter asks",
    )
