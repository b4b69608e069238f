"""Every reply of a judge, on disk the moment it comes: one line of JSON each, only ever appended.

Between them stands a line for each request, written before it is sent, and one for what an answer
cost that was no reply: a cap holds over as many starts as it takes. A line that a kill cut in two,
or that is too long to be a reply, is skipped, and its question asked again. Parts are made from the
replies (`precompute.judge.seal`).
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from filelock import FileLock, Timeout
from pydantic import BaseModel, TypeAdapter, ValidationError

from precompute.judge.entry import Entry
from precompute.judge.identity import Judge
from precompute.judge.reply import as_it_counts, first_replies
from precompute.judge.transport import LARGEST
from store.disk import Owner, fsync, now

FOLDER = "ledger"

_LONGEST = 8 * LARGEST
"""Bytes of a line: a reply as JSON, each character escaped, and what is known of it."""


class JudgeError(ValueError):
    """A judge cannot go on; the message says what to do. No reply is lost."""


class _Sent(BaseModel, extra="forbid"):
    """A line for a request that was about to be sent."""

    sent: str


class _Lost(BaseModel, extra="forbid"):
    """A line for the tokens of an answer that was no reply."""

    lost: int


_LINE: TypeAdapter[Entry | _Sent | _Lost] = TypeAdapter(Entry | _Sent | _Lost)


@dataclass
class Spent:
    """Which replies a ledger has, and what was sent and spent for them.

    Attributes:
        ids: of the replies.
        sent: requests; older ledgers count what came alone.
        came: lines of replies, also of what older ledgers took for one.
        lost: tokens of what was no reply, or a second one.
        largest: tokens of the reply that cost most.
        counted: how many of them say their tokens.
        tokens_in: of those.
        tokens_out: of those.
    """

    ids: set[str] = field(default_factory=set)
    sent: int = 0
    came: int = 0
    lost: int = 0
    largest: int = 0
    counted: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def add(self, entry: Entry) -> None:
        """Count one more line of a ledger."""
        self.came += 1
        reply = as_it_counts(entry)
        if reply is None or reply.reply_id in self.ids:
            self.lost += entry.tokens
            return
        self.ids.add(reply.reply_id)
        if reply.tokens:
            self.counted += 1
            self.tokens_in += reply.tokens_in or 0
            self.tokens_out += reply.tokens_out or 0
            self.largest = max(self.largest, reply.tokens)

    @property
    def requests(self) -> int:
        """Sent so far, as far as is known."""
        return max(self.sent, self.came)

    @property
    def tokens(self) -> int:
        """In and out, of all that came."""
        return self.tokens_in + self.tokens_out + self.lost


class Ledger:
    """The ledger of one judge in one run, open for writing; one process at a time.

    Attributes:
        path: the file.
        spent: which replies it has, and what they cost.
    """

    def __init__(self, run: Path, judge: Judge) -> None:
        folder = run / FOLDER
        folder.mkdir(exist_ok=True)
        self.path = ledger_path(run, judge)
        self.spent = Spent()
        self._lock = FileLock(folder / f".{judge.name}.lock", timeout=0)

    def __enter__(self) -> Self:
        try:
            self._lock.acquire()
        except Timeout as error:
            raise JudgeError(
                f"one process at a time writes {self.path.name}; another one does. Wait for it."
            ) from error
        self._file = self.path.open("ab")
        fsync(self.path.parent)
        _end_line(self.path, self._file.fileno())
        self.spent = spent(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._lock.release()

    def append(self, entry: Entry) -> None:
        """Put a reply on the disk; when this returns, it is there.

        Raises:
            JudgeError: its question has a reply already.
        """
        if not self.add([entry]):
            raise JudgeError(f"a question has one reply; {entry.reply_id} has one already.")

    def add(self, entries: Sequence[Entry]) -> int:
        """Put those replies on the disk whose questions have none; returns how many."""
        new = [entry for entry in entries if entry.reply_id not in self.spent.ids]
        self._write(entry.model_dump_json() for entry in new)
        for entry in new:
            self.spent.add(entry)
        return len(new)

    def count_request(self) -> None:
        """Put on the disk that a request is about to be sent."""
        self._write([_Sent(sent=now()).model_dump_json()])
        self.spent.sent += 1

    def count_lost(self, tokens: int) -> None:
        """Put on the disk what an answer cost that was no reply."""
        if tokens:
            self._write([_Lost(lost=tokens).model_dump_json()])
            self.spent.lost += tokens

    def _write(self, lines: Iterable[str]) -> None:
        self._file.write(b"".join(line.encode() + b"\n" for line in lines))
        self._file.flush()
        os.fsync(self._file.fileno())


def _end_line(path: Path, handle: int) -> None:
    """End a line that a kill left without its end, so that the next one stands alone."""
    size = path.stat().st_size
    if not size:
        return
    with path.open("rb") as file:
        file.seek(size - 1)
        if file.read() != b"\n":
            os.write(handle, b"\n")


def read_ledger(path: Path) -> Iterator[Entry]:
    """The replies of a ledger, in the order they came; the first to each question."""
    return first_replies(line for line in _read(path) if isinstance(line, Entry))


def _read(path: Path) -> Iterator[Entry | _Sent | _Lost]:
    for line in _lines(path):
        with contextlib.suppress(ValidationError):
            yield _LINE.validate_json(line)


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a ledger but those that are too long to be a reply; none if there is no file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while line := file.readline(_LONGEST):
            if len(line) < _LONGEST:
                yield line
            else:
                _skip_line(file)


def _skip_line(file: BinaryIO) -> None:
    while (more := file.readline(_LONGEST)) and not more.endswith(b"\n"):
        pass


def spent(path: Path) -> Spent:
    """Which replies a ledger has, and what was sent and spent for them."""
    total = Spent()
    for line in _read(path):
        match line:
            case Entry():
                total.add(line)
            case _Lost(lost=tokens):
                total.lost += tokens
            case _Sent():
                total.sent += 1
    return total


def drop(path: Path, reply_id: str) -> bool:
    """Rewrite a ledger without the lines of one reply, however long they are.

    Returns:
        Whether it had any; if not, it stays as it is.
    """
    begins = b'{"reply_id":"' + reply_id.encode() + b'"'
    temporary = path.parent / Owner.here().token(path.name)
    dropped, dropping, at_start = False, False, True
    with path.open("rb") as old, temporary.open("wb") as new:
        while piece := old.readline(_LONGEST):
            if at_start:
                dropping = piece.startswith(begins)
                dropped |= dropping
            at_start = piece.endswith(b"\n")
            if not dropping:
                new.write(piece)
        new.flush()
        os.fsync(new.fileno())
    if dropped:
        temporary.replace(path)
        fsync(path.parent)
    else:
        temporary.unlink()
    return dropped


def holds_key(path: Path, key: str) -> bool:
    """Whether a ledger has a key in it, as ledgers of earlier versions may."""
    return any(key.encode() in line for line in _lines(path))


def ledger_path(run: Path, judge: Judge) -> Path:
    """Where the replies of a judge stand, if there are any."""
    return run / FOLDER / f"{judge.name}.jsonl"


def ledgers(run: Path) -> list[Path]:
    """The ledgers of a run, by name."""
    return sorted((run / FOLDER).glob("[!.]*.jsonl"))


def of_captions(entries: Iterable[Entry], run: Path, captions: str) -> Iterator[Entry]:
    """Those replies that are about the captions that a run has now."""
    return (e for e in entries if (e.run_id, e.captions) == (run.name, captions))
