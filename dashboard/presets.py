"""Filters worth a look, made for a run: its layers, its quantiles, its metrics.

A preset is a set of predicates like any other: one click writes them out, and they can be changed.
"""

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context

from dashboard import data
from dashboard.data import Key
from store import judge_queries
from store.predicates import Predicate, Quantity

GAINS = tuple(f"grounded_gain_{metric}" for metric in ("cider", "bertscore", "rouge_l", "label"))
"""What grounding is read from: the first of these that a run has."""

_LATE, _HIGH, _HALF, _LOW = 0.8, 0.75, 0.5, 0.25


@dataclass(frozen=True)
class Preset:
    """Predicates with a name.

    Attributes:
        name: of a button.
        meaning: the rule in words.
        predicates: the rule for this run; empty if it has not the data.
        lacks: what the run lacks for it, else empty.
    """

    name: str
    meaning: str
    predicates: tuple[Predicate, ...] = ()
    lacks: str = ""


def presets(key: Key, condition: str, top: int) -> list[Preset]:
    """All presets, those included that the run has not the data for."""
    names = data.quantities(key)
    gain = next((gain for gain in GAINS if f"{gain}:shuffled" in names), None)
    judges = data.asked(key, judge_queries.judges, condition)
    return [
        _fluent(key, condition, top, gain, "repetition:self" in names),
        _late(key, condition, top, gain),
        *(preset for judge, layers in zip(judges["judge"], judges["layers"], strict=True)
          for preset in _disagree(key, condition, str(judge), [int(n) for n in layers], names)),
        *([] if len(judges) else [Preset(
            "Judge and BERTScore disagree", "A quarter of the images at one end for the judge, and "
            "at the other for BERTScore.", lacks="It needs a judge; the page Judge says how.")]),
    ]


def _fluent(key: Key, condition: str, top: int, gain: str | None, repeats: bool) -> Preset:
    name = "Fluent but ungrounded"
    layer = _before_grounding(key, condition, top, gain)
    meaning = (f"At layer {layer}, the last before grounding sets in (the middle one, if it never "
               "does): surer of its words than half of the images are, no more repetitive than "
               "three in four, and no closer to its own references than to others'.")
    if gain is None or not repeats:
        return Preset(name, meaning, lacks="It needs the metric repetition and a grounded gain.")
    sure, dull = Quantity("mean_logprob", None, layer), Quantity("repetition", "self", layer)
    bounds = [data.quantile(key, of, share, condition)
              for of, share in ((sure, _HALF), (dull, _HIGH))]
    if None in bounds:
        return Preset(name, meaning, lacks=f"Nothing is scored at layer {layer}.")
    return Preset(name, meaning, (
        _at_least(sure, bounds[0]), _at_most(dull, bounds[1]),
        Predicate(Quantity(gain, "shuffled", layer), "<=", 0.0)))


def _before_grounding(key: Key, condition: str, top: int, gain: str | None) -> int:
    marks = data.landmarks(key, condition)
    name = f"grounding_onset_{(gain or '').removeprefix('grounded_gain_')}"
    onset = marks.loc[marks["metric"] == name, "layer"]
    return max(int(onset.iloc[0]) - 1, 0) if len(onset) else round(top / 2)


def _late(key: Key, condition: str, top: int, gain: str | None) -> Preset:
    name = "Late correction"
    meaning = ("Among the fifth of the images whose captions settle last; just below that layer "
               "less grounded than half of the images, and at the end about its own picture.")
    late = data.quantile(key, Quantity("convergence_layer"), _LATE, condition)
    if gain is None or not late:
        return Preset(name, meaning, lacks="It needs convergence layers and a grounded gain.")
    layer = math.ceil(late)
    before = Quantity(gain, "shuffled", layer - 1)
    half = data.quantile(key, before, _HALF, condition)
    if half is None:
        return Preset(name, meaning, lacks=f"Nothing is scored at layer {layer - 1}.")
    return Preset(name, meaning, (
        Predicate(Quantity("convergence_layer"), ">=", float(layer)),
        Predicate(before, "<", _short(half, ROUND_FLOOR)),
        Predicate(Quantity(gain, "shuffled", top), ">", 0.0)))


def _disagree(
    key: Key, condition: str, judge: str, layers: list[int], names: list[str]
) -> list[Preset]:
    layer = layers[len(layers) // 2]
    against = next((kind for kind in ("reference", "final") if f"bertscore:{kind}" in names), None)
    judged = Quantity(f"judge.{judge}.mean", None, layer)
    scored = Quantity("bertscore", against, layer)
    found = []
    for high, low, ends in ((judged, scored, ("judge", "BERTScore")),
                            (scored, judged, ("BERTScore", "judge"))):
        name = f"High by {ends[0]}, low by {ends[1]}"
        meaning = (f"Judge {judge} at layer {layer}, the middle one of those it judged: in the "
                   f"upper quarter by {ends[0]}, in the lower by {ends[1]}.")
        bounds = (data.quantile(key, high, _HIGH, condition),
                  data.quantile(key, low, _LOW, condition))
        if against is None or None in bounds:
            found.append(Preset(name, meaning, lacks="It needs BERTScore, and scores of the "
                                f"judge, at layer {layer}."))
        else:
            found.append(Preset(name, meaning, (
                _at_least(high, bounds[0]), _at_most(low, bounds[1]))))
    return found


def _at_least(quantity: Quantity, bound: float | None) -> Predicate:
    return Predicate(quantity, ">=", _short(bound, ROUND_FLOOR))


def _at_most(quantity: Quantity, bound: float | None) -> Predicate:
    return Predicate(quantity, "<=", _short(bound, ROUND_CEILING))


def _short(bound: float | None, way: str) -> float:
    """Four digits, rounded so that images at the bound itself pass as they would unrounded."""
    assert bound is not None
    return float(Context(prec=4, rounding=way).create_decimal_from_float(bound))
