"""SIGKILL at any point and a second run: the same tables and arrays as without."""

import importlib
import os
import signal

import pytest
import torch

from precompute.plan import plan_runs
from precompute.run import execute
from precompute.stages import Watch
from store import open_run

POINTS = [
    ("precompute.pipeline", "decode_layers", 1),
    ("precompute.pipeline", "decode_layers", 3),
    ("store.parts", "write_json", 2),
    ("store.parts", "_commit", 1),
    ("store.parts", "_commit", 2),
    ("store.parts", "fsync", 9),
    ("store.publish", "_build", 1),
    ("store.publish", "_point", 1),
    ("store.runs", "write_json", 4),
    ("precompute.run", "score_part", 2),
]


def dump(folder):
    """Everything a run says, but when it was made."""
    with open_run(folder) as run:
        tables = {
            name: run.sql(f"SELECT * FROM {name} ORDER BY ALL") for name in run.tables()
        }
        tables["run"] = tables["run"].drop(columns="created_at")
        arrays = {i: run.tensors(i) for i in tables["image"].image_id}
    return tables, arrays


def in_child(work):
    """Run `work` in a forked process; returns the signal that ended it, 0 if none did."""
    pid = os.fork()
    if pid == 0:
        try:
            torch.set_num_threads(1)
            work()
        finally:
            os._exit(0)
    return os.WTERMSIG(os.waitpid(pid, 0)[1])


def killed_at(module, function, call):
    """Make the `call`th call of a function the last thing that this process does."""
    home = importlib.import_module(module)
    original, calls = getattr(home, function), []

    def last(*arguments, **options):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(home, function, last)


@pytest.fixture(scope="module")
def go(config, captioner):
    (plan,) = plan_runs(config)

    def into(results):
        with Watch() as watch:
            return execute(plan, results, lambda: captioner, watch)

    return into


@pytest.fixture(scope="module")
def uninterrupted(go, tmp_path_factory):
    return dump(go(tmp_path_factory.mktemp("whole")))


@pytest.mark.parametrize("point", POINTS, ids=lambda p: f"{p[0]}.{p[1]}-{p[2]}")
def test_a_killed_run_ends_in_the_same_tables(point, go, uninterrupted, tmp_path):
    def die():
        killed_at(*point)
        go(tmp_path)

    assert in_child(die) == signal.SIGKILL
    tables, arrays = dump(go(tmp_path))
    expected_tables, expected_arrays = uninterrupted
    assert tables.keys() == expected_tables.keys()
    for name, table in tables.items():
        assert table.equals(expected_tables[name]), name
    assert arrays.keys() == expected_arrays.keys()
    for image_id, kept in arrays.items():
        expected = expected_arrays[image_id]
        for name in ("cls_attention", "contribution", "token_norm", "cls_state"):
            assert (getattr(kept, name) == getattr(expected, name)).all(), name
        assert kept.model_input == expected.model_input
    leftovers = [p.name for p in tmp_path.rglob(".*") if "lock" not in p.name]
    assert not leftovers
