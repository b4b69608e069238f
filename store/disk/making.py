"""What is being made of the runs of a folder: every process that makes some says it in one file.

The files lie beside the runs, so that a process is heard of before its first run has a folder, and
copying a run takes none along. They are a display: nothing is decided by them.
"""

import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from store.disk.files import Owner, owner_of, short_hash, write_json
from store.disk.gate import read_json, require_plain
from store.disk.manifests import MakingJson
from store.errors import RunRefused

FOLDER = ".making"
FRESH_SECONDS = 120.0
"""A process on another host is taken to live as long as it was heard from within this time."""
FORGOTTEN_SECONDS = 86400.0
"""After which another host's process, silent since, is no longer spoken of."""


@dataclass(frozen=True)
class Making:
    """What one process makes, as it last said.

    Attributes:
        runs: the names of the runs it is to complete, in their order.
        arguments: of `python -m precompute`, which start it again. No command of a shell: the file
            may come from elsewhere, and pages show it as what to type.
        run: the one being made; empty before the first.
        stage: the label of the stage being made.
        done: units of it that are done.
        total: units of it in all.
        unit: what is counted: images, questions ...
        seconds_left: until all of its runs are complete, as far as that is known.
        at_least: whether that leaves out what was never measured.
        ready: those of the runs that can be looked at: their captions are scored and published.
        ended: why it ended before all was made; None while it works.
        began_at: seconds since 1970.
        updated_at: when it last said something, by its own clock.
        host: the name of its machine.
        owner: the process.
    """

    runs: tuple[str, ...]
    arguments: tuple[str, ...]
    run: str = ""
    stage: str = ""
    done: int = 0
    total: int = 0
    unit: str = "images"
    seconds_left: float | None = None
    at_least: bool = False
    ready: tuple[str, ...] = ()
    ended: str | None = None
    began_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)
    host: str = field(default_factory=socket.gethostname)
    owner: Owner = field(default_factory=Owner.here)

    @property
    def silent(self) -> float:
        """Seconds since it was last heard from; clocks that differ give no time to come."""
        return max(0.0, time.time() - self.updated_at)

    @property
    def alive(self) -> bool:
        """Whether it works: known of this host, on another one whether it was heard from."""
        if self.ended is not None:
            return False
        return not self.owner.known_dead if self.owner.is_here else self.silent < FRESH_SECONDS


def write_making(results: Path, making: Making) -> None:
    """Say what this process makes, and when it said so."""
    path = _path(results, making.owner)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(replace(making, updated_at=time.time())))


def remove_making(results: Path, making: Making) -> None:
    """Take back what a process said: all is made."""
    _path(results, making.owner).unlink(missing_ok=True)
    with suppress(OSError):  # others are at work, or ended before they were done
        (Path(results) / FOLDER).rmdir()


def list_making(results: Path) -> list[Making]:
    """What processes say, the one that began first before the others; unreadable files are none."""
    there = []
    for path in (Path(results) / FOLDER).glob("[!.]*.json"):
        try:
            value: dict[str, Any] = read_json(require_plain(path, Path(results)), MakingJson)
            value |= {name: tuple(value[name]) for name in ("runs", "ready", "arguments")}
            there.append(Making(**{**value, "owner": Owner(**value["owner"])}))
        except (OSError, ValueError, TypeError, RunRefused):
            continue  # removed meanwhile, or of another version
    return sorted(there, key=lambda making: making.began_at)


def forget_making(results: Path, runs: tuple[str, ...]) -> None:
    """Remove what processes said that ended: of these runs, and of long ago."""
    for making in list_making(results):
        if not making.alive and (
            set(making.runs) <= set(runs) or making.silent > FORGOTTEN_SECONDS
        ):
            remove_making(results, making)
    for path in (Path(results) / FOLDER).glob(".*"):
        owner = owner_of(path)
        if owner and owner.known_dead:
            path.unlink(missing_ok=True)


def _path(results: Path, owner: Owner) -> Path:
    name = f"{owner.pid}-{short_hash(vars(owner))}.json"
    return require_plain(Path(results) / FOLDER / name, Path(results))
