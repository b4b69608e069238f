"""What a hostile or broken server sends: bounded in size and time, counted, and without the key."""

import gzip
import json
import time

import pytest

from precompute.commands.upkeep import ledger_warnings
from precompute.judge.exchange import export_ledger, import_ledger, read_batch
from precompute.judge.key import KEY, redacted
from precompute.judge.ledger import JudgeError, ledgers, read_ledger, spent
from precompute.judge.seal import forget
from precompute.judge.session import ask_by_batch
from precompute.judge.transport import LARGEST
from store import open_run
from tests.judge_server import error, scores

SECRET = "sk-very-secret-key"


def one(config, **changes):
    """One question, one at a time, without waiting for retries."""
    return config.model_copy(update={"images": 1, "concurrency": 1, "retries": 0, **changes})


def replies(run):
    return [entry for path in ledgers(run) for entry in read_ledger(path)]


def huge(handler):
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.end_headers()
    handler.close_connection = True
    try:
        for _ in range(300):
            handler.wfile.write(b" " * 100_000)
    except OSError:
        handler.judge.hung_up = True


def compressed(handler):
    data = gzip.compress(b" " * 50_000_000)
    handler.send_response(200)
    handler.send_header("content-encoding", "gzip")
    handler.send_header("content-length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def drip(handler):
    handler.send_response(200)
    handler.send_header("content-length", "100000")
    handler.end_headers()
    handler.close_connection = True
    try:
        for _ in range(200):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        handler.judge.hung_up = True


@pytest.mark.parametrize(
    ("action", "words"),
    [(huge, f"at most {LARGEST:,} bytes"), (compressed, "is not compressed; got one as 'gzip'")],
)
def test_an_answer_too_large_is_not_read(run, server, config, judge, action, words):
    server.behave = lambda n, body: action if n == 0 else scores(body)
    with pytest.raises(JudgeError, match=words):
        judge(one(config))
    assert not replies(run), "the question is open"
    judge(one(config))
    assert len(replies(run)) == 1


def test_an_answer_that_drips_is_given_up(run, server, config, judge):
    server.behave = lambda n, body: drip if n == 0 else scores(body)
    begun = time.monotonic()
    with pytest.raises(JudgeError, match=r"questions are open: Request timed out"):
        judge(one(config, timeout=0.5))
    assert time.monotonic() - begun < 8, "it would drip for ten seconds"
    judge(one(config))
    assert len(replies(run)) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(run, server, config, judge, status):
    def elsewhere(handler):
        handler.send(status, "", location=server.url.replace("/v1", "/elsewhere"))

    server.behave = lambda n, body: elsewhere
    with pytest.raises(
        JudgeError, match=rf"sends elsewhere \({status}, .*/elsewhere\).*`base_url`"
    ):
        judge(one(config))
    assert server.count == 1 and not replies(run)


def test_the_cap_of_requests_holds_over_several_starts(run, server, config, judge):
    server.behave = lambda n, body: error(500, "oops")
    capped = config.model_copy(update={"max_requests": 15, "concurrency": 1, "retries": 1})
    for _ in range(3):
        with pytest.raises(JudgeError):
            judge(capped)
    assert server.count <= 15
    assert spent(ledgers(run)[0]).requests == server.count


def test_tokens_learn_from_what_one_answer_cost(run, server, config, judge):
    """Expected are about a thousand a question; each costs 7,000."""
    usage = {"prompt_tokens": 5000, "completion_tokens": 2000}
    text = json.dumps
    server.behave = lambda n, body: lambda h: h.complete(text(scores(body)), usage=usage)
    capped = config.model_copy(
        update={"max_tokens": 34_000, "concurrency": 1, "answer_tokens": 500}
    )
    with pytest.raises(JudgeError, match="the cap is reached"):
        judge(capped)
    assert server.count * 7000 <= 34_000, "after the first, the next is known to cost as much"


def echo(handler):
    """The key in every place of a completion that is kept."""
    handler.complete(
        f"your key is {SECRET}", finish_reason=f"stop {SECRET}", model=f"judge {SECRET}"
    )


@pytest.mark.parametrize(
    "action",
    [
        echo,
        lambda handler: handler.complete(None, refusal=f"not with {SECRET}"),
        lambda handler: handler.send(200, f"<html>{SECRET}</html>"),
        error(400, f"flagged: {SECRET}", "content_filter"),
        error(400, f"no: {SECRET}"),
    ],
    ids=["answer", "refusal", "page", "filtered", "rejected"],
)
def test_a_key_that_a_server_repeats_gets_into_no_file(
    run, server, config, judge, monkeypatch, action, tmp_path
):
    monkeypatch.setenv(KEY, SECRET)
    server.behave = lambda n, body: action
    try:
        judge(one(config))
    except JudgeError as raised:
        assert SECRET not in str(raised)
    with open_run(run) as opened:
        for table in ("reply", "judgement"):
            assert SECRET not in opened.table(table).to_string()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_a_key_gets_in_by_no_file_of_replies_either(run, server, config, judge, monkeypatch):
    """Batches and imported ledgers may have been made without this version."""
    server.behave = lambda n, body: echo
    judge(one(config))
    exported = run.parent / "replies.jsonl"
    assert export_ledger(run, exported) == 1
    assert SECRET in exported.read_text(), "it is no key before the environment says so"
    assert not ledger_warnings(run)
    monkeypatch.setenv(KEY, SECRET)
    (warning,) = ledger_warnings(run)
    assert ledgers(run)[0].name in warning and SECRET not in warning
    assert SECRET not in "".join(entry.model_dump_json() for entry in replies(run))

    ledgers(run)[0].unlink()
    import_ledger(run, exported)
    assert not ledger_warnings(run)
    ledgers(run)[0].unlink()

    batch = run.parent / "answers.jsonl"

    def answer(todo, ledger):
        body = {"choices": [{"message": {"content": f"it is {SECRET}"}}], "model": SECRET}
        response = {"status_code": 200, "body": body}
        line = {"custom_id": todo.open[0].reply_id, "response": response}
        batch.write_text(json.dumps(line) + "\n")
        return read_batch(todo, ledger, batch, pytest.fail)

    assert ask_by_batch(run, one(config), answer, lambda _: None) == 1
    assert not ledger_warnings(run) and len(replies(run)) == 1


def test_a_short_key_is_no_part_of_words(monkeypatch):
    monkeypatch.setenv(KEY, "a")
    assert redacted("a cat") == "a cat"
    monkeypatch.delenv(KEY)
    assert redacted("a cat") == "a cat"


def test_a_line_that_is_no_reply_for_its_length_is_skipped(run, server, config, judge):
    """As an earlier version may have kept one: three hundred megabytes in it, five here."""
    judge(one(config))
    (path,) = ledgers(run)
    (entry,) = replies(run)
    long = entry.model_copy(update={"reply_id": "0" * 32, "text": "x" * (9 * LARGEST)})
    good = entry.model_copy(update={"reply_id": "1" * 32})
    with path.open("a") as file:
        file.write(long.model_dump_json() + "\n" + good.model_dump_json() + "\n")
    assert [e.reply_id for e in read_ledger(path)] == [entry.reply_id, good.reply_id]


def test_a_sealed_reply_that_is_too_long_can_be_forgotten(run, server, config, judge):
    judge(config)
    with open_run(run) as opened:
        asked, bad = len(opened.table("reply")), opened.table("reply")["reply_id"][3]
    output = forget(run, bad)
    assert bad in output
    judge(config)
    assert server.count == asked + 1, "it alone is asked again"
    with open_run(run) as opened:
        assert len(opened.table("reply")) == asked
    with pytest.raises(JudgeError, match="no reply"):
        forget(run, "f" * 32)
