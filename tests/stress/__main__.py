"""`make stress`: kill runs, fill their disk and damage their files; compare what is left.

A run of every stage is made once in peace. Then, for so many seconds, others are killed and started
again beside a reader (`storm`, `readers`) and must end as the first. Then the disk fills up, once
for every `A_FULL_DISK` seconds (`full_disk`), and files are damaged (`fuzz`).
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch

from precompute.config.settings import read_config
from precompute.models import load_captioner
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.shard import Shard
from precompute.runner.shortfall import Unfinished
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store.disk.runs import list_runs
from tests.stress.full_disk import fill, memory_disk
from tests.stress.fuzz import fuzz
from tests.stress.readers import reading
from tests.stress.same import differences
from tests.stress.storm import Run, Start, measure, storm

CONFIG = Path(__file__).parent / "stress.toml"
A_FULL_DISK = 200.0


def _make_all() -> Run:
    config = read_config(CONFIG)
    plans, captioner = plan_runs(config), load_captioner(config.model)

    def make(results: Path, shard: Shard) -> None:
        waits = None
        with Watch() as watch:
            for plan in plans:
                try:
                    execute(Job(plan, results, lambda: captioner, Maker(watch, shard=shard)))
                except Unfinished as unfinished:
                    waits = unfinished
        if waits:
            raise waits

    return make


def _storms(start: Start, whole: Path, chance: random.Random, until: float) -> list[str]:
    """Rounds of kills beside a reader until time is up; what was wrong."""
    round_ = 0
    while not round_ or time.monotonic() < until - start.seconds:
        round_ += 1
        results = whole.parent / f"killed-{round_}"
        results.mkdir()
        with reading(results, whole.parent) as reader:
            deaths = storm(start, results, chance, until)
        wrong = [*differences(results, whole), *reader.wrong]
        print(
            f"round {round_}: {deaths.total()} kills {dict(sorted(deaths.items()))}, "
            f"{reader.reads} reads of {reader.states} states: {wrong or 'the same'}",
            flush=True,
        )
        if wrong:
            return wrong
        shutil.rmtree(results)
    return []


def _full_disks(start: Start, whole: Path, chance: random.Random, times: int) -> list[str]:
    if not times:
        return []
    with memory_disk(whole.parent / "disk") as disk:
        if disk is None:
            print("full disk: not tried, since nothing may be mounted here", flush=True)
            return []
        met, wrong = fill(CONFIG, start.seconds, whole, disk, chance, times)
    print(f"full disk: {met} of {times} runs met it: {wrong or 'the same'}", flush=True)
    return wrong


def _fuzzed(whole: Path, chance: random.Random, until: float) -> list[str]:
    run = list_runs(whole)[0]
    # At least a dozen, however slow the machine is: none would show nothing.
    count, wrong = fuzz(run, chance, lambda n: n < 12 or time.monotonic() < until)
    print(f"{count} damaged files: {wrong or 'an answer or a sentence each'}", flush=True)
    return wrong


def main() -> int:
    """Go on for so many seconds; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)  # a forked process has none of its parent's threads
    chance, begun = random.Random(options.seed), time.monotonic()
    scratch = Path(tempfile.mkdtemp(prefix="peel-stress-"))
    whole = scratch / "whole"
    whole.mkdir()
    start = measure(_make_all(), whole)
    print(
        f"uninterrupted: {start.seconds:.1f} s, {start.steps} steps on the disk; seed "
        f"{options.seed}",
        flush=True,
    )
    wrong = _storms(start, whole, chance, begun + 0.6 * options.seconds)
    times = int(options.seconds // A_FULL_DISK)
    wrong = wrong or _full_disks(start, whole, chance, times)
    wrong = wrong or _fuzzed(whole, chance, begun + options.seconds)
    if wrong:
        print(f"kept for a look: {scratch}")
        return 1
    shutil.rmtree(scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
