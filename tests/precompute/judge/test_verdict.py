"""What counts as a score, and what as which failure."""

import json
import math

import pytest

from precompute.config.judge import JudgeConfig
from precompute.judge.entry import Entry
from precompute.judge.identity import judge_of
from precompute.judge.prompt import CRITERIA
from precompute.judge.verdict import judgement_rows, status

JUDGE = judge_of(JudgeConfig(base_url="http://x/v1", model="m", layers=(1, 4)), 5)


def entry(text, **fields):
    given = {
        "reply_id": "r",
        "run_id": "run",
        "captions": "capture-0",
        "judge": JUDGE,
        "condition_id": "baseline",
        "image_id": "i",
        "vote": 0,
        "prompt_sha256": "p",
        "image_sha256": "q",
        "model_answered": None,
        "text": text,
        "refused": False,
        "finish_reason": "stop",
        "tokens_in": 1,
        "tokens_out": 1,
        "answer_format": "text",
        "at": "now",
    }
    return Entry(**{**given, **fields})


def answer(**layers):
    good = dict.fromkeys(CRITERIA, 3)
    return {"layers": {"1": good, "4": good, **{k.removeprefix("l"): v for k, v in layers.items()}}}


def test_an_answer():
    rows = judgement_rows(entry(json.dumps(answer(l4=dict.fromkeys(CRITERIA, 5)))))
    assert {(row["layer"], row["criterion"]): row["score"] for row in rows} == {
        (layer, criterion): score for layer, score in ((1, 3), (4, 5)) for criterion in CRITERIA
    }
    assert {row["status"] for row in rows} == {"ok"}


@pytest.mark.parametrize("around", ["```json\n%s\n```", "Sure! %s", "%s\n"])
def test_json_with_something_around_it(around):
    assert status(entry(around % json.dumps(answer()))) == "ok"


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        ("No.", {"refused": True}, "refused"),
        (None, {}, "empty"),
        ("", {"finish_reason": "reasoning only"}, "empty"),
        ("", {"refused": True, "finish_reason": "content_filter"}, "refused"),
        ("  ", {"finish_reason": "length"}, "truncated"),
        ('{"layers": {"1": {"ent', {"finish_reason": "length"}, "truncated"),
        ('{"layers": {"1": {"ent', {}, "unreadable"),
        ("I would say 3.", {}, "unreadable"),
        ("[1, 3, 5]", {}, "unreadable"),
        ('{"layers": [1, 3]}', {}, "unreadable"),
        ('{"layers": {"1": 3, "4": 3}}', {}, "unreadable"),
        ('{"layers": ' + "[" * 100_000, {}, "unreadable"),
        (json.dumps({"layers": {"1": dict.fromkeys(CRITERIA, 3)}}), {}, "partial"),
        (json.dumps(answer(l4={"entities": 3})), {}, "partial"),
        (json.dumps(answer(l5=dict.fromkeys(CRITERIA, 3))), {}, "wrong_layers"),
        (json.dumps(answer()).replace('"4"', '"1"'), {}, "wrong_layers"),
    ],
)
def test_a_failed_reply_scores_nothing(text, fields, expected):
    rows = judgement_rows(entry(text, **fields))
    assert len(rows) == 2 * len(CRITERIA)
    assert {row["status"] for row in rows} == {expected}
    assert {row["score"] for row in rows} == {None}


OFF_MENU = (0, 2, 4, 6, 3.5, "4", "three", "", "33", True, None, [3], 10**400, math.nan, math.inf)


@pytest.mark.parametrize("score", OFF_MENU)
def test_a_score_off_the_menu_fails_alone(score):
    rows = judgement_rows(
        entry(json.dumps(answer(l4={**dict.fromkeys(CRITERIA, 5), "entities": score})))
    )
    failed = [row for row in rows if row["status"] != "ok"]
    assert [(r["layer"], r["criterion"], r["score"], r["status"]) for r in failed] == [
        (4, "entities", None, "off_menu")
    ]


def test_the_first_layer_cannot_inform_more_than_nothing_before_it():
    rows = judgement_rows(entry(json.dumps(answer(l1=dict.fromkeys(CRITERIA, 5)))))
    assert [row["criterion"] for row in rows if row["status"] == "off_menu"] == ["information"]
