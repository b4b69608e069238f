"""A file system in memory that fills while a run goes on: a sentence, and all is there afterwards.

Mounting one takes the rights of root; who lacks them is told that it was not tried.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stress.same import differences

SIZE = 512 * 2**20
_BLOCK = 2**16


@contextmanager
def memory_disk(folder: Path, size: int = SIZE) -> Iterator[Path | None]:
    """A file system of so many bytes at a folder; None if it may not be mounted."""
    folder.mkdir()
    options = ["-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", "-t", "tmpfs", *options], capture_output=True, check=False)
    try:
        yield None if mounted.returncode else folder
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", str(folder)], check=True)


def _take_all(disk: Path) -> None:
    """Leave no byte free."""
    with (disk / "filler").open("wb", buffering=0) as file:
        for size in (2**20, _BLOCK, 2**12):
            try:
                while True:
                    file.write(bytes(size))
                    os.fsync(file.fileno())
            except OSError:
                continue


def _run(config: Path, results: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "precompute", "run", str(config), "--results", str(results)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def fill(
    config: Path, seconds: float, whole: Path, disk: Path, chance: random.Random, times: int
) -> tuple[int, list[str]]:
    """Fill the disk at random moments of a run, then let it end on an empty one.

    Args:
        config: of the run.
        seconds: how long it takes, from its first file to its last.
        whole: what it makes when nothing happens.
        disk: of `memory_disk`.
        chance: draws the moments.
        times: how often the disk is filled.

    Returns:
        How often the run met the full disk, and what was wrong.
    """
    met, wrong = 0, []
    results = disk / "results"
    for _ in range(times):
        process = _run(config, results)
        while process.poll() is None and not list(results.glob("*/run.json")):
            time.sleep(0.02)
        time.sleep(chance.uniform(0, seconds))
        _take_all(disk)
        words, _ = process.communicate(timeout=300)
        (disk / "filler").unlink()
        if process.returncode not in (0, 1) or "Traceback" in words:
            wrong.append(f"a full disk ended a run with {process.returncode}:\n{words[-3000:]}")
        met += process.returncode != 0
    process = _run(config, results)
    words, _ = process.communicate(timeout=600)
    if process.returncode:
        wrong.append(f"with room again, a run ended with {process.returncode}:\n{words[-3000:]}")
    return met, wrong + differences(results, whole)
