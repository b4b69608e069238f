"""What people write: tags and notes of pictures, names of views; one SQLite file beside the runs.

It is no part of a run: publishing again leaves it alone, copying the results folder copies it,
and all runs of a data set share it. Readers open it read-only, and nothing makes it but a first
edit. SQLite's rollback journal rather than its write-ahead log: the log cannot be read in a folder
that is read-only.

Two people at once lose nothing: a tag is a row that is added or removed by itself, and a note is
never written over, the newest one counts and the earlier ones stay.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from store.errors import StoreError

FILE_NAME = "notes.sqlite"
TAG_LENGTH, NOTE_LENGTH, VIEW_LENGTH = 40, 20_000, 80
"""Characters."""

_WAIT = 10.0  # seconds for another writer to end
_TABLES = (
    "CREATE TABLE IF NOT EXISTS tag (dataset TEXT, image_id TEXT, tag TEXT, "
    "PRIMARY KEY (dataset, image_id, tag)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, dataset TEXT NOT NULL, "
    "image_id TEXT NOT NULL, text TEXT NOT NULL, at TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS note_of ON note (dataset, image_id)",
    "CREATE TABLE IF NOT EXISTS view (name TEXT PRIMARY KEY, page TEXT NOT NULL, "
    "query TEXT NOT NULL) WITHOUT ROWID",
)


class NotesNotWritten(StoreError):
    """An edit could not be kept."""


class NotesDamaged(StoreError):
    """The file cannot be read."""


@dataclass(frozen=True)
class Note:
    """One text about a picture, and when it was written (UTC, ISO 8601)."""

    text: str
    at: str


@dataclass(frozen=True)
class View:
    """A page and the parameters of its link (`a=1&b=2`), under a name."""

    name: str
    page: str
    query: str


def views(file: Path) -> list[View]:
    """All views that were given a name, by name."""
    if not _read(file, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'view'", ()):
        return []  # written before there were views
    return [View(*row) for row in _read(file, "SELECT name, page, query FROM view", ())]


def save_view(file: Path, view: View) -> None:
    """Give a view its name; one that had the name before is replaced.

    Raises:
        ValueError: no name, or too long a one.
        NotesNotWritten: see `add_tag`.
    """
    with _writing(file) as con:
        con.execute(
            "INSERT OR REPLACE INTO view VALUES (?, ?, ?)",
            (_name(view.name, VIEW_LENGTH, "the name of a view"), view.page, view.query),
        )


def forget_view(file: Path, name: str) -> None:
    """Take a view's name away; nothing happens if there is none.

    Raises:
        NotesNotWritten: see `add_tag`.
    """
    with _writing(file) as con:
        con.execute("DELETE FROM view WHERE name = ?", (name,))


def _name(text: str, most: int, what: str) -> str:
    name = " ".join(text.split())
    if not name.isprintable() or not 1 <= len(name) <= most:
        raise ValueError(
            f"{what} is 1 to {most} characters that can be printed; "
            f"got {len(name)}. Choose a shorter name."
        )
    return name


def tags(file: Path, dataset: str, image_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The tags of some images, by name; images without one are left out."""
    tags: dict[str, tuple[str, ...]] = {}
    marks = ", ".join("?" * len(image_ids))
    for image_id, tag in _read(
        file,
        f"SELECT image_id, tag FROM tag WHERE dataset = ? AND image_id IN ({marks}) "
        "ORDER BY image_id, tag",
        (dataset, *image_ids),
    ):
        tags[image_id] = (*tags.get(image_id, ()), tag)
    return tags


def all_tags(file: Path, dataset: str) -> dict[str, int]:
    """Every tag of a data set, by name, and how many images have it."""
    return dict(
        _read(
            file,
            "SELECT tag, count(*) FROM tag WHERE dataset = ? GROUP BY tag ORDER BY tag",
            (dataset,),
        )
    )


