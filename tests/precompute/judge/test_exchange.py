"""Replies that were got elsewhere, and the commands around a judge."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from precompute.__main__ import app
from precompute.judge.exchange import export_ledger, import_ledger
from precompute.judge.ledger import JudgeError, Ledger, ledgers, read_ledger
from store import open_run
from tests.judge_server import scores


@pytest.fixture
def copy(run, tmp_path):
    """The same run on another machine."""
    return shutil.copytree(run, tmp_path / "elsewhere" / run.name, symlinks=True)


@pytest.fixture
def peel(run, server, tmp_path):
    config = tmp_path / "judge.toml"
    config.write_text(f"""
        model = {{ path = "nowhere" }}
        datasets = [{{ name = "tiny", kind = "whoops", path = "nowhere" }}]
        decode = {{ prompt = "a" }}
        judge = {{ base_url = "{server.url}", model = "judge", layers = [1, 2, 5] }}
    """)

    def call(command, *arguments):
        first = (command, config) if command == "judge" else (command,)
        return CliRunner().invoke(app, [str(a) for a in (*first, *arguments)])

    return call


def replies(run):
    with open_run(run) as opened:
        return len(opened.table("reply"))


def test_a_ledger_travels(copy, run, server, config, judge, tmp_path, peel):
    judge(config)
    file = tmp_path / "replies.jsonl"
    assert "12 replies" in peel("export", run.name, "ledger", file, "--results", run.parent).output
    messages = peel("import", copy.name, file, "--results", copy.parent)
    assert "12 new replies" in messages.output
    assert replies(copy) == 12
    assert list(import_ledger(copy, file).values()) == [0]
    assert server.count == 12


def test_what_does_not_belong_is_refused_whole(copy, run, config, judge, tmp_path):
    judge(config)
    file = tmp_path / "replies.jsonl"
    export_ledger(run, file)
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:3], "{}"]))
    with pytest.raises(JudgeError, match="line 4"):
        import_ledger(copy, file)
    file.write_text("\n".join([*lines[:3], lines[3].replace(run.name, "another")]))
    with pytest.raises(JudgeError, match="another"):
        import_ledger(copy, file)
    assert not ledgers(copy)


def test_a_batch_service_can_do_the_asking(run, server, tmp_path, peel):
    questions, answers = tmp_path / "questions.jsonl", tmp_path / "answers.jsonl"
    messages = peel("judge", "--results", run.parent, "--write-batch", questions)
    assert "12 questions" in messages.output, messages.output
    lines = []
    for line in questions.read_text().splitlines()[:10]:
        request = json.loads(line)
        assert (request["method"], request["url"]) == ("POST", "/v1/chat/completions")
        message = {"role": "assistant", "content": json.dumps(scores(request["body"]))}
        body = {
            "model": "m",
            "choices": [{"message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 9},
        }
        lines.append(
            {"custom_id": request["custom_id"], "response": {"status_code": 200, "body": body}}
        )
    lines[0]["response"] = {"status_code": 500, "body": {}}
    answers.write_text("\n".join(json.dumps(line) for line in lines))
    messages = peel("judge", "--results", run.parent, "--read-batch", answers)
    assert "9 new replies" in messages.output, messages.output
    assert replies(run) == 9
    assert server.count == 0
    assert "3 to ask" in peel("judge", "--results", run.parent).output
    assert server.count == 3


def test_the_command_stops_at_ten_replies_without_a_score_and_goes_on(run, server, peel):
    server.behave = lambda n, body: "no \x1b[31m"
    messages = peel("judge", "--results", run.parent)
    assert messages.exit_code == 1
    assert "with --keep-asking" in messages.output and "\x1b" not in messages.output
    assert server.count == 10
    messages = peel("judge", "--results", run.parent, "--keep-asking")
    assert messages.exit_code == 0, messages.output
    assert "2 replies: 2 unreadable; 0 open" in messages.output
    assert server.count == replies(run) == 12


def test_one_process_at_a_time(run, config, judge, peel):
    judge(config.model_copy(update={"images": 1}))
    who = next(read_ledger(ledgers(run)[0])).judge
    with Ledger(run, who), pytest.raises(JudgeError, match="one process at a time"):
        judge(config)


def test_a_dry_run_and_a_judge_without_a_name(run, server, peel, tmp_path):
    messages = peel("judge", "--results", run.parent, "--dry-run")
    assert messages.exit_code == 0, messages.output
    assert '{"layer": 2, "description":' in messages.output
    assert server.count == 0
    config = tmp_path / "judge.toml"
    config.write_text(config.read_text().replace("judge =", "#"))
    messages = peel("judge", "--results", run.parent, "--model", "x")
    assert messages.exit_code == 1
    assert "expected base_url" in messages.output
