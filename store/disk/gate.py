"""The gate: files of a run's folder, opened as what a stranger may have sent.

A folder that was copied from elsewhere may hold links to files outside, pipes that never answer,
JSON of any shape and any length. Nothing in a run's folder is a link but `results.duckdb`, whose
target stands beside it; what is written here is never written through one.
"""

import errno
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from store.errors import RunRefused

LINK = "results.duckdb"
JSON_BYTES = 64 * 2**20
"""No JSON file of a run is larger: the list of all parts of a million images is 10 MB."""


def read_json(path: Path, model: type[BaseModel], limit: int = JSON_BYTES) -> dict[str, Any]:
    """A JSON file, if it has the shape that this program writes.

    Args:
        path: the file; a link is not followed.
        model: what it has to say. Fields that the model does not name are let through.
        limit: bytes it may have at most; one that has more is not read.

    Returns:
        The object as it stands in the file.

    Raises:
        OSError: it is not there, or may not be read.
        ValueError: a link, no regular file, too large, not JSON, or of another shape.
    """
    try:
        value = json.loads(read_regular(path, limit), parse_constant=_no_number)
        model.model_validate(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))[:80]
        raise ValueError(f"{where or 'the file'}: {first['msg']}") from None
    except RecursionError:
        raise ValueError("lists in lists without end") from None
    assert isinstance(value, dict)  # by the model
    return value


def _no_number(name: str) -> None:
    raise ValueError(f"{name}, which is no number of JSON")


def read_regular(path: Path, limit: int) -> bytes:
    """A file of at most `limit` bytes; a link is not followed, a pipe not waited for.

    Raises:
        OSError: it is not there, or may not be read.
        ValueError: a link, no regular file, or too large.
    """
    handle = _open(path)
    with os.fdopen(handle, "rb") as file:
        if (size := os.fstat(handle).st_size) > limit:
            raise ValueError(f"{size} bytes, where at most {limit} may be")
        return file.read(limit)


def read_beginning(path: Path, length: int) -> bytes:
    """The first bytes of a file, at most `length`; a link is not followed, a pipe not waited for.

    Raises:
        OSError: it is not there, or may not be read.
        ValueError: a link, or no regular file.
    """
    with os.fdopen(_open(path), "rb") as file:
        return file.read(length)


def _open(path: Path) -> int:
    # A pipe would wait for a writer for ever: it is opened without waiting, and then refused.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise ValueError("a link or a socket") from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError("no regular file")
    return handle


def require_plain(path: Path, run: Path | None = None) -> Path:
    """The path, if nothing from the run's folder down to it is a link.

    Args:
        path: a file or folder below `run`; it need not be there.
        run: the run's folder; that it is itself a link does no harm. If none, the folder that
            holds the nearest `parts` above the path.

    Raises:
        RunRefused: naming the link.
    """
    path = Path(path)
    if run is None:
        run = next((p.parent for p in path.parents if p.name == "parts"), path.parent)
    place = Path(run)
    for name in path.relative_to(run).parts:
        place /= name
        if place.is_symlink() or name == "..":
            raise RunRefused(_sentence(place, run))
    return path


def refuse_links(run: Path) -> None:
    """Look at everything in a run's folder, before anything of it is moved or written to.

    Raises:
        RunRefused: a link, or something that is neither file nor folder; naming the first.
    """
    for entry in _walk(Path(run)):
        regular = entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
        if not regular and not _is_ours(Path(entry.path), Path(run)):
            raise RunRefused(_sentence(Path(entry.path), run))


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    yield from _walk(Path(entry.path))
    except FileNotFoundError:
        pass  # a part that was committed meanwhile stands under another name


def _is_ours(path: Path, run: Path) -> bool:
    """Whether it is the link to the published tables, finished or about to be renamed."""
    if path.parent != run or not path.is_symlink():
        return False
    target = path.readlink()
    return (path.name == LINK or path.name.startswith(".link~")) and str(target) == target.name


def _sentence(path: Path, run: Path) -> str:
    kind = "a link" if path.is_symlink() else "neither a file nor a folder"
    return (
        f"{path.relative_to(run)} in the run {Path(run).name} must be a file or a folder of its "
        f"own; got {kind}. Nothing was read from it, moved or written: remove it if you did not "
        "put it there."
    )
