"""What edits of the model are called."""

import re
from collections.abc import Mapping
from typing import Any

KINDS = {
    "mean": "averaging",
    "confuse": "confusion",
    "skip": "removal",
    "heads": "heads",
    "prune": "pruning",
    "mixed": "several edits",
}
"""Kinds of conditions; the first two are the paper's words."""

MEANINGS = {
    "mean": "Averaging: the layer's attention reads the mean state of many images.",
    "confuse": (
        "Confusion: the residual connection, which carries a state past the layer, carries the "
        "mean state of many images."
    ),
    "skip": "Removal: the layer is left out.",
    "heads": "Heads: some heads of the layer add nothing.",
    "prune": "Pruning: the heads of several layers that Algorithm 1, or a control, finds least "
    "important add nothing.",
    "mixed": "Several edits at once.",
}

ALGORITHMS = {
    "importance": "Algorithm 1",
    "importance_mask": "Algorithm 1, unweighted",
    "random": "random heads",
    "least_norm": "heads of least norm",
}
"""Who chooses the heads that are pruned; all but the first are controls at equal count."""

LAYER = "edited layer"
PAPER_LAYER = "edited layer, the paper's numbers"

_ONE_EDIT = re.compile(
    r"\w+:(?P<layers>[\d+-]+?)(-(?P<how>only|without)-(?P<heads>[\d+]+))?"
    r"(@(?P<run>[^~]+))?(~(?P<options>.+))?"
)
_HOW = {"only": "with head {} alone", "without": "without head {}"}


def which_mean(condition: str) -> list[str]:
    """What a condition's id says of the mean that it takes: another run's, other options."""
    found = _ONE_EDIT.fullmatch(condition)
    if found is None:
        return []
    options = found["options"].split("~") if found["options"] else []
    return [*([f"mean of {found['run']}"] if found["run"] else []), *options]


def edit_name(condition: str, pruning: Mapping[str, Any]) -> str:
    """An edit in words, without its kind and short enough for a button.

    Args:
        condition: its id.
        pruning: how its heads were chosen; empty if nothing chose them.

    >>> edit_name("mean:4-6@other-1a2b", {}), edit_name("skip:3", {})
    ('layers 4-6, mean of other-1a2b', 'layer 3')
    >>> edit_name("heads:9-without-0+3", {}), edit_name("skip:1,mean:2", {})
    ('layer 9 without head 0+3', 'skip:1,mean:2')
    >>> edit_name("prune:x-1a2b", {"algorithm": "random", "n_pruned": 20, "seed": 1})
    '20 heads, random heads, seed 1'
    """
    if pruning:
        seed = [] if pruning.get("seed") is None else [f"seed {pruning['seed']}"]
        chosen_by = ALGORITHMS.get(pruning.get("algorithm", ""), condition)
        return ", ".join([f"{pruning.get('n_pruned', 0)} heads", chosen_by, *seed])
    found = _ONE_EDIT.fullmatch(condition)
    if found is None:
        return condition
    layers = f"layer{'' if found['layers'].isdigit() else 's'} {found['layers']}"
    heads = [_HOW[found["how"]].format(found["heads"])] if found["how"] else []
    return ", ".join([" ".join([layers, *heads]), *which_mean(condition)])
