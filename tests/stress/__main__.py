"""`make stress`: SIGKILL a run at random moments, start it again, and compare what is left.

Three ways to die, drawn with a seed: at a moment, at a step on the disk (before the k-th flush,
rename or removal), and beside a second run on the same folder, which lives on.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from precompute.config.settings import read_config
from precompute.models import load_captioner
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import Plan, plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from tests.kills import in_child
from tests.stress.same import differences

CONFIG = Path(__file__).parent / "stress.toml"
STEPS = ("fsync", "rename", "replace", "unlink", "rmdir")
PIECES = 24
"""A run is killed about so many times before it can be whole."""
LEAST = 4
"""So often a run is killed however slow the machine is."""


@dataclass(frozen=True)
class Start:
    """How runs are started.

    Attributes:
        run: carries out the whole configuration in a folder of results, in this process.
        seconds: how long that takes without a kill.
        steps: how often it touches the disk.
    """

    run: Callable[[Path], None]
    seconds: float
    steps: int


def _run_all(plans: list[Plan], captioner: object) -> Callable[[Path], None]:
    def into(results: Path) -> None:
        with Watch() as watch:
            for plan in plans:
                execute(Job(plan, results, lambda: captioner, Maker(watch)))

    return into


def _count_steps(die_at: int | None = None) -> Callable[[], int]:
    """Count what touches the disk in this process, which the `die_at`th time is its last act."""
    steps = 0

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **options: object) -> object:
            nonlocal steps
            steps += 1
            if steps == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **options)

        return step

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    return lambda: steps


def _child(start: Callable[[Path], None], results: Path, die_at: int | None = None) -> int:
    """Start a run in a process of its own; its words go to a file. Returns its pid."""

    def work() -> None:
        log = os.open(results / f"{os.getpid()}.log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        _count_steps(die_at)
        try:
            start(results)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    return in_child(work)


def _ended(pid: int, results: Path) -> bool:
    """Wait for a run; whether it came to its end.

    Raises:
        RuntimeError: it failed, which no kill of another process may bring about.
    """
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    if status:
        log = (results / f"{pid}.log").read_text(errors="replace")
        raise RuntimeError(f"a run ended with status {status}:\n{log[-6000:]}")
    return True


def _attempt(start: Start, results: Path, chance: random.Random) -> tuple[str, bool]:
    """Start a run and kill it. Returns how, and whether it (or its twin) was faster."""
    way = chance.choice(("moment", "moment", "step", "step", "beside"))
    if way == "step":
        pid = _child(start.run, results, die_at=chance.randint(1, start.steps // PIECES))
        return way, _ended(pid, results)
    pids = [_child(start.run, results) for _ in range(2 if way == "beside" else 1)]
    for pid in pids:
        time.sleep(chance.uniform(0, 2 * start.seconds / PIECES))
        os.kill(pid, signal.SIGKILL)
    ends = [_ended(pid, results) for pid in pids]
    return way, any(ends)


def storm(start: Start, results: Path, chance: random.Random, until: float) -> dict[str, int]:
    """Kill runs of one folder until one is faster, or time is up; then let one end.

    Time is up after `LEAST` kills at the earliest: a storm without any would show nothing.

    Returns:
        Way of dying -> how often.
    """
    deaths = {"moment": 0, "step": 0, "beside": 0}
    ended = False
    while not ended and (sum(deaths.values()) < LEAST or time.monotonic() < until):
        way, ended = _attempt(start, results, chance)
        deaths[way] += 1
    if not _ended(_child(start.run, results), results):
        raise RuntimeError("nobody was to kill the last run")
    return deaths


def measure(run: Callable[[Path], None], results: Path) -> Start:
    """Carry out a run that nobody kills, and see how long and how many steps it takes."""

    def counted(folder: Path) -> None:
        steps = _count_steps()
        run(folder)
        (folder / "steps").write_text(str(steps()))

    begun = time.monotonic()
    _ended(_child(counted, results), results)
    return Start(run, time.monotonic() - begun, int((results / "steps").read_text()))


def main() -> int:
    """Kill for so many seconds; 1 if anything differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)  # a forked process has none of its parent's threads
    config = read_config(CONFIG)
    run = _run_all(plan_runs(config), load_captioner(config.model))
    chance, until = random.Random(options.seed), time.monotonic() + options.seconds
    scratch = Path(tempfile.mkdtemp(prefix="peel-stress-"))
    whole = scratch / "whole"
    whole.mkdir()
    start = measure(run, whole)
    print(
        f"uninterrupted: {start.seconds:.1f} s, {start.steps} steps on the disk; seed "
        f"{options.seed}",
        flush=True,
    )
    round_ = 0
    while not round_ or time.monotonic() < until - start.seconds:
        round_ += 1
        results = scratch / f"killed-{round_}"
        results.mkdir()
        deaths = storm(start, results, chance, until)
        wrong = differences(results, whole)
        print(
            f"round {round_}: {sum(deaths.values())} kills {deaths}: {wrong or 'the same'}",
            flush=True,
        )
        if wrong:
            print(f"kept for a look: {scratch}")
            return 1
        shutil.rmtree(results)
    shutil.rmtree(scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
