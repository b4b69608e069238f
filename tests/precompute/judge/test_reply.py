"""What is a reply, and what leaves a question open: from a server, a batch, a ledger of before."""

import json

import pytest

from precompute.judge import seal as sealing
from precompute.judge.entry import Entry
from precompute.judge.exchange import export_ledger, import_ledger, read_batch
from precompute.judge.ledger import JudgeError, Ledger, ledgers, read_ledger, spent
from precompute.judge.reply import UNSAID, Unanswered, as_it_counts, read_reply
from precompute.judge.session import FIRST, ask_all, ask_by_batch
from precompute.judge.verdict import status
from precompute.runner.watch import Watch
from store import open_run
from store.publish.generation import publish
from tests.judge_server import error, scores

PAGE = "<!DOCTYPE html><title>Sign in</title><p>Your session has ended."
STREAM = 'data: {"choices": [{"delta": {"content": "{"}}]}\n\ndata: [DONE]\n\n'


def completion(**changes):
    choice = {"message": {"content": "{}"}, "finish_reason": "stop", **changes}
    return json.dumps({"choices": [choice], "model": "m"})


NO_REPLIES = {
    "page": (PAGE, "got '<!DOCTYPE html><title>Sign in</title>"),
    "stream": (STREAM, "got 'data: "),
    "nothing": ("", "got 'nothing'"),
    "text": ("upstream connect error", "upstream connect error"),
    "proxy": ('{"status": "ok", "queue": 3}', r'"queue": 3.*ends in /v1'),
    "error": ('{"error": {"message": "model is loading", "code": 1}}', "model is loading"),
    "no choices": ('{"choices": [], "model": "m"}', "JSON with `choices`"),
    "null choices": ('{"choices": null, "model": "m"}', "JSON with `choices`"),
    "chunk": ('{"choices": [{"delta": {"content": "{"}}]}', "JSON with `choices`"),
    "legacy": ('{"choices": [{"text": "{}", "finish_reason": "stop"}]}', "JSON with `choices`"),
    "upstream": (
        completion(finish_reason="error", error={"code": 502, "message": "provider is gone"}),
        "finish_reason 'error'.*provider is gone",
    ),
    "half": (completion(finish_reason="abort", message={"content": '{"lay'}), "'abort'"),
    "beside": ('{"error": "quota", "choices": [{"message": {"content": "x"}}]}', "says: quota"),
    "silent": (completion(finish_reason=None, message={"role": "assistant"}), "says: nothing"),
}


@pytest.mark.parametrize(("body", "words"), NO_REPLIES.values(), ids=NO_REPLIES)
def test_what_is_no_completion_is_no_reply(body, words):
    with pytest.raises(Unanswered, match=words):
        read_reply(200, body, "text")


