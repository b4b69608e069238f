"""Writing that survives a crash: flushed, then named by one rename. And who is writing."""

import hashlib
import json
import os
import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TOKEN = re.compile(
    r"^\.(?P<name>.+)~(?P<nonce>[0-9a-f]{8})~(?P<pid>\d+)~(?P<start>\d+)~(?P<host>[^~]+)$"
)


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces, so that equal settings give equal text.

    Raises:
        ValueError: a NaN or an infinity, which JSON cannot say.
        TypeError: a value that is not JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def short_hash(value: object) -> str:
    """First 8 hex digits of the sha256 of `canonical(value)`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:8]


def file_sha256(path: Path) -> str:
    """The sha256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path) -> None:
    """Make a folder and those above it; each new one is flushed into the one that holds it."""
    new = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in new:
        fsync(folder.parent)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file so that a reader sees the old or the new one, never half of one."""
    temporary = path.parent / Owner.here().token(path.name)
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync(path.parent)


def _host() -> str:
    # Containers may share a host name and not their process ids: the namespace tells them apart.
    try:
        namespace = re.sub(r"\D", "", Path("/proc/self/ns/pid").readlink().name)
    except OSError:
        namespace = "0"
    return f"{socket.gethostname().replace('~', '-').replace('/', '-')}+{namespace}"


def _start(pid: int) -> int | None:
    """When a process began (clock ticks since boot); 0 if unknown, None if there is none."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except (PermissionError, OverflowError):
        pass
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # The command's name comes in brackets and may hold spaces and brackets of its own.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])


@dataclass(frozen=True)
class Owner:
    """A process that writes: its host, id and start, since ids are used again.

    Attributes:
        host: host name and process namespace.
        pid: process id on that host.
        start: start in clock ticks since boot, 0 where the system does not tell.
    """

    host: str
    pid: int
    start: int

    @classmethod
    def here(cls) -> "Owner":
        """This process."""
        return cls(_host(), os.getpid(), _start(os.getpid()) or 0)

    @property
    def is_here(self) -> bool:
        """Whether this host can tell if the process lives."""
        return self.host == _host()

    @property
    def known_dead(self) -> bool:
        """True only when the process ran on this host and runs no more."""
        if not self.is_here:
            return False
        start = _start(self.pid)
        return start is None or (0 not in (start, self.start) and start != self.start)

    def token(self, name: str) -> str:
        """A hidden file name for `name` under construction, unique and naming its owner."""
        return f".{name}~{secrets.token_hex(4)}~{self.pid}~{self.start}~{self.host}"


def owner_of(path: Path) -> Owner | None:
    """Who made this file or folder under construction; None if it is not one."""
    match = _TOKEN.match(path.name)
    if match is None:
        return None
    return Owner(match["host"], int(match["pid"]), int(match["start"]))
