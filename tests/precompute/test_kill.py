"""SIGKILL at any point and a second run: the same tables and arrays as without."""

import signal

import pytest
import torch

from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from tests.kills import ended_by, in_child, kill_at

POINTS = [
    ("precompute.readouts.baseline", "decode_layers", 1),
    ("precompute.readouts.baseline", "decode_layers", 3),
    ("store.parts.write", "write_json", 2),
    ("store.parts.write", "_commit", 1),
    ("store.parts.write", "_commit", 2),
    ("store.parts.write", "fsync", 9),
    ("store.publish.generation", "_build", 1),
    ("store.publish.generation", "_point", 1),
    ("store.disk.runs", "write_json", 4),
    ("precompute.scoring.stage", "score_part", 2),
]


def dump(folder):
    """Everything a run says, but when it was made."""
    with open_run(folder) as run:
        tables = {name: run.sql(f"SELECT * FROM {name} ORDER BY ALL") for name in run.tables()}
        tables["run"] = tables["run"].drop(columns="created_at")
        arrays = {i: run.tensors(i) for i in tables["image"].image_id}
    return tables, arrays


@pytest.fixture(scope="module")
def go(config, captioner):
    (plan,) = plan_runs(config)

    def into(results):
        with Watch() as watch:
            return execute(Job(plan, results, lambda: captioner, Maker(watch)))

    return into


@pytest.fixture(scope="module")
def uninterrupted(go, tmp_path_factory):
    return dump(go(tmp_path_factory.mktemp("whole")))


@pytest.mark.parametrize("point", POINTS, ids=lambda p: f"{p[0]}.{p[1]}-{p[2]}")
def test_a_killed_run_ends_in_the_same_tables(point, go, uninterrupted, tmp_path):
    def die():
        torch.set_num_threads(1)  # a forked process has none of its parent's threads
        kill_at(*point)
        go(tmp_path)

    assert ended_by(in_child(die)) == signal.SIGKILL
    tables, arrays = dump(go(tmp_path))
    expected_tables, expected_arrays = uninterrupted
    assert tables.keys() == expected_tables.keys()
    for name, table in tables.items():
        assert table.equals(expected_tables[name]), name
    assert arrays.keys() == expected_arrays.keys()
    for image_id, kept in arrays.items():
        expected = expected_arrays[image_id]
        for name in ("attention", "contribution", "token_norm", "summary_state"):
            assert (getattr(kept, name) == getattr(expected, name)).all(), name
        assert kept.model_input == expected.model_input
    leftovers = [p.name for p in tmp_path.rglob(".*") if "lock" not in p.name]
    assert not leftovers
