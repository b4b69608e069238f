"""What counts as a score, and what as which failure."""

import json
import math
import time

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


GOOD, DRAFT = json.dumps(answer()), json.dumps(answer(l4=dict.fromkeys(CRITERIA, 1)))
AROUND = {
    "fence": "```json\n%s\n```",
    "before": "Sure! %s",
    "after": "%s\n",
    "draft": "<think>maybe " + DRAFT + ", or {not}</think>\n%s",
    "no tag": "I start with " + DRAFT + ".\n</think>\n%s",
    "bits": '<think>{\'1\': {"entities": 3, ...}, {"a": {}} {{{</think>%s',
    "braces after": '%s\nI used {these} scores: {"entities": 5}, as {"layers": ...} asks. {',
    "nested": '{"answer": %s, "sure": true}',
    "listed": "[%s]",
    "twice": DRAFT + "\nNo, I correct that:\n%s",
    "repeats elsewhere": '{"a": 1, "a": 2} %s',
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_the_last_object_with_layers_is_the_answer(around):
    rows = judgement_rows(entry(around.replace("%s", GOOD)))
    assert {(row["score"], row["status"]) for row in rows} == {(3, "ok")}


def test_an_answer_that_is_whole_is_not_cut_off_by_what_follows():
    assert status(entry(GOOD + " They rise, as {braces} sh", finish_reason="length")) == "ok"


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        (f"<think>{DRAFT} but", {"finish_reason": "length"}, "truncated"),
        (f'<think>{DRAFT}</think>{{"lay', {"finish_reason": "length"}, "truncated"),
        (f"<think>{DRAFT}</think>{GOOD[:-30]}", {"finish_reason": "length"}, "truncated"),
        (f"<think>{DRAFT}</think>{GOOD[:-2]},}}}}", {}, "unreadable"),
    ],
)
def test_a_draft_is_no_answer_where_the_answer_is_broken(text, fields, expected):
    assert status(entry(text, **fields)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{" * 1_000_000 + "}",
        '{"' * 500_000 + "}",
        '{"a":' * 200_000 + "}",
        '{"a":[{},' * 100_000 + "}",
        '{"layers":{"1":' * 60_000 + "}",
    ],
)
def test_a_text_of_braces_is_read_in_bounded_time(text):
    begun = time.process_time()
    assert status(entry(text)) == "unreadable"
    assert time.process_time() - begun < 3, "a thousandth of what trying each brace takes"


def test_an_answer_at_the_end_of_a_long_text_is_found():
    assert status(entry("{ x } " * 150_000 + GOOD)) == "ok"


@pytest.mark.parametrize("score", ["5", " 5 ", "5.0"])
def test_a_score_in_quotes_counts_and_is_marked(score):
    given = entry(json.dumps(answer(l4={**dict.fromkeys(CRITERIA, 3), "entities": score})))
    rows = {(r["layer"], r["criterion"]): (r["score"], r["status"]) for r in judgement_rows(given)}
    assert rows.pop((4, "entities")) == (5, "quoted")
    assert set(rows.values()) == {(3, "ok")}
    assert status(given) == "quoted"
    failed = entry(json.dumps(answer(l4={**dict.fromkeys(CRITERIA, score), "entities": 2})))
    assert status(failed) == "off_menu", "a failure goes before a mark"


@pytest.mark.parametrize("score", ["3.0", "3.00", "0.3e1"])
def test_a_whole_number_counts_however_json_writes_it(score):
    rows = judgement_rows(entry(GOOD.replace("3", score)))
    assert {(row["score"], row["status"]) for row in rows} == {(3, "ok")}
    assert {type(row["score"]) for row in rows} == {int}


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace('"4"', '"1"'),
        GOOD.replace('"specificity"', '"entities"'),
        GOOD[:-1] + f', "layers": {json.dumps(answer()["layers"])}}}',
        GOOD[:-1] + ', "layers": 3}',
    ],
)
def test_a_key_said_twice_in_the_answer_scores_nothing(text):
    rows = judgement_rows(entry(f"{DRAFT} {text}"))
    assert {row["score"] for row in rows} == {None}


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
