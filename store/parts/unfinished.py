"""What is half-written in a run: whose it is, and when it may go."""

import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from store.disk import Owner, owner_of, refuse_links
from store.parts.failures import FOLDER as FAILED

A_DAY = 86_400.0
"""Seconds after which what another host has not written to counts as left behind."""


def unfinished(run: Path) -> Iterator[tuple[Path, Owner]]:
    """What processes are writing in a run, or have left half-written, and who they are."""
    run = Path(run)
    folders = (run, run / FAILED, run / "parts", *(run / "parts").glob("*/"))
    for folder in folders:
        for path in folder.iterdir() if folder.is_dir() else ():
            if owner := owner_of(path):
                yield path, owner


def remove_unfinished(run: Path, elsewhere: float = math.inf) -> list[Path]:
    """Remove what dead processes of this host left half-written in a run.

    Args:
        run: the run's folder.
        elsewhere: whether a process of another host lives is not known here: what has not been
            written to for so many seconds is then taken for left.

    Returns:
        What was removed. Anything that a living process may still write stays.

    Raises:
        RunRefused: something in the folder is a link.
    """
    refuse_links(run)
    removed = []
    for path, owner in unfinished(run):
        if not (owner.known_dead if owner.is_here else idle_seconds(path) > elsewhere):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        removed.append(path)
    return removed


def idle_seconds(path: Path) -> float:
    """For how long neither a folder nor a file in it has been written to; 0 if it goes away."""
    try:
        return time.time() - max(p.stat().st_mtime for p in (path, *path.rglob("*")))
    except OSError:
        return 0.0


def unfinished_of_other_hosts(run: Path) -> list[str]:
    """A sentence for each other host that has something half-written in a run."""
    of_hosts: dict[str, list[Path]] = {}
    for path, owner in unfinished(run):
        if not owner.is_here:
            of_hosts.setdefault(owner.host.partition("+")[0], []).append(path)
    return [
        f"{len(paths)} unfinished of host {host}, {_size(paths) / 1e6:.1f} MB, not written to for "
        f"{min(map(idle_seconds, paths)) / 3600:.1f} to {max(map(idle_seconds, paths)) / 3600:.1f} "
        f"hours, first {paths[0]}. Whether its process lives is known there alone; "
        "`verify --repair` removes what has not been written to for a day"
        for host, paths in sorted(of_hosts.items())
    ]


def _size(paths: list[Path]) -> int:
    return sum(p.stat().st_size for path in paths for p in (path, *path.rglob("*")) if p.is_file())
