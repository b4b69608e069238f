"""Runs that are killed and started again, while somebody reads what they publish.

Ways to die, drawn with a seed: at a moment, at a step on the disk (before the k-th flush, rename or
removal), at such a step of a publish, beside a second run on the same folder, and as one of two
shares of a run.
"""

import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import precompute.pipeline
import precompute.runner.publishing
from precompute.runner.shard import WHOLE, Shard
from precompute.runner.shortfall import Unfinished
from tests.kills import in_child

STEPS = ("fsync", "rename", "replace", "unlink", "rmdir")
PIECES = 24
"""A run is killed about so many times before it can be whole."""
PUBLISH_STEPS = 12
"""About so often a publish touches the disk."""
LEAST = 4
"""So often a run is killed however slow the machine is."""
SHARES = (Shard(1, 2), Shard(2, 2))
_WAITS = 3  # the status of a share that leaves the rest to the other

Run = Callable[[Path, Shard], None]


@dataclass(frozen=True)
class Start:
    """How runs are started.

    Attributes:
        run: makes a share of the whole configuration in a folder of results, in this process.
        seconds: how long all of it takes without a kill.
        steps: how often it touches the disk.
    """

    run: Run
    seconds: float
    steps: int


@dataclass
class _Steps:
    """What touched the disk in this process so far."""

    die_at: int | None = None
    of_publish: bool = False
    count: int = 0
    publishing: int = 0


def _count_steps(die_at: int | None = None, of_publish: bool = False) -> _Steps:
    """Count what touches the disk in this process, which the `die_at`th time is its last act.

    With `of_publish`, what happens outside a publish does not count.
    """
    steps = _Steps(die_at, of_publish)

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **options: object) -> object:
            if steps.publishing or not steps.of_publish:
                steps.count += 1
                if steps.count == steps.die_at:
                    os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **options)

        return step

    def noted(publish: Callable[..., object]) -> Callable[..., object]:
        def work(*arguments: object, **options: object) -> object:
            steps.publishing += 1
            try:
                return publish(*arguments, **options)
            finally:
                steps.publishing -= 1

        return work

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    for module in (precompute.pipeline, precompute.runner.publishing):
        module.publish = noted(module.publish)
    return steps


def _child(
    run: Run,
    results: Path,
    shard: Shard = WHOLE,
    die_at: int | None = None,
    of_publish: bool = False,
) -> int:
    """Start a run in a process of its own; its words go to a file. Returns its pid."""

    def work() -> None:
        log = os.open(results / f"{os.getpid()}.log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        _count_steps(die_at, of_publish)
        try:
            run(results, shard)
        except Unfinished:
            os._exit(_WAITS)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    return in_child(work)


def _ended(pid: int, results: Path) -> bool:
    """Wait for a run; whether it came to its end with all of it made.

    Raises:
        RuntimeError: it failed, which no kill of another process may bring about.
    """
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    if status and os.WEXITSTATUS(status) != _WAITS:
        log = (results / f"{pid}.log").read_text(errors="replace")
        raise RuntimeError(f"a run ended with status {status}:\n{log[-6000:]}")
    return not status


def _attempt(start: Start, results: Path, chance: random.Random) -> tuple[str, bool]:
    """Start a run and kill it. Returns how, and whether it (or its twin) was faster."""
    way = chance.choice(("moment", "step", "step", "publish", "beside", "shares"))
    if way in ("step", "publish"):
        most = PUBLISH_STEPS if way == "publish" else start.steps // PIECES
        die_at = chance.randint(1, most)
        pid = _child(start.run, results, die_at=die_at, of_publish=way == "publish")
        return way, _ended(pid, results)
    shares = {"moment": (WHOLE,), "beside": (WHOLE, WHOLE), "shares": SHARES}[way]
    pids = [_child(start.run, results, shard) for shard in shares]
    for pid in pids:
        time.sleep(chance.uniform(0, 2 * start.seconds / PIECES))
        os.kill(pid, signal.SIGKILL)
    ends = [_ended(pid, results) for pid in pids]
    return way, any(ends)


def storm(start: Start, results: Path, chance: random.Random, until: float) -> Counter[str]:
    """Kill runs of one folder until one is faster, or time is up; then let one end.

    Time is up after `LEAST` kills at the earliest: a storm without any would show nothing.

    Returns:
        Way of dying -> how often.
    """
    deaths = Counter[str]()
    ended = False
    while not ended and (deaths.total() < LEAST or time.monotonic() < until):
        way, ended = _attempt(start, results, chance)
        deaths[way] += 1
    if not _ended(_child(start.run, results), results):
        raise RuntimeError("nobody was to kill the last run")
    return deaths


def measure(run: Run, results: Path) -> Start:
    """Carry out a run that nobody kills, and see how long and how many steps it takes."""

    def counted(folder: Path, shard: Shard) -> None:
        steps = _count_steps()
        run(folder, shard)
        (folder / "steps").write_text(str(steps.count))

    begun = time.monotonic()
    _ended(_child(counted, results), results)
    return Start(run, time.monotonic() - begun, int((results / "steps").read_text()))
