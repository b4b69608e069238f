"""What edits of the model are called."""

from collections.abc import Iterable, Mapping
from typing import Any

from dashboard.names import broken
from store.interventions import heads_text, layers_text, mean_options

ALGORITHMS = {
    "importance": "Algorithm 1",
    "importance_mask": "Algorithm 1, unweighted",
    "random": "random heads",
    "least_norm": "heads of least norm",
}
"""Who chooses the heads that are pruned; all but the first are controls at equal count."""

LAYER = "edited layer"
PAPER_LAYER = "edited layer, the paper's numbers"

_HOW = {"only": "with head {} alone", "without": "without head {}"}


_MEANS = {
    "resample": "another picture's state",
    "token": "one for all tokens",
    "output": "of the layer's output",
}
"""Options of a mean, as its id has them, in words."""


def resampled(specs: Iterable[Mapping[str, Any]]) -> str:
    """What stands in place of a mean, as a sentence; empty if no specification says so."""
    pools = {(spec.get("mean") or {}).get("pool") for spec in specs}
    return (
        "Where another picture's state is named, it stands in place of the mean: that of one other "
        "picture of the run, each picture's its own, drawn with a seed."
        if "resample" in pools
        else ""
    )


def which_mean(spec: Mapping[str, Any]) -> list[str]:
    """The mean that a condition's specification names, in words: another run's, other options.

    >>> mean = {"state": "input", "pool": "resample", "n": 100, "seed": 2, "run": None}
    >>> which_mean({"mean": mean})
    ["another picture's state", '100 images', 'seed 2']
    """
    mean = spec.get("mean")
    if mean is None:
        return []
    return [
        *([f"mean of {mean['run']}"] if mean["run"] else []),
        *(_option(option) for option in mean_options(mean)),
    ]


def _option(option: str) -> str:
    if option in _MEANS:
        return _MEANS[option]
    return f"{option[1:]} images" if option[0] == "n" else f"seed {option[4:]}"


def edit_name(condition: str, spec: Mapping[str, Any]) -> str:
    """An edit in words, without its kind and short enough for a button.

    Args:
        condition: its id.
        spec: its specification; without one, or of several edits, the id is the name.

    >>> edit_name("skip:3-5", {"edits": [{"kind": "skip", "layers": [3, 4, 5]}]})
    'layers 3-5'
    >>> scaled = {"kind": "heads", "layers": [9], "scale": {"9": [0, 1, 1, 0]}}
    >>> edit_name("heads:9-without-0+3", {"edits": [scaled]})
    'layer 9 without head 0+3'
    >>> noise = {"kind": "corrupt", "name": "fog", "severity": 3, "seed": 0}
    >>> edit_name("fog@3", {"input": noise, "edits": []})
    'fog, severity 3'
    >>> edit_name("prune:x-1a2b", {"pruning": {"algorithm": "random", "n_pruned": 20, "seed": 1}})
    '20 heads, random heads, seed 1'
    """
    if pruning := spec.get("pruning"):
        seed = [] if pruning.get("seed") is None else [f"seed {pruning['seed']}"]
        chosen_by = ALGORITHMS.get(pruning.get("algorithm", ""), condition)
        return ", ".join([f"{pruning.get('n_pruned', 0)} heads", chosen_by, *seed])
    edits = spec.get("edits", [])
    if "input" in spec and not edits and "graft" not in spec:
        return broken.name(spec)
    if len(edits) != 1 or "input" in spec or "graft" in spec:
        return condition
    layers = edits[0]["layers"]
    words = [f"layer{'s' if len(layers) > 1 else ''} {layers_text(layers)}"]
    for scale in list(edits[0].get("scale", {}).values())[:1]:  # the same at all its layers
        how, heads = heads_text(scale)
        words.append(_HOW[how].format(heads))
    return ", ".join([" ".join(words), *which_mean(spec)])
