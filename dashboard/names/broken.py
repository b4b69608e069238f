"""What is done to a picture, in words: which way it is broken, and how much."""

from collections.abc import Mapping
from typing import Any

_ORDERS = {False: "by chance", True: "in the map's order"}


def way(spec: Mapping[str, Any]) -> str:
    """In which way a condition breaks pictures, whatever the strength; edits of layers included.

    >>> way({"input": {"kind": "corrupt", "name": "gaussian_noise", "severity": 3, "seed": 0}})
    'gaussian noise'
    >>> way({"input": {"kind": "occlude", "percent": 30, "seed": 0, "by_map": True}})
    "patches covered in the map's order"
    """
    edit = spec["input"]
    named = {
        "corrupt": str(edit.get("name")).replace("_", " "),
        "occlude": f"patches covered {_ORDERS[bool(edit.get('by_map'))]}",
        "shuffle": "patches shuffled",
        "pgd": "attack on the final caption"
        if edit.get("target") is None
        else f"attack towards “{edit['target']}”",
    }
    seed = [f"seed {edit['seed']}"] if edit.get("seed") and edit["kind"] != "shuffle" else []
    layers = ["edited layers besides"] if spec.get("edits") else []
    return ", ".join([named[edit["kind"]], *seed, *layers])


def strength(spec: Mapping[str, Any]) -> tuple[float, str]:
    """How much a condition breaks pictures: a number to sort by, and words.

    >>> strength({"input": {"kind": "occlude", "percent": 30}})
    (30.0, '30%')
    """
    edit = spec["input"]
    if edit["kind"] == "corrupt":
        return float(edit["severity"]), f"severity {edit['severity']}"
    if edit["kind"] == "occlude":
        return float(edit["percent"]), f"{edit['percent']}%"
    if edit["kind"] == "shuffle":
        return float(edit["seed"]), f"seed {edit['seed']}"
    return float(edit["eps"]), f"up to {edit['eps']:g}/255, {edit['n']} steps of {edit['step']:g}"


def name(spec: Mapping[str, Any]) -> str:
    """A condition on the picture in words, short enough for a button."""
    return f"{way(spec)}, {strength(spec)[1]}"
