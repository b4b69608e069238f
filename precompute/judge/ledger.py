"""Every reply of a judge, on disk the moment it comes: one line of JSON each, only ever appended.

A line that a kill cut in two is passed over, and its question asked again. No line is changed or
removed; parts are made from them (`precompute.judge.seal`).
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from precompute.judge.identity import Judge
from store.disk.files import fsync

FOLDER = "ledger"


class JudgeError(ValueError):
    """A judge cannot go on; the message says what to do. No reply is lost."""


class Entry(BaseModel):
    """One reply, with all that is needed to read it somewhere else.

    Attributes:
        reply_id: of its question.
        run_id: the run that it is about.
        captions: the stage whose captions were judged.
        judge: who was asked.
        condition_id: the condition of the captions.
        image_id: the image.
        vote: which vote, from 0.
        prompt_sha256: of the exact text sent.
        image_sha256: of the exact picture sent.
        model_answered: the model's name as the answer gives it.
        text: what the model wrote; the whole body where that is no chat completion.
        refused: whether the model, or its server, declined.
        finish_reason: why it stopped, in the server's words.
        tokens_in: as the server counted.
        tokens_out: as the server counted.
        answer_format: how JSON was asked for: json_schema, json_object or text.
        at: when it came, UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    reply_id: str
    run_id: str
    captions: str
    judge: Judge
    condition_id: str
    image_id: str
    vote: int
    prompt_sha256: str
    image_sha256: str
    model_answered: str | None
    text: str | None
    refused: bool
    finish_reason: str | None
    tokens_in: int | None
    tokens_out: int | None
    answer_format: str
    at: str

    @property
    def tokens(self) -> int:
        """In and out, as far as the server told."""
        return (self.tokens_in or 0) + (self.tokens_out or 0)


@dataclass
class Spent:
    """Which replies a ledger has, and what they cost.

    Attributes:
        ids: of the replies.
        counted: how many of them say their tokens.
        tokens_in: of those.
        tokens_out: of those.
    """

    ids: set[str] = field(default_factory=set)
    counted: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def add(self, entry: Entry) -> None:
        """Count one more."""
        self.ids.add(entry.reply_id)
        if entry.tokens:
            self.counted += 1
            self.tokens_in += entry.tokens_in or 0
            self.tokens_out += entry.tokens_out or 0

    @property
    def tokens(self) -> int:
        """In and out, of all replies."""
        return self.tokens_in + self.tokens_out


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
        self._file.write(b"".join(entry.model_dump_json().encode() + b"\n" for entry in new))
        self._file.flush()
        os.fsync(self._file.fileno())
        for entry in new:
            self.spent.add(entry)
        return len(new)


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
    """The replies of a ledger, in the order they came; cut lines are passed over."""
    if not path.exists():
        return
    seen: set[str] = set()
    with path.open("rb") as file:
        for line in file:
            try:
                entry = Entry.model_validate_json(line)
            except ValidationError:
                continue
            if entry.reply_id not in seen:
                seen.add(entry.reply_id)
                yield entry


def spent(path: Path) -> Spent:
    """Which replies a ledger has, and what they cost."""
    total = Spent()
    for entry in read_ledger(path):
        total.add(entry)
    return total


def ledger_path(run: Path, judge: Judge) -> Path:
    """Where the replies of a judge stand, if there are any."""
    return run / FOLDER / f"{judge.name}.jsonl"


def ledgers(run: Path) -> list[Path]:
    """The ledgers of a run, by name."""
    return sorted((run / FOLDER).glob("[!.]*.jsonl"))


def of_captions(entries: Iterable[Entry], run: Path, captions: str) -> Iterator[Entry]:
    """Those replies that are about the captions that a run has now."""
    return (e for e in entries if (e.run_id, e.captions) == (run.name, captions))
