"""Files of a run, damaged one at a time: whoever opens the run gets an answer or a sentence.

A file is cut, emptied, filled with noise or zeros, has bytes flipped, stands twice, or holds what
another file holds. Then a process of its own verifies the run, reads all of it and publishes it.
Only errors that pages and commands put into words may come of that, within `SECONDS` and
`MEMORY`.
"""

import os
import random
import resource
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import duckdb

from store import open_run
from store.errors import StoreError
from store.publish.generation import publish
from store.upkeep.verify import verify_run
from tests.kills import in_child

SECONDS = 60
MEMORY = 8 * 2**30
"""Bytes of addresses; DuckDB may take 2 GB of memory, and its threads' stacks are counted here."""

Damage = Callable[[bytes, random.Random], bytes]


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(min(len(changed), chance.randint(1, 8))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _hole(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content) + 1)
    size = min(chance.randint(1, 4096), len(content) - start)
    return content[:start] + bytes(size) + content[start + size :]


DAMAGES: dict[str, Damage] = {
    "cut": _cut,
    "flipped": _flipped,
    "a hole": _hole,
    "empty": lambda content, chance: b"",
    "twice": lambda content, chance: content * 2,
    "noise": lambda content, chance: chance.randbytes(max(64, len(content) // 2)),
}
OF_ANOTHER = "as another"


def files(run: Path) -> list[Path]:
    """Every file of a run's folder, by its path in there."""
    found = (path for path in run.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path.relative_to(run) for path in found)


def damage(run: Path, file: Path, way: str, chance: random.Random) -> None:
    """Damage one file of a run in one way."""
    if way == OF_ANOTHER:
        content = (
            run / chance.choice([other for other in files(run) if other != file])
        ).read_bytes()
    else:
        content = DAMAGES[way]((run / file).read_bytes(), chance)
    (run / file).write_bytes(content)


def _read_all(run: Path) -> None:
    with open_run(run) as opened:
        for name in opened.tables():
            opened.table(name)
        for image_id in opened.table("image")["image_id"]:
            opened.picture(image_id)
            opened.token_attention(image_id)
            for condition in opened.table("condition")["condition_id"]:
                opened.condition_tensors(image_id, condition)


def use(run: Path) -> str:
    """Verify, read and publish a run; what was wrong that nobody put into words, or nothing."""
    for work in (verify_run, _read_all, publish):
        try:
            work(run)
        except (StoreError, duckdb.Error):
            continue
        except BaseException:
            return f"{work.__name__}: {traceback.format_exc()}"
    return ""


def outcome(run: Path) -> str:
    """What `use` says, from a process of its own; how that one ended, if it could not say."""
    with tempfile.TemporaryFile() as words:

        def work() -> None:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            signal.alarm(SECONDS)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # HDF5 prints its stack there
            os.write(words.fileno(), use(run).encode())

        pid = in_child(work)
        status = os.waitpid(pid, 0)[1]
        if os.WIFSIGNALED(status):
            return f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
        words.seek(0)
        return words.read().decode()


def fuzz(
    run: Path, chance: random.Random, going_on: Callable[[int], bool]
) -> tuple[int, list[str]]:
    """Damage files of copies of a run, all of them in turn, while `going_on(count)` says so.

    Returns:
        How many were damaged, and what was wrong: file, way and words.
    """
    count, wrong = 0, []
    while True:
        for file in files(run):
            if not going_on(count):
                return count, wrong
            way = chance.choice([*DAMAGES, OF_ANOTHER])
            with tempfile.TemporaryDirectory(prefix="peel-fuzz-") as folder:
                copy = Path(shutil.copytree(run, Path(folder) / run.name, symlinks=True))
                damage(copy, file, way, chance)
                count += 1
                if words := outcome(copy):
                    wrong.append(f"{file}, {way}: {words}")
