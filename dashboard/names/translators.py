"""What readers are called: translators, their controls, the lens."""

from collections.abc import Mapping
from typing import Any

from store.schema import BASELINE

NATIVE, TUNED = "native reader", "tuned reader"

NAMES = {
    BASELINE: NATIVE,
    "tuned": TUNED,
    "jacobian": "Jacobian lens",
    "bias": "mean shift alone",
    "others": "another picture",
    "permuted": "permuted tower",
    "untrained": "unlearnt states",
    "zero": "its own layer 0",
}
"""Roles of readers and what they are held against, in the order of legends."""

MEANINGS = {
    "bias": "The mean shift alone moves every state by the same vector: what the mean state gives.",
    "others": "Another picture: its translated state must say nothing of this one.",
    "permuted": "Permuted tower: the same training within a tower of permuted weights, which "
    "learnt nothing; what training alone gives.",
    "untrained": "Unlearnt states: a map fitted from the states of that permuted tower to the "
    "last state of the tower as it is. It shows what a linear map can take from the pixels.",
    "zero": "The tuned reader's own layer 0 shows the same of the embeddings.",
    "jacobian": "The Jacobian lens is the tower's own derivative in place of a fitted map: nothing "
    "in it could learn to caption.",
}
"""Of those that need a word, a sentence."""

READ, PRESENT, UNSHOWN = "read", "present", "nothing shown"
"""What can be said of a layer."""


def about(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a specification says of a reader; empty of other conditions, and of odd ones."""
    value = spec.get("reader")
    return value if isinstance(value, Mapping) else {}


def name(spec: Mapping[str, Any], condition: str) -> str:
    """A reader by its specification; its id, if that does not say.

    >>> name({"reader": {"reader": "bias"}}, "tuned-bias"), name({}, "x")
    ('mean shift alone', 'x')
    """
    role = about(spec).get("reader")
    return NAMES.get(role, condition) if isinstance(role, str) else condition


def fitted_on(spec: Mapping[str, Any], source: object) -> str:
    """On what a reader was fitted, as a sentence."""
    rank = about(spec).get("rank")
    return f"Translators of rank {rank}, fitted on {source}." if rank else ""
