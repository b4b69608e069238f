"""Writers that die, and those of whom nobody here knows whether they did."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.disk.files import Owner
from store.parts.unfinished import A_DAY, remove_unfinished
from store.parts.write import (
    PartWriter,
    has_part,
    list_parts,
    read_table,
    stage_folder,
    verify_part,
    write_part,
)
from store.schema import SCHEMA_VERSION
from store.upkeep.verify import verify_run
from tests.store.small_parts import capture, hidden, stat_rows
from tests.synthetic import write_capture_part

ROOT = Path(__file__).parents[3]


def test_sweep_removes_only_what_dead_processes_of_this_host_left(stage: Path) -> None:
    run = stage.parents[1]
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = Owner.here()
    tokens = {
        "dead": Owner(here.host, dead.pid, 1),
        "reused": Owner(here.host, here.pid, 1),
        "elsewhere": Owner("other+1", dead.pid, 1),
        "mine": here,
    }
    made = {name: stage / owner.token(name) for name, owner in tokens.items()}
    for path in made.values():
        path.mkdir()
        (path / "x").touch()
    file = run / "failed" / tokens["dead"].token("x.json")
    file.parent.mkdir()
    file.touch()
    assert set(remove_unfinished(run)) == {made["dead"], made["reused"], file}
    assert {path.name for path in hidden(stage)} == {made["elsewhere"].name, made["mine"].name}


def left_by_another_host(run: Path, name: str, days: float) -> Path:
    """A part that another host has not written to for so long."""
    path = capture(run) / Owner("gpu-7+42", 9, 1).token(name)
    path.mkdir()
    (path / "tensors.h5").write_bytes(bytes(3_000_000))
    for written in (path / "tensors.h5", path):
        os.utime(written, (time.time() - days * A_DAY,) * 2)
    return path


def test_what_another_host_left_is_named_and_goes_after_a_day_if_asked(run: Path) -> None:
    old, new = left_by_another_host(run, "old", 2), left_by_another_host(run, "new", 0.5)
    report = verify_run(run)
    assert report.ok
    (note,) = report.notes
    for words in ("2 unfinished of host gpu-7,", "6.0 MB", "for 12.0 to 48.0 hours", "--repair"):
        assert words in note
    assert remove_unfinished(run) == []
    assert remove_unfinished(run, elsewhere=A_DAY) == [old]
    assert new.exists()
    os.utime(new, (time.time() - 2 * A_DAY,) * 2)  # the folder is old, and its file is not
    assert remove_unfinished(run, elsewhere=A_DAY) == []


def test_a_writer_of_this_host_is_never_too_old(stage: Path) -> None:
    mine = stage / Owner.here().token("mine")
    mine.mkdir()
    os.utime(mine, (0, 0))
    assert remove_unfinished(stage.parents[1], elsewhere=A_DAY) == []


# A model of several writers: each does its steps one at a time, and may die between any two.

STEPS = ("open", "rows", "close", "commit")


class Worker:
    """A writer whose steps can be interleaved with others'; `die` leaves all as it stands."""

    def __init__(self, stage: Path, name: str, pid: int) -> None:
        self.stage, self.name, self.step = stage, name, 0
        self.temporary = stage / Owner(Owner.here().host, pid, 1).token(name)

    def advance(self) -> None:
        from store.parts.write import _commit

        step = STEPS[self.step]
        if step == "open":
            self.temporary.mkdir()
            self.writer = PartWriter(self.temporary)
        elif step == "rows":
            self.writer.table("layer_stat", stat_rows(int(self.name[1:])))
        elif step == "close":
            self.writer.close({"schema_version": SCHEMA_VERSION, "name": self.name, "expects": {}})
        else:
            _commit(self.temporary, self.stage / self.name, {})
            shutil.rmtree(self.temporary, ignore_errors=True)
        self.step += 1

    @property
    def done(self) -> bool:
        return self.step == len(STEPS)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["go", "go", "go", "die"])), max_size=30)
)
def test_any_interleaving_leaves_whole_parts(script: list[tuple[int, str]]) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    with tempfile.TemporaryDirectory() as folder:
        stage = stage_folder(Path(folder), "capture", {})
        workers: dict[int, Worker] = {}
        for slot, what in script:
            # Slots 0 and 1 make the same part, 2 and 3 another: every commit is a race.
            worker = workers.setdefault(slot, Worker(stage, f"p{slot // 2}", dead.pid))
            if what == "die" or worker.done:
                del workers[slot]
            else:
                worker.advance()
            for part in list_parts(stage):
                assert verify_part(part) == []
        remove_unfinished(Path(folder))
        assert hidden(stage) == []
        for name in ("p0", "p1"):  # a restart does what is missing
            if not has_part(stage, name):
                with write_part(stage, name) as part:
                    part.table("layer_stat", stat_rows(int(name[1:])))
        layers = read_table(list_parts(stage), "layer_stat")["layer"].to_pylist()
        assert layers == [0, 0, 1, 1]


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.synthetic import write_capture_part
import store.parts.write as parts
stage, where = Path(sys.argv[1]), sys.argv[2]
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
if where == "tensors": parts.PartWriter.table = die
if where == "hash": parts.file_sha256 = die
if where == "manifest": parts.write_json = die
if where == "rename": parts._commit = die
if where == "after":
    real = parts._commit
    parts._commit = lambda *args: (real(*args), die())
write_capture_part(stage, "p0", [0, 1], 2, 2, (2, 2))
"""


@pytest.mark.parametrize("where", ["tensors", "hash", "manifest", "rename", "after"])
def test_a_killed_writer_leaves_a_whole_part_or_rubbish(stage: Path, where: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(stage), where],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert has_part(stage, "p0") == (where == "after")
    assert len(hidden(stage)) == (where != "after")
    remove_unfinished(stage.parents[1])
    assert hidden(stage) == []
    write_capture_part(stage, "p0", [0, 1], 2, 2, (2, 2))
    (part,) = list_parts(stage)
    assert verify_part(part) == []
