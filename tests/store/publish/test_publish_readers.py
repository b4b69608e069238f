"""Readers are not disturbed by publishers, whether these end well or not."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from store import open_run
from store.disk.generations import current_generation
from store.publish.generation import publish
from tests.store.small_parts import add_part

ROOT = Path(__file__).parents[3]


def test_a_link_is_relative_and_old_generations_go_after_the_grace(run: Path) -> None:
    assert (run / "results.duckdb").readlink() == Path("results-1.duckdb")
    add_part(run, "more", [20])
    publish(run)
    assert {p.name for p in run.glob("results-*.duckdb")} == {
        "results-1.duckdb",
        "results-2.duckdb",
    }
    publish(run, grace=0.0)
    assert [p.name for p in run.glob("results-*.duckdb")] == ["results-2.duckdb"]
    assert current_generation(run) == 2
    assert list(run.glob(".publish~*")) == []


def test_a_reader_keeps_its_generation(run: Path) -> None:
    with open_run(run) as old:
        add_part(run, "more", [20])
        assert publish(run, grace=0.0).number == 2
        publish(run, grace=0.0)
        assert not (run / "results-1.duckdb").exists()
        assert len(old.table("image")) == 12 and old.generation == 1
        with open_run(run) as new:
            assert len(new.table("image")) == 13 and new.generation == 2


READER = """
import sys, time
from store import open_run
run = open_run(sys.argv[1])
print(len(run.table("image")), flush=True)
sys.stdin.readline()
print(len(run.table("image")), len(run.table("head_stat")), flush=True)
print(len(open_run(sys.argv[1]).table("image")), flush=True)
"""


def test_publish_with_a_reader_open_in_another_process(run: Path) -> None:
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(run)],
        cwd=ROOT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert reader.stdin is not None and reader.stdout is not None
    assert reader.stdout.readline() == "12\n"
    for i in (20, 21):
        add_part(run, f"more{i}", [i])
        publish(run, grace=0.0)
    out, _ = reader.communicate("\n", timeout=60)
    assert out == "12 180\n14\n"


def test_readers_never_fail_during_repeated_publishes(run: Path) -> None:
    failures: list[BaseException] = []
    seen: list[tuple[int, int]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                with open_run(run) as opened:
                    seen.append((opened.generation, len(opened.table("image"))))
                    opened.tensors("img00003")
            except BaseException as error:
                failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in readers:
        thread.start()
    for i in range(20, 26):
        add_part(run, f"more{i}", [i])
        publish(run, grace=0.0)
    stop.set()
    for thread in readers:
        thread.join()
    assert failures == []
    assert seen and all(images == 11 + generation for generation, images in seen)


KILLED = """
import os, signal, sys
from pathlib import Path
import store.publish.generation as publish
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "build": publish.summaries.add_summaries = die
if sys.argv[2] == "sidecar": publish.write_json = die
if sys.argv[2] == "link": publish._point = die
if sys.argv[2] == "clean": publish._remove_old = die
publish.publish(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("where", ["build", "sidecar", "link", "clean"])
def test_a_killed_publisher_harms_nobody(run: Path, where: str) -> None:
    add_part(run, "more", [20])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(run), where],
        cwd=ROOT,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == -9
    with open_run(run) as opened:
        assert len(opened.table("image")) == (13 if where == "clean" else 12)
    publish(run)
    with open_run(run) as opened:
        assert len(opened.table("image")) == 13
    assert list(run.glob(".publish~*")) == []


def test_a_strangers_sql_reads_the_link(run: Path) -> None:
    with duckdb.connect(str(run / "results.duckdb"), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM image").fetchall() == [(12,)]
