"""A reply -> scores. What is not plainly an answer is a failure with a name, and no score."""

import json
from collections.abc import Sequence
from typing import Any

from precompute.judge.ledger import Entry
from precompute.judge.prompt import CRITERIA, menu

VERSION = 1
"""Goes up when replies are read differently; stored ones are then read again, none is asked."""

OK = "ok"
REFUSED = "refused"
TRUNCATED = "truncated"
UNREADABLE = "unreadable"
PARTIAL = "partial"
WRONG_LAYERS = "wrong_layers"
OFF_MENU = "off_menu"


class _Repeated(ValueError):
    """A JSON object that says a key twice."""


def judgement_rows(entry: Entry) -> list[dict[str, Any]]:
    """Rows of table `judgement`: one a layer and criterion, with NULL where there is no score.

    A reply that is refused, cut off, unreadable, or about other layers than asked is a failure as
    a whole. In one that is about the right layers, a score off the menu fails alone.
    """
    layers = entry.judge.layers
    given, failure = _read(entry)
    rows = []
    for layer in layers:
        for criterion in CRITERIA:
            value = given.get(str(layer), {}).get(criterion)
            # bool is an int in Python: `true` is no score.
            on_menu = type(value) is int and value in menu(layer, criterion, layers)
            rows.append(
                {
                    "judge": entry.judge.name,
                    "condition_id": entry.condition_id,
                    "image_id": entry.image_id,
                    "layer": layer,
                    "criterion": criterion,
                    "vote": entry.vote,
                    "score": value if on_menu else None,
                    "status": failure or (OK if on_menu else OFF_MENU),
                    "reply_id": entry.reply_id,
                }
            )
    return rows


def status(entry: Entry) -> str:
    """In one word: `ok`, or the first failure of a reply."""
    return next((row["status"] for row in judgement_rows(entry) if row["status"] != OK), OK)


def _read(entry: Entry) -> tuple[dict[str, dict[str, Any]], str | None]:
    """Layer -> criterion -> what was given; or nothing, and why."""
    if entry.refused or not (entry.text or "").strip():
        return {}, TRUNCATED if entry.finish_reason == "length" else REFUSED
    try:
        answer = _parse(entry.text or "")
        layers = answer["layers"]
        complete = all(isinstance(scores, dict) for scores in layers.values())
    except _Repeated:
        return {}, WRONG_LAYERS
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}, TRUNCATED if entry.finish_reason == "length" else UNREADABLE
    if not complete:
        return {}, UNREADABLE
    if failure := _wrong_shape(layers, entry.judge.layers):
        return {}, failure
    return layers, None


def _parse(text: str) -> Any:
    # Models that know no schema put JSON between fences, or a sentence around it.
    start, end = text.find("{"), text.rfind("}") + 1
    return json.loads(text[start:end] if start >= 0 else text, object_pairs_hook=_no_repeats)


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _Repeated
    return fields


def _wrong_shape(layers: dict[str, dict[str, Any]], asked: Sequence[int]) -> str | None:
    expected = {str(layer) for layer in asked}
    if set(layers) - expected:
        return WRONG_LAYERS
    missing = expected - set(layers)
    if missing or any(set(CRITERIA) - set(scores) for scores in layers.values()):
        return PARTIAL
    return None
