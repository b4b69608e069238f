"""What pages call a metric and what it is held against, layers and the parts of an update.

Labels, units and meanings are those of `store.metrics`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import pandas as pd

from dashboard.names import intervals
from store.metrics import CRITERIA, FAMILIES, JUDGED, METRICS, Metric

BadgeColor = Literal["gray", "green", "orange", "red"]

LAYER_AXIS = "layer (Z^l)"
"""The one name of the horizontal axis of every curve."""


def layer_name(layer: int, paper: bool) -> str:
    """A layer, in the paper's numbers one less than here: there Z^0 has none.

    >>> layer_name(1, False), layer_name(1, True), layer_name(0, True)
    ('layer 1', 'layer 0', 'embeddings')
    """
    if paper:
        return f"layer {layer - 1}" if layer else "embeddings"
    return f"layer {layer}"


AGAINST = {
    "previous": "the layer below",
    "final": "the final caption",
    "reference": "the references",
    "baseline": "the baseline",
    "shuffled": "others' references",
    "label": "the label",
}

_SELF, _ALONE = "self", "alone"
"""What a measure of one caption or state is held against: nothing, and so in words."""

_OBVIOUS = {("final_logprob", "final"), ("label", "label")}
"""Metrics whose label names already what they are held against."""

SERIES = {name: text.removeprefix("the ") for name, text in AGAINST.items()} | {_SELF: _ALONE}
"""The same as names in a legend, short enough for two beside each other on a phone."""

NO_FLOOR = (
    "This run has no floor ([floor] in its configuration): how much of this the decoder has "
    "without the picture is not known."
)
_NO_FLOOR_OF_THIS = "Of this measure there is no floor."

WHOLE, ATTENTION, MLP = "the whole update", "attention", "MLP"
"""What a layer adds, and the two parts that make it."""


def certificate(parity: Mapping[str, Any] | None) -> tuple[str, str, BadgeColor]:
    """The parity certificate's result: words, icon and colour of a badge."""
    if not parity:
        return "no certificate", ":material/help:", "gray"
    if parity.get("passed"):
        return "passed", ":material/verified:", "green"
    if parity.get("accepted_mismatch"):
        return "mismatch accepted", ":material/warning:", "orange"
    return "certificate failed", ":material/error:", "red"


def word(metric: str) -> Metric:
    """A metric by its name, made from another or of a judge included.

    Returns:
        The metric as `store.metrics` has it; one nobody described keeps its name.
    """
    if metric in METRICS:
        return METRICS[metric]
    kind, _, rest = metric.partition(".")
    if kind in JUDGED and rest:
        judge, _, criterion = rest.rpartition(".")
        if judge and criterion in CRITERIA:
            scored = CRITERIA[criterion]
            return replace(scored, label=f"{scored.label}, judge {judge}")
        return _called(JUDGED[kind], rest)
    for prefix, family in FAMILIES.items():
        if metric.startswith(prefix):
            return _called(family, word(metric.removeprefix(prefix)).label)
    return Metric(metric.replace("_", " "), "", "")


def _called(family: Metric, after: str) -> Metric:
    return replace(family, label=family.label.format(after))


def title(metric: str, against: str | None = None) -> str:
    """A metric's label, and for a score what it is held against, unless that goes without saying.

    >>> title("rouge_l", "final"), title("repetition", "self")
    ('ROUGE-L against the final caption', 'Repetition')
    """
    label = word(metric).label
    if against in (None, _SELF) or (metric, against) in _OBVIOUS:
        return label
    return f"{label} {held(against)}"


def held(against: str) -> str:
    """What a score is held against, after its name or above its column."""
    return _ALONE if against == _SELF else f"against {AGAINST.get(against, against)}"


def floor(band: pd.DataFrame, *, curves: bool = True, made: bool | None = None) -> str:
    """What the grey bands of a chart are, or why it has none.

    Args:
        band: of `store.query.floor.band`, of what is drawn.
        curves: whether it is drawn under curves over layers, with its mean.
        made: whether the run has a floor, of other measures at least; if it is not given, nothing
            is said where nothing is drawn.
    """
    if band.empty:
        return "" if made is None else _NO_FLOOR_OF_THIS if made else NO_FLOOR
    return (
        f"Grey: the floor, {_of_towers(band)}"
        f"{'; its mean in dots' if curves else ''}). Where "
        "a curve is no better than its floor, the decoder needs no picture for it."
    )


def floor_value(band: pd.DataFrame) -> str:
    """The floor of one measure at one layer, in words.

    Args:
        band: a row of `store.query.floor.band`.
    """
    row = band.iloc[0]
    ends = intervals.ends(row["low"], row["high"], "z.3f")
    return f"The floor is {row['mean']:z.3f} [{ends}]: {_of_towers(band)})."


def floor_rows(band: pd.DataFrame) -> str:
    """What the rows of the floor in a table of means are; or that there are none.

    Args:
        band: of `store.query.floor.at_last_layer`, of all that the table shows.
    """
    if band.empty:
        return NO_FLOOR
    return (
        f"The floor is {_of_towers(band)}, in place of an interval of the difference). A "
        "measure without such a row has none."
    )


def _of_towers(band: pd.DataFrame) -> str:
    towers = int(band["towers"].max())
    return (
        "what the same decoder says of "
        f"{f'{towers} towers' if towers > 1 else 'a tower'} whose weights are permuted "
        f"({int(band['n'].max()):,} images; from the lowest to the highest end of "
        f"{'their 95% intervals' if towers > 1 else 'its 95% interval'}"
    )


def axis(metric: str, against: str | None = None) -> str:
    """The title with its unit."""
    unit = word(metric).unit
    return f"{title(metric, against)} ({unit})" if unit else title(metric, against)
