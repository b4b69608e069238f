"""What conditions are called: the kinds of edits in words, and what a specification says of one.

`precompute.interventions` writes ids and specifications with these functions, pages read them; what
a kind does to the model is `precompute.interventions.kinds`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

Color = Literal["blue", "orange", "green", "pink", "sky", "amber", "grey"]


@dataclass(frozen=True)
class KindLabel:
    """A kind of condition in words.

    Attributes:
        label: its name.
        meaning: a sentence or two for whoever meets it first.
        color: in charts over the edited layer; None for kinds that are not drawn there.
    """

    label: str
    meaning: str
    color: Color | None = None


BROKEN: dict[str, KindLabel] = {
    "corrupt": KindLabel(
        "corruption",
        "Corruption: the picture is broken as in ImageNet-C, at a severity of 1 to 5, at the size "
        "at which the model sees it.",
    ),
    "occlude": KindLabel(
        "occlusion",
        "Occlusion: a share of the picture's patches is covered with one colour, by chance or in "
        "the order of the last layer's map.",
    ),
    "shuffle": KindLabel("shuffle", "Shuffle: the picture's patches lie in another order."),
    "pgd": KindLabel(
        "attack",
        "Attack: pixels are changed a little, along the gradient, against the final caption or "
        "towards another (projected gradient descent).",
    ),
}
"""Kinds of conditions on the picture, before any layer."""

KINDS: dict[str, KindLabel] = {
    "mean": KindLabel(
        "averaging",
        "Averaging: the layer's attention reads the mean state of many images.",
        "blue",
    ),
    "confuse": KindLabel(
        "confusion",
        "Confusion: the residual connection, which carries a state past the layer, carries the "
        "mean state of many images.",
        "orange",
    ),
    "skip": KindLabel("removal", "Removal: the layer is left out.", "green"),
    "heads": KindLabel("heads", "Heads: some heads of the layer add nothing."),
    "prune": KindLabel(
        "pruning",
        "Pruning: the heads of several layers that Algorithm 1, or a control, finds least "
        "important add nothing.",
    ),
    "patch": KindLabel(
        "patching",
        "Patching: states that the tower has of another picture stand in place of this one's.",
    ),
    "mixed": KindLabel("several edits", "Several edits at once."),
    "reader": KindLabel(
        "readers",
        "Readers: nothing in the tower is edited; what the decoder reads of a layer is translated "
        "into the last layer's basis first, or is a control of that.",
    ),
    **BROKEN,
}
"""Kinds of conditions in the order of menus; the labels of the first two are the paper's words."""

READER = "reader"
"""The kind of conditions that translate what the decoder reads (`precompute.translators`)."""

MEAN: Mapping[str, Any] = {"state": "input", "pool": "position", "n": 500, "seed": 0}
"""The mean that an edit takes unless its id says otherwise."""


def read_spec(spec: object) -> dict[str, Any]:
    """A specification as table `condition` has it: edits, mean, pruning.

    Empty if the condition has none, or one that this program did not write: its id names it then.
    """
    try:
        value = json.loads(spec) if isinstance(spec, str) else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    mean, pruning = value.get("mean") or MEAN, value.get("pruning") or {}
    whole = isinstance(mean, Mapping) and mean.keys() >= MEAN.keys() and _is_broken(value)
    return value if whole and isinstance(pruning, dict) else {}


_LARGEST = 1e10  # of a seed, the largest of these numbers
_INPUT: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "corrupt": {"name": str, "severity": int, "seed": int},
    "occlude": {"percent": int, "seed": int, "by_map": bool},
    "shuffle": {"seed": int},
    "pgd": {"eps": (int, float), "step": (int, float), "n": int, "target": (str, type(None))},
}
"""What a specification says of a broken picture, by kind."""


def _is_broken(spec: Mapping[str, Any]) -> bool:
    """Whether what a specification says of the picture can be read; it may say nothing."""
    if "input" not in spec:
        return True
    edit = spec["input"]
    kind = edit.get("kind") if isinstance(edit, dict) else None
    fields = _INPUT.get(kind) if isinstance(kind, str) else None
    return fields is not None and all(
        isinstance(value := edit.get(name), types)
        and not (isinstance(value, int | float) and not abs(value) < _LARGEST)
        for name, types in fields.items()
    )


def mean_options(mean: Mapping[str, Any]) -> list[str]:
    """What a mean has otherwise than `MEAN`, as an id says it.

    Args:
        mean: at least the keys of `MEAN`.

    >>> mean_options({"state": "output", "pool": "position", "n": 100, "seed": 0})
    ['output', 'n100']
    """
    return [
        str(mean[name]) if name in ("state", "pool") else f"{name}{mean[name]}"
        for name, default in MEAN.items()
        if mean[name] != default
    ]


def layers_text(layers: Iterable[int]) -> str:
    """Layers as an id has them.

    Args:
        layers: ascending.

    >>> layers_text([3, 5, 6, 7])
    '3+5-7'
    """
    runs = []
    for _, group in groupby(enumerate(layers), lambda pair: pair[1] - pair[0]):
        run = [layer for _, layer in group]
        runs.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
    return "+".join(runs)


def heads_text(scale: Sequence[float]) -> tuple[Literal["only", "without"], str]:
    """Which heads a scale keeps or removes, as an id has them.

    Args:
        scale: a factor for every head, 0 or 1.

    >>> heads_text([0, 1, 0]), heads_text([0, 1, 1, 0])
    (('only', '1'), ('without', '0+3'))
    """
    removed = [str(head) for head, factor in enumerate(scale) if not factor]
    kept = [str(head) for head, factor in enumerate(scale) if factor]
    return ("only", kept[0]) if len(kept) == 1 else ("without", "+".join(removed))
