"""Filters worth a look, made for a run: its layers, its quantiles, its metrics.

A preset is a set of predicates like any other: one click writes them out, and they can be changed.
"""

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context

from dashboard.data import run as run_data
from dashboard.data.run import Key
from store.metrics import GAIN, ONSET, gains
from store.query import Predicate, Quantity
from store.query import judges as judge_queries

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


def presets(key: Key, condition: str, top: int, layer: int | None = None) -> list[Preset]:
    """All presets, those included that the run has not the data for.

    Args:
        key: the run.
        condition: which edits of the model.
        top: L.
        layer: of the presets that look at one layer; None for `before_grounding`.
    """
    names = run_data.quantities(key)
    gain = gain_of(key)
    if layer is None:
        layer = before_grounding(key, condition, top)
    judges = run_data.asked(key, judge_queries.judges, condition)
    return [
        sure_but_wrong(key, condition, layer),
        _late(key, condition, top, gain),
        _points(key, condition),
        *(
            preset
            for judge, layers in zip(judges["judge"], judges["layers"], strict=True)
            for preset in _disagree(key, condition, str(judge), [int(n) for n in layers], names)
        ),
        *(
            []
            if len(judges)
            else [
                Preset(
                    "Judge and BERTScore disagree",
                    "A quarter of the images at one end for the judge, and "
                    "at the other for BERTScore.",
                    lacks="It needs a judge; the page Judge tells how.",
                )
            ]
        ),
    ]


def sure_but_wrong(key: Key, condition: str, layer: int) -> Preset:
    """The preset of captions that the decoder is sure of at a layer, about something else."""
    gain = gain_of(key)
    name = f"Sure but wrong at layer {layer}"
    meaning = (
        "Captions that the decoder is sure of and that are about something else: surer than "
        "half of all, no more repetitive than three in four, and in the quarter that fits "
        "its own picture least (grounded gain)."
    )
    if gain is None or "repetition:self" not in run_data.quantities(key):
        return Preset(name, meaning, lacks="It needs the metric repetition and a grounded gain.")
    quantities = [
        Quantity("mean_logprob", None, layer),
        Quantity("repetition", "self", layer),
        Quantity(gain, "shuffled", layer),
    ]
    sure, dull, ungrounded = (
        run_data.quantile(key, quantity, share, condition)
        for quantity, share in zip(quantities, (_HALF, _HIGH, _LOW), strict=True)
    )
    if sure is None or dull is None or ungrounded is None:
        return Preset(name, meaning, lacks=f"Nothing is scored at layer {layer}.")
    # Where three in four reach the most that there is, those that fit least are those below it.
    most = run_data.quantile(key, quantities[2], 1.0, condition)
    least = (
        Predicate(quantities[2], "<", ungrounded)
        if ungrounded == most
        else _at_most(quantities[2], ungrounded)
    )
    return Preset(
        name, meaning, (_at_least(quantities[0], sure), _at_most(quantities[1], dull), least)
    )


def before_grounding(key: Key, condition: str, top: int) -> int:
    """The last layer before captions become those of their picture; the middle if they never do."""
    marks = run_data.landmarks(key, condition)
    name = f"{ONSET}{(gain_of(key) or '').removeprefix(GAIN)}"
    onset = marks.loc[marks["metric"] == name, "layer"]
    return max(int(onset.iloc[0]) - 1, 0) if len(onset) else round(top / 2)


def gain_of(key: Key) -> str | None:
    """The metric that grounding is read from; None if the run has none."""
    names = run_data.quantities(key)
    return next((gain for gain in gains() if f"{gain}:shuffled" in names), None)


def _late(key: Key, condition: str, top: int, gain: str | None) -> Preset:
    name = "Late correction"
    meaning = (
        "Among the fifth of the images whose captions settle last; just below that layer "
        "less grounded than half of the images, and at the end about its own picture."
    )
    settles = Quantity("convergence_layer")
    late = run_data.quantile(key, settles, _LATE, condition)
    last = run_data.quantile(key, settles, 1.0, condition)
    if gain is None or not late or not last:
        return Preset(name, meaning, lacks="It needs convergence layers and a grounded gain.")
    # Many images settle at one layer: those above it are the fifth, if there are any.
    layer = min(math.floor(late) + 1, round(last))
    before = Quantity(gain, "shuffled", layer - 1)
    half = run_data.quantile(key, before, _HALF, condition)
    if half is None:
        return Preset(name, meaning, lacks=f"Nothing is scored at layer {layer - 1}.")
    return Preset(
        name,
        meaning,
        (
            Predicate(settles, ">=", float(layer)),
            _at_most(before, half),
            Predicate(Quantity(gain, "shuffled", top), ">", 0.0),
        ),
    )


def _points(key: Key, condition: str) -> Preset:
    name = "Words point at their things"
    meaning = (
        "The map of a word is largest on the thing's mask, for at least half of the named things "
        "and the layers in which words are followed."
    )
    points = Quantity("word_map_points")
    if run_data.quantile(key, points, _HALF, condition) is None:
        return Preset(name, meaning, lacks="It needs [word_maps] and a data set with masks.")
    return Preset(name, meaning, (Predicate(points, ">=", _HALF),))


def _disagree(
    key: Key, condition: str, judge: str, layers: list[int], names: list[str]
) -> list[Preset]:
    against = next((kind for kind in ("reference", "final") if f"bertscore:{kind}" in names), None)
    ends = ("Judge high, BERTScore low", "BERTScore high, judge low")
    meaning = f"Judge {judge}: in the upper quarter by the one, and in the lower by the other."
    middle = layers[len(layers) // 2]
    for layer in sorted(layers, key=lambda layer: abs(layer - middle)) if against else []:
        pair = Quantity(f"judge.{judge}.mean", None, layer), Quantity("bertscore", against, layer)
        low, high = (
            [run_data.quantile(key, quantity, share, condition) for quantity in pair]
            for share in (_LOW, _HIGH)
        )
        if all(a is not None and b is not None and a < b for a, b in zip(low, high, strict=True)):
            at = f"{meaning} At layer {layer}: of those it judged, the nearest to their middle at "
            at += "which both tell images apart."
            return [
                Preset(name, at, (_at_least(pair[i], high[i]), _at_most(pair[1 - i], low[1 - i])))
                for i, name in enumerate(ends)
            ]
    lacks = (
        "It needs BERTScore, against references or the final caption."
        if against is None
        else "At no judged layer do both tell images apart."
    )
    return [Preset(name, meaning, lacks=lacks) for name in ends]


def _at_least(quantity: Quantity, bound: float | None) -> Predicate:
    return Predicate(quantity, ">=", _short(bound, ROUND_FLOOR))


def _at_most(quantity: Quantity, bound: float | None) -> Predicate:
    return Predicate(quantity, "<=", _short(bound, ROUND_CEILING))


def _short(bound: float | None, way: str) -> float:
    """Four digits, rounded so that images at the bound itself pass as they would unrounded."""
    assert bound is not None
    return float(Context(prec=4, rounding=way).create_decimal_from_float(bound))
