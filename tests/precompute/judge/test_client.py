"""A server's refusal is read where it stands, and what it does not take is left out."""

import asyncio
import json
from pathlib import Path

import pytest

from precompute.judge.client import Dialect, open_client
from precompute.judge.complaint import complaint, names_format
from precompute.judge.identity import judge_of
from precompute.judge.key import KEY
from precompute.judge.ledger import JudgeError, ledgers, read_ledger
from precompute.judge.questions import Trajectory
from precompute.judge.reply import Unanswered
from tests.judge_server import error, scores

QUESTION = Trajectory("baseline", "i", {1: "a", 2: "a cat", 5: "a black cat"}, Path(), 0)


@pytest.fixture
def ask(config):
    """Asks so many questions, one after the other, and no run is needed; returns the last reply."""

    def go(n=1, **changes):
        settings = config.model_copy(update={"layers": (1, 2, 5), **changes})

        async def work():
            async with open_client(settings, judge_of(settings, 5), lambda: None) as client:
                return [await client.ask(QUESTION, b"picture") for _ in range(n)][-1]

        return asyncio.run(work())

    return go


def fastapi(*place, message="Extra inputs are not permitted", sent=None):
    item = {"type": "extra_forbidden", "loc": ["body", *place], "msg": message, "input": sent}
    return {"detail": [item]}


FORMAT_REFUSED = {
    "fastapi": (422, fastapi("response_format", "json_schema")),
    "error is a text": (400, {"error": "'response_format.type' must be 'text'"}),
    "detail is a text": (400, {"detail": "json_schema is not supported"}),
    "message": (400, {"message": "unknown field", "param": "response_format"}),
    "errors": (400, {"errors": [{"message": "guided decoding: bad grammar"}]}),
    "plain": (400, "response_format: unknown variant"),
    "not implemented": (501, {"error": {"message": "JSON schema is not implemented"}}),
    "internal": (500, {"error": {"code": 500, "message": "failed to parse grammar"}}),
    "no route": (404, {"error": {"message": "No endpoints support 'response_format'"}}),
    "nested": (400, {"error": {"message": "Provider", "metadata": {"raw": "json_schema: no"}}}),
}


@pytest.mark.parametrize(("status", "body"), FORMAT_REFUSED.values(), ids=FORMAT_REFUSED)
def test_a_weaker_format_is_tried_wherever_the_complaint_stands(server, ask, status, body):
    def behave(n, request):
        refused = "response_format" in request
        return (lambda handler: handler.send(status, body)) if refused else scores(request)

    server.behave = behave
    assert ask(2).answer_format == "text"
    assert [r.get("response_format", {}).get("type") for r in server.requests] == [
        "json_schema",
        "json_object",
        None,
        None,
    ], "no refusal comes twice, though errors that may pass are retried"


@pytest.mark.parametrize(
    "body",
    [
        fastapi("messages", 0, "content", 1, "image_url", "detail"),
        {"error": {"message": "Invalid image", "param": "messages[0].content[1].image_url.detail"}},
        {"error": "unknown field `detail`, expected `url`: request does not match the schema"},
    ],
)
def test_the_detail_of_a_picture_is_left_out_alone(server, ask, body):
    def behave(n, request):
        refused = "detail" in request["messages"][0]["content"][1]["image_url"]
        return (lambda handler: handler.send(422, body)) if refused else scores(request)

    server.behave = behave
    assert ask(2).answer_format == "json_schema"
    assert server.count == 3, "once, and remembered"


def test_what_a_server_repeats_of_the_question_is_no_complaint():
    sent = {"response_format": {"type": "json_schema"}, "temperature": 0, "detail": "auto"}
    body = json.dumps(fastapi("top_k", sent=sent))
    assert complaint(body) == "extra_forbidden; body top_k; Extra inputs are not permitted"
    assert not names_format(body)
    assert Dialect().without(complaint(body)) is None


def test_errors_of_another_kind_change_nothing(server, ask):
    server.behave = lambda n, body: error(500, "temperature too high") if n == 0 else scores(body)
    ask(temperature=0.0)
    assert server.requests[0] == server.requests[1]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (422, fastapi("model", message="Field required"), "422: .*body model; Field required"),
        (400, {"error": "the picture is too small"}, "400: the picture is too small"),
        (503, "<html>503: no server is available</html>", "503: <html>503: no server is"),
        (500, "", "500: without a word"),
        (403, {"detail": "not for you"}, "answers 403: not for you. The key"),
        (429, {"detail": {"code": "insufficient_quota"}}, "answers 429: insufficient_quota"),
        (418, "long " * 1000, "answers 418: long long"),
    ],
)
def test_the_servers_words_are_shown(server, ask, status, body, words):
    server.behave = lambda n, _: lambda handler: handler.send(status, body)
    with pytest.raises((JudgeError, Unanswered), match=words) as raised:
        ask(retries=0)
    assert len(str(raised.value)) < 700


def test_words_are_shown_without_the_key(server, ask, monkeypatch):
    monkeypatch.setenv(KEY, "sk-very-secret")
    body = {"detail": [{"msg": "x" * 495 + "sk-very-secret", "loc": ["header"]}]}
    server.behave = lambda n, _: lambda handler: handler.send(422, body)
    with pytest.raises(Unanswered, match="422: xxx") as raised:
        ask()
    assert "sk-" not in str(raised.value)


def test_a_rejected_question_stays_open_and_the_words_end_the_session(run, server, config, judge):
    body = fastapi("messages", 0, message="Input should be a text")
    server.behave = lambda n, _: lambda handler: handler.send(422, body)
    words = (
        "in a row had no answer, .*422: extra_forbidden; body messages 0; Input should be a text"
    )
    with pytest.raises(JudgeError, match=words):
        judge(config)
    assert not list(read_ledger(ledgers(run)[0]))


def test_bodies_that_are_deep_or_odd_have_words_or_none():
    assert complaint('{"a":' * 900 + '"deep"' + "}" * 900) == "deep"
    assert complaint("[" * 100_000).startswith("[[[")
    assert [complaint(body) for body in ("", "null", "404", "{}", "[]", '["a", 1]')] == [
        *[""] * 5,
        "a 1",
    ]