def test_what_is_no_completion_leaves_its_question_open(run, server, config, judge):
    bodies = [body for body, _ in NO_REPLIES.values()]

    def behave(n, body):
        # Every other one, or five in a row would end it.
        bad = n % 2 == 0 and n // 2 < len(bodies)
        return (lambda handler: handler.send(200, bodies[n // 2])) if bad else scores(body)

    server.behave = behave
    thrice = config.model_copy(update={"votes": 3, "images": 10, "concurrency": 1})
    with pytest.raises(JudgeError, match=rf"{len(bodies)} questions are open: expected"):
        judge(thrice)
    assert server.count == 30
    judge(thrice)
    assert server.count == 30 + len(bodies)
    with open_run(run) as opened:
        assert len(opened.table("reply")) == 30
        assert set(opened.table("judgement").status) == {"ok"}


@pytest.mark.parametrize(
    ("http", "body"),
    [
        (400, '{"error": {"message": "unsafe", "code": "content_filter"}}'),
        (422, '{"detail": [{"msg": "unsafe", "type": "content_policy_violation"}]}'),
        (403, '{"error": {"code": 403, "innererror": {"code": "ResponsibleAIPolicyViolation"}}}'),
        (200, '{"error": {"message": "unsafe", "code": "content_filter"}}'),
    ],
)
def test_a_refusal_by_the_filter_is_a_reply(http, body):
    assert read_reply(http, body, "text").refused


def test_a_completion_may_say_no_more_than_its_text():
    reply = read_reply(200, '{"choices": [{"message": {"content": "no"}}]}', "text")
    assert (reply.text, reply.finish_reason, reply.model_answered) == ("no", UNSAID, None)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("\ufeff" + completion(message={"content": "a"}), "a"),
        (completion(message={"content": "half \ud83d"}), "half ?"),
        (completion(message={"content": ["a", {"type": "image_url"}, {"text": "b"}]}), "ab"),
        (completion(message={"content": [{"type": "thinking", "thinking": "{}"}]}), ""),
        (completion(message={"content": "a", "refusal": False}), "a"),
    ],
)
def test_a_completion_is_read_as_servers_write_it(body, text):
    reply = read_reply(200, body, "text")
    assert (reply.text, reply.refused) == (text, False)


def test_what_an_error_cost_counts_over_several_starts(run, server, config, judge):
    usage = {"prompt_tokens": 5000, "completion_tokens": 2000}
    server.behave = lambda n, body: lambda h: h.complete("", finish_reason="error", usage=usage)
    capped = config.model_copy(update={"max_tokens": 30_000, "concurrency": 1, "images": 4})
    for _ in range(2):
        with pytest.raises(JudgeError):
            judge(capped)
    assert server.count == 4
    assert spent(ledgers(run)[0]).tokens == 28_000


def of_version_1(entry, **fields):
    """What version 1 kept of an answer that it could not read: the whole body, and no more."""
    bare = dict.fromkeys(("model_answered", "finish_reason", "tokens_in", "tokens_out"))
    return entry.model_copy(update={**bare, "refused": False, **fields})


def as_version_1_left_it(run, monkeypatch, entries):
    """A ledger, parts and tables in which everything that came counts."""
    (path,) = ledgers(run)
    path.write_text("".join(entry.model_dump_json() + "\n" for entry in entries))
    for part in (run / "parts").glob("judge.*/replies-*"):
        part.rename(run / part.name)
    with monkeypatch.context() as patch:
        patch.setattr(sealing, "VERSION", 1)
        patch.setattr(sealing, "read_ledger", lambda path: iter(entries))
        sealing.seal(run, entries[0].judge)
    publish(run, allow_fewer=True)


def test_a_ledger_that_took_them_for_replies_is_mended_by_reading_it(
    run, server, config, judge, monkeypatch
):
    judge(config)
    replies = list(read_ledger(ledgers(run)[0]))
    parts = json.dumps([{"type": "text", "text": replies[3].text}])
    old = [
        of_version_1(replies[0], text=PAGE),
        of_version_1(replies[1], text=STREAM),
        replies[2].model_copy(update={"text": "", "finish_reason": "error"}),
        of_version_1(replies[3], text=completion(message={"content": json.loads(parts)})),
        of_version_1(replies[4]),
        *replies[5:],
    ]
    as_version_1_left_it(run, monkeypatch, old)
    with open_run(run) as opened:
        assert set(opened.table("reply").text) >= {PAGE, STREAM, ""}
    before = server.count
    assert "3 to ask" in judge(config)[0]
    assert server.count == before + 3, "a completion as a list of parts was one all along"
    with open_run(run) as opened:
        table = opened.table("reply")
        assert len(table) == 12
        assert not {PAGE, STREAM, ""} & set(table.text)
        assert set(opened.table("judgement").status) == {"ok"}
    assert spent(ledgers(run)[0]).requests == 15
    assert PAGE in ledgers(run)[0].read_text().replace("\\n", "\n"), "nothing is taken out"

    file = run.parent / "replies.jsonl"
    file.write_text("".join(entry.model_dump_json() + "\n" for entry in old))
    ledgers(run)[0].unlink()
    assert list(import_ledger(run, file).values()) == [9]
    assert export_ledger(run, file) == 9


def test_a_ledger_of_nothing_else_is_mended_too(run, server, config, judge, monkeypatch):
    judge(config)
    entries = [of_version_1(e, text=PAGE) for e in read_ledger(ledgers(run)[0])]
    as_version_1_left_it(run, monkeypatch, entries)
    server.behave = lambda n, body: error(503, "overloaded")
    with pytest.raises(JudgeError, match="overloaded"):
        judge(config.model_copy(update={"retries": 0}))
    with open_run(run) as opened:
        assert opened.table("reply").empty and opened.table("judgement").empty
    server.behave = lambda n, body: scores(body)
    judge(config)
    with open_run(run) as opened:
        assert len(opened.table("reply")) == 12


def test_a_sound_entry_counts_as_it_is(run, config, judge):
    judge(config.model_copy(update={"images": 1}))
    (entry,) = read_ledger(ledgers(run)[0])
    refused = of_version_1(entry, text="unsafe", refused=True)
    unreadable = entry.model_copy(update={"text": PAGE})
    for sound in (entry, refused, unreadable):
        assert as_it_counts(sound) is sound


def test_a_batch_is_read_by_the_same_rule(run, config, tmp_path):
    file, said = tmp_path / "answers.jsonl", []
    responses = [
        {"status_code": 200, "body": json.loads(completion())},
        {"status_code": 200, "body": PAGE},
        {"status_code": 200, "body": json.loads(completion(finish_reason="error"))},
        {"status_code": 400, "body": {"error": {"code": "content_filter", "message": "unsafe"}}},
        {"status_code": 500, "body": {"error": {"message": "out of memory"}}},
        None,
    ]

    def use(todo, ledger):
        lines = [
            {"custom_id": question.reply_id, "response": response, "error": {"message": "expired"}}
            for question, response in zip(todo.open, responses, strict=False)
        ]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return read_batch(todo, ledger, file, said.append)

    assert ask_by_batch(run, config, use, lambda _: None) == 2
    assert [status(entry) for entry in read_ledger(ledgers(run)[0])] == ["unreadable", "refused"]
    (words,) = said
    assert words.startswith("4 questions stay open; the first without an answer is of line 2: ")
    assert "Sign in" in words


def go_on(run, config):
    with Watch() as watch:
        ask_all(run, config, watch, lambda _: None, keep_asking=True)


def test_ten_replies_without_a_score_are_enough(run, server, config, judge):
    server.behave = lambda n, body: f"As a language model ({n})"
    for _ in range(2):
        with pytest.raises(JudgeError, match="one of the first 10 replies must have") as raised:
            judge(config)
        assert server.count == FIRST, "not one more, at the next start either"
    message = str(raised.value)
    for words in ("10 unreadable", '{"layers": {"1": {"entities": 3', "As a language model ("):
        assert words in message
    assert "2 questions are open" in message
    with open_run(run) as opened:
        assert len(opened.table("reply")) == FIRST

    server.behave = lambda n, body: scores(body)
    with pytest.raises(JudgeError, match="--keep-asking"):
        judge(config)
    assert server.count == FIRST
    go_on(run, config.model_copy(update={"images": 11}))
    assert server.count == FIRST + 1
    judge(config)
    assert server.count == FIRST + 2, "a judge that gave a score once is asked on"


def test_one_score_is_enough_to_go_on(run, server, config, judge):
    server.behave = lambda n, body: scores(body) if n == FIRST - 1 else "no"
    judge(config)
    assert server.count == 12


def test_the_key_is_in_no_message_about_replies(run, server, config, judge, monkeypatch):
    monkeypatch.setenv("PEEL_JUDGE_KEY", "sk-very-secret-key")
    server.behave = lambda n, body: "x" * 490 + "sk-very-secret-key"
    with pytest.raises(JudgeError) as raised:
        judge(config)
    assert "sk-very" not in str(raised.value) and len(str(raised.value)) < 1500
    with pytest.raises(Unanswered) as unanswered:
        read_reply(200, "y" * 490 + "sk-very-secret-key", "text")
    assert "sk-very" not in str(unanswered.value)


def test_a_ledger_keeps_replies_of_servers_that_say_little(run, server, config, judge):
    """A reply that cannot be read counts once, though neither model nor tokens are known."""
    bare = {"choices": [{"message": {"content": "well"}}]}
    server.behave = lambda n, body: lambda handler: handler.send(200, bare)
    one = config.model_copy(update={"images": 1})
    judge(one)
    judge(one)
    assert server.count == 1
    (entry,) = read_ledger(ledgers(run)[0])
    with Ledger(run, entry.judge) as ledger, pytest.raises(JudgeError, match="one reply"):
        ledger.append(Entry.model_validate(entry.model_dump()))
