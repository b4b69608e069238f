"""A reader beside runs that are killed: every answer is of one published state, whole."""

import json
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from store import open_run
from store.disk.generations import read_sidecar
from store.disk.runs import list_runs
from store.errors import NotPublished
from tests.kills import in_child


@dataclass
class Reader:
    """What a reader met.

    Attributes:
        reads: answers it got.
        states: how many generations of runs they were of.
        wrong: what was not as its generation says, or no answer.
    """

    reads: int = 0
    states: int = 0
    wrong: list[str] = field(default_factory=list)


@contextmanager
def reading(results: Path, scratch: Path) -> Iterator[Reader]:
    """Read all runs of a folder from another process until the block ends; what it met then."""
    stop, words = scratch / f"{results.name}.stop", scratch / f"{results.name}.read"
    pid = in_child(lambda: words.write_text(json.dumps(vars(_read_until(stop, results)))))
    reader = Reader()
    try:
        yield reader
    finally:
        stop.touch()
        status = os.waitpid(pid, 0)[1]
    if status or not words.exists():
        reader.wrong.append(f"the reader ended with status {status}")
    else:
        vars(reader).update(json.loads(words.read_text()))


def _read_until(stop: Path, results: Path) -> Reader:
    reader, states = Reader(), set[tuple[str, int]]()
    while not stop.exists():
        for run in list_runs(results):
            try:
                with open_run(run) as opened:
                    side = read_sidecar(run, opened.generation)
                    assert side is not None, f"generation {opened.generation} has no sidecar"
                    for name, rows in side["rows"].items():
                        got = int(opened.sql(f"SELECT count(*) AS n FROM {name}")["n"][0])
                        assert got == rows, f"{name} has {got} rows, {rows} were published"
                    last = opened.table("image", limit=1).image_id[0]
                    assert opened.tensors(last).image_id == last
            except NotPublished:
                continue
            except Exception:
                reader.wrong.append(f"{run.name}: {traceback.format_exc()}")
                continue
            reader.reads += 1
            states.add((run.name, opened.generation))
    reader.states = len(states)
    return reader
