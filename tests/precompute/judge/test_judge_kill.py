"""SIGKILL at any moment: what was answered and written stays, and only the rest is asked again."""

import os
import signal
import time
from collections import Counter

import pytest

from precompute.judge.ledger import ledgers, read_ledger
from store import open_run
from tests.judge_server import scores
from tests.kills import ended_by, in_child, kill_at


def written(run):
    return [entry.image_id for path in ledgers(run) for entry in read_ledger(path)]


def asked_again(server):
    """How often each question came; two images may be told the same story, so by picture."""
    contents = (body["messages"][0]["content"] for body in server.requests)
    return Counter(picture["image_url"]["url"] for _, picture in contents)


@pytest.mark.parametrize("after", [1, 4, 9])
def test_killed_from_outside(after, run, server, config, judge):
    server.behave = lambda n, body: time.sleep(0.02) or scores(body)
    slow = config.model_copy(update={"concurrency": 2})
    pid = in_child(lambda: judge(slow))
    while server.answered < after:
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    assert ended_by(pid) == signal.SIGKILL

    kept, before = written(run), server.count
    # Whatever was answered before the last two that were under way is on the disk.
    assert after - 2 <= len(kept) == len(set(kept))
    judge(slow)
    assert server.count - before == 12 - len(kept)
    assert sorted(written(run)) == sorted({*written(run)})
    with open_run(run) as opened:
        assert len(opened.table("reply")) == 12


POINTS = [
    ("os", "fsync", 2),
    ("os", "fsync", 5),
    ("precompute.judge.session", "_note", 1),
    ("precompute.judge.session", "_note", 12),
    ("precompute.judge.session", "seal", 1),
    ("store.parts.write", "_commit", 1),
    ("precompute.judge.session", "publish", 1),
]


@pytest.mark.parametrize("point", POINTS, ids=lambda p: f"{p[0]}.{p[1]}-{p[2]}")
def test_killed_at_a_point(point, run, server, config, judge):
    one = config.model_copy(update={"concurrency": 1})

    def die():
        kill_at(*point)
        judge(one)

    assert ended_by(in_child(die)) == signal.SIGKILL
    kept, answered = written(run), server.answered
    assert answered - 1 <= len(kept) <= answered
    judge(one)
    assert server.count == answered + 12 - len(kept)
    assert max(asked_again(server).values()) <= 2
    with open_run(run) as opened:
        assert len(opened.table("reply")) == 12
        assert len(set(opened.table("judgement").image_id)) == 12


def test_a_reply_that_was_cut_in_two_is_asked_again_and_harms_no_other(run, server, config, judge):
    judge(config.model_copy(update={"images": 4}))
    (path,) = ledgers(run)
    whole = path.read_bytes()
    for part in (run / "parts").glob("judge.*/replies-*"):
        for file in part.iterdir():
            file.unlink()
        part.rmdir()
    path.write_bytes(whole[:-30])
    (run / "results.duckdb").unlink()
    for file in run.glob("results-*"):
        file.unlink()
    judge(config)
    assert server.count == 4 + 1 + 8
    assert len(written(run)) == 12
    assert path.read_bytes().startswith(whole[:-30] + b"\n")