def tagged(file: Path, dataset: str, tag: str) -> tuple[str, ...]:
    """Ids of the images that have a tag."""
    return tuple(
        row[0]
        for row in _read(
            file,
            "SELECT image_id FROM tag WHERE dataset = ? AND tag = ? ORDER BY image_id",
            (dataset, tag),
        )
    )


def history(file: Path, dataset: str, image_id: str) -> list[Note]:
    """All texts about an image, the newest first; an empty one means that it was taken away."""
    return [
        Note(*row)
        for row in _read(
            file,
            "SELECT text, at FROM note WHERE dataset = ? AND image_id = ? ORDER BY id DESC",
            (dataset, image_id),
        )
    ]


def everything(file: Path, dataset: str) -> dict[str, tuple[str, str]]:
    """For an export: image_id -> its tags, joined by `; `, and its newest note."""
    rows = _read(
        file,
        "SELECT image_id, group_concat(tag, '; '), '' FROM (SELECT * FROM tag "
        "WHERE dataset = ? ORDER BY tag) GROUP BY image_id UNION ALL "
        "SELECT image_id, '', text FROM note WHERE id IN (SELECT max(id) FROM note "
        "WHERE dataset = ? GROUP BY image_id)",
        (dataset, dataset),
    )
    by_image: dict[str, tuple[str, str]] = {}
    for image_id, names, text in rows:
        before = by_image.get(image_id, ("", ""))
        by_image[image_id] = (names or before[0], text or before[1])
    return by_image


def add_tag(file: Path, dataset: str, image_id: str, tag: str) -> None:
    """Give an image a tag; nothing happens if it has it.

    Raises:
        ValueError: no tag, or too long a one.
        NotesNotWritten: the folder is read-only, or the disk full.
    """
    tag = _name(tag, TAG_LENGTH, "a tag")
    with _writing(file) as con:
        con.execute("INSERT OR IGNORE INTO tag VALUES (?, ?, ?)", (dataset, image_id, tag))


def remove_tag(file: Path, dataset: str, image_id: str, tag: str) -> None:
    """Take a tag from an image; nothing happens if it has it not.

    Raises:
        NotesNotWritten: see `add_tag`.
    """
    with _writing(file) as con:
        con.execute(
            "DELETE FROM tag WHERE dataset = ? AND image_id = ? AND tag = ?",
            (dataset, image_id, tag),
        )


def write_note(file: Path, dataset: str, image_id: str, text: str) -> None:
    """Write a text about an image; it is the newest one from then on.

    Raises:
        ValueError: too long a text.
        NotesNotWritten: see `add_tag`.
    """
    if len(text) > NOTE_LENGTH:
        raise ValueError(
            f"a note has at most {NOTE_LENGTH:,} characters; got {len(text):,}. Shorten it."
        )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with _writing(file) as con:
        con.execute(
            "INSERT INTO note (dataset, image_id, text, at) VALUES (?, ?, ?, ?)",
            (dataset, image_id, text, now),
        )


def _read(file: Path, query: str, params: Sequence[str]) -> list[tuple[Any, ...]]:
    if not file.exists():
        return []
    try:
        with closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT)
        ) as con:
            return con.execute(query, params).fetchall()
    except sqlite3.Error as error:
        raise NotesDamaged(
            f"{file.name} beside the runs must be a file of tags and notes; got: {error}. "
            "Take it back from a copy, or move it away to start anew."
        ) from error


@contextmanager
def _writing(file: Path) -> Iterator[sqlite3.Connection]:
    """One transaction: all of it is kept, or nothing."""
    try:
        with closing(
            sqlite3.connect(
                f"{file.absolute().as_uri()}?mode=rwc",
                uri=True,
                timeout=_WAIT,
                isolation_level=None,
            )
        ) as con:
            con.execute("BEGIN IMMEDIATE")
            for statement in _TABLES:
                con.execute(statement)
            yield con
            con.execute("COMMIT")
    except sqlite3.Error as error:
        raise NotesNotWritten(
            f"tags and notes are kept in {FILE_NAME} beside the runs, which must be writable; "
            f"got: {error}. Nothing was changed."
        ) from error
