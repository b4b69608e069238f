"""A reply -> scores. What is not plainly an answer is a failure with a name, and no score."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from precompute.judge.entry import Entry
from precompute.judge.prompt import CRITERIA, menu, shown

VERSION = 2
"""Goes up when replies are read differently; stored ones are then read again, none is asked."""

OK = "ok"
QUOTED = "quoted"
"""A score that is a text, "3": it counts, and is marked."""

REFUSED = "refused"
EMPTY = "empty"
TRUNCATED = "truncated"
UNREADABLE = "unreadable"
PARTIAL = "partial"
WRONG_LAYERS = "wrong_layers"
OFF_MENU = "off_menu"

_WORK = 10_000_000
"""Characters that are decoded in search of an answer, at most; one at the end costs its own."""

_BEGUN = re.compile(r'"layers"\s*:\s*\{\s*"\d')
_TEXT_SCORE = re.compile(r"\s*([0-9])(?:\.0+)?\s*")


class _Repeating(dict[str, Any]):
    """A JSON object that says a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else _Repeating(fields)


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def judgement_rows(entry: Entry) -> list[dict[str, Any]]:
    """Rows of table `judgement`: one a layer and criterion, with NULL where there is no score.

    A reply that is refused, empty, cut off, unreadable, or about other layers than asked is a
    failure as a whole. In one that is about the right layers, a score off the menu fails alone.
    """
    judge, rows = entry.judge, []
    names = shown(judge.order, judge.layers, entry.image_id)
    given, failure = _read(entry, list(names))
    for name, layer in sorted(names.items(), key=lambda named: named[1]):
        for criterion in CRITERIA:
            value = given.get(name, {}).get(criterion)
            score, mark = _score(value, menu(layer, criterion, judge.layers, judge.order))
            rows.append(
                {
                    "judge": judge.name,
                    "condition_id": entry.condition_id,
                    "image_id": entry.image_id,
                    "layer": layer,
                    "criterion": criterion,
                    "vote": entry.vote,
                    "score": score,
                    "status": failure or mark,
                    "reply_id": entry.reply_id,
                }
            )
    return rows


def status(entry: Entry) -> str:
    """In one word: the first failure of a reply, or else a mark on a score, or `ok`."""
    rows = judgement_rows(entry)
    failures = [row["status"] for row in rows if row["score"] is None]
    marks = [row["status"] for row in rows if row["status"] != OK]
    return next(iter(failures + marks), OK)


def has_scores(entry: Entry) -> bool:
    """Whether a reply gives any score at all."""
    return any(row["score"] is not None for row in judgement_rows(entry))


def _score(value: Any, allowed: Sequence[int]) -> tuple[int | None, str]:
    # A whole number is one in JSON, however it is written. bool is an int in Python, and no score.
    quoted = _TEXT_SCORE.fullmatch(value) if isinstance(value, str) else None
    if quoted:
        value = int(quoted[1])
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or value not in allowed:
        return None, OFF_MENU
    return value, QUOTED if quoted else OK


def _read(entry: Entry, names: Sequence[str]) -> tuple[Mapping[str, Mapping[str, Any]], str | None]:
    """What a description was called -> criterion -> what was given; or nothing, and why."""
    text, cut = (entry.text or "").strip(), entry.finish_reason == "length"
    if entry.refused or not text:
        return {}, TRUNCATED if cut else REFUSED if entry.refused else EMPTY
    answer = _answer(text, cut)
    if answer is None:
        return {}, TRUNCATED if cut else UNREADABLE
    layers = answer["layers"]
    if not isinstance(layers, dict) or not all(isinstance(s, dict) for s in layers.values()):
        return {}, UNREADABLE
    if any(isinstance(part, _Repeating) for part in (answer, layers, *layers.values())):
        return {}, WRONG_LAYERS
    if failure := _wrong_shape(layers, names):
        return {}, failure
    return layers, None


def _answer(text: str, cut: bool) -> dict[str, Any] | None:
    """The last object of a text that has `layers`, whatever stands round it; None if there is none.

    A draft is no answer: not where the answer after it is broken, or was cut off.
    """
    if cut and text.rfind("<think>") > text.rfind("</think>"):
        return None
    end = text.rfind("}") + 1
    at, work = end, 0
    while (at := text.rfind("{", 0, at)) >= 0:
        work += end - at
        if work > _WORK:
            return None
        try:
            # From a copy: an error of the decoder counts all lines before its place.
            found, length = _DECODER.raw_decode(text[at:end])
        except (ValueError, RecursionError):
            continue
        if isinstance(found.get("layers"), dict) or (
            isinstance(found, _Repeating) and "layers" in found
        ):
            after = text[at + length :]
            begun = _BEGUN.search(after) or (cut and after.count("{") > after.count("}"))
            return None if begun else found
    return None


def _wrong_shape(layers: Mapping[str, Mapping[str, Any]], asked: Sequence[str]) -> str | None:
    expected = set(asked)
    if set(layers) - expected:
        return WRONG_LAYERS
    missing = expected - set(layers)
    if missing or any(set(CRITERIA) - set(scores) for scores in layers.values()):
        return PARTIAL
    return None
