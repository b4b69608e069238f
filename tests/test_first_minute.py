"""`make demo` in small: the page opens early, Ctrl-C ends both, the next start goes on."""

import sys

import pytest

from store import open_run
from store.disk.making import list_making
from tests.together import together

CONFIG = """
[model]
path = "precompute/demo/checkpoint"
device = "cpu"
dtype = "float32"

[[datasets]]
name = "books"
kind = "whoops"
path = "precompute/demo/whoops"
n = 16

[capture]
part_size = 4
batch_size = 4

[decode]
prompt = "a short image caption."

[decode.generation]
max_new_tokens = 20

[score]
metrics = ["exact"]

[[experiments]]
name = "edits"
conditions = ["mean:*", "confuse:*", "skip:*"]
"""


@pytest.fixture
def command(tmp_path):
    config = tmp_path / "small.toml"
    config.write_text(CONFIG)
    return sys.executable, "-m", "precompute", "run", str(config)


def parts(results):
    return {path: path.stat().st_mtime_ns for path in results.rglob("part.json")}


def test_a_demo_opens_early_stops_whole_and_goes_on(tmp_path, command):
    results = tmp_path / "results"
    with together(results, tmp_path / "first", *command) as both:
        both.says("Peel is at")
        assert "The rest is made meanwhile" in both.said
        with open_run(results) as run:
            assert len(run.table("caption", "condition_id = 'baseline'")) == 16 * 13
            assert not run.table("score").empty and not run.table("curve").empty
        both.interrupt()
        assert both.ends() == 130
    (left,) = list_making(results)
    assert left.ended == "stopped by Ctrl-C" and not left.alive
    assert left.arguments == tuple(command[3:])
    before = parts(results)
    with open_run(results) as run:
        assert not list(run.path.glob("results-*.duckdb.wal"))
        stopped_with = set(run.table("condition").condition_id)
    with together(results, tmp_path / "second", *command) as both:
        both.says("Everything is made")
        said = both.said
        assert said.index("Peel is at") < said.index("Everything is made"), "it opens at once"
        both.interrupt()
        assert both.ends() == 0
    after = parts(results)
    assert before.items() <= after.items(), "what was there is not made again"
    with open_run(results) as run:
        conditions = set(run.table("condition").condition_id)
        assert len(conditions) == 1 + 3 * 12 and stopped_with <= conditions
        assert len(run.table("caption", "layer = 12")) == 16 * len(conditions)
    assert list_making(results) == []
    assert "Traceback" not in (results / "making.log").read_text()
