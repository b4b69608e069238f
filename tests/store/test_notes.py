"""Tags and notes: kept, shared, and lost by nobody."""

import shutil
import sqlite3
import subprocess
import sys

import pytest

from store import notes
from store.notes import FILE_NAME, NotesDamaged, NotesNotWritten, View
from tests.dashboard.test_injection import HOSTILE


@pytest.fixture
def file(tmp_path):
    return tmp_path / FILE_NAME


def test_reading_makes_no_file(file):
    assert notes.tags(file, "d", ["a"]) == {}
    assert notes.all_tags(file, "d") == {}
    assert notes.tagged(file, "d", "t") == ()
    assert notes.history(file, "d", "a") == []
    assert notes.everything(file, "d") == {}
    assert not file.exists()


def test_tags_come_back_by_image_and_data_set(file):
    for image, tag in (("a", "wrong"), ("a", "funny"), ("b", "funny"), ("a", "funny")):
        notes.add_tag(file, "d", image, tag)
    notes.add_tag(file, "other", "a", "elsewhere")
    assert notes.tags(file, "d", ["a", "b", "c"]) == {"a": ("funny", "wrong"), "b": ("funny",)}
    assert notes.all_tags(file, "d") == {"funny": 2, "wrong": 1}
    assert notes.tagged(file, "d", "funny") == ("a", "b")
    notes.remove_tag(file, "d", "a", "funny")
    notes.remove_tag(file, "d", "a", "funny")
    assert notes.tagged(file, "d", "funny") == ("b",)


def test_the_newest_note_counts_and_the_earlier_stay(file):
    for text in ("first", "second", ""):
        notes.write_note(file, "d", "a", text)
    assert [note.text for note in notes.history(file, "d", "a")] == ["", "second", "first"]
    assert notes.history(file, "d", "a")[0].at.endswith("+00:00")
    notes.write_note(file, "d", "b", "kept")
    notes.add_tag(file, "d", "b", "y")
    notes.add_tag(file, "d", "b", "x")
    notes.add_tag(file, "d", "c", "z")
    got = notes.everything(file, "d")
    assert got["b"] == ("x; y", "kept")
    assert got["c"] == ("z", "")
    assert got.get("a", ("", "")) == ("", "")


@pytest.mark.parametrize("text", [*HOSTILE, "'; DROP TABLE note; --", "é" * notes.NOTE_LENGTH])
def test_any_text_comes_back_as_it_was_written(file, text):
    notes.write_note(file, text, text, text)
    assert notes.history(file, text, text)[0].text == text
    tag = " ".join(text.split())[: notes.TAG_LENGTH].strip()
    notes.add_tag(file, "d", text, tag)
    assert notes.tags(file, "d", [text]) == {text: (tag,)}
    assert notes.tagged(file, "d", tag) == (text,)


@pytest.mark.parametrize("tag", ["", "  \n ", "x" * 41, "a\x00b", "\u202eevil", "a\x1b[31m"])
def test_what_is_no_tag_is_refused(file, tag):
    with pytest.raises(ValueError, match="1 to 40 characters"):
        notes.add_tag(file, "d", "a", tag)
    assert not file.exists()


def test_too_long_a_note_is_refused(file):
    with pytest.raises(ValueError, match="at most 20,000 characters; got 20,001"):
        notes.write_note(file, "d", "a", "x" * 20_001)


_WRITER = """
import sys
from pathlib import Path
from store import notes

file, writer = Path(sys.argv[1]), sys.argv[2]
for i in range(12):
    notes.add_tag(file, "d", f"image{i}", f"by {writer}")
    notes.write_note(file, "d", "one", f"{writer} {i}")
"""


def test_many_writers_at_once_lose_nothing(file):
    workers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(file), str(writer)])
        for writer in range(4)
    ]
    assert [worker.wait(120) for worker in workers] == [0] * 4
    texts = [note.text for note in notes.history(file, "d", "one")]
    assert sorted(texts) == sorted(f"{w} {i}" for w in range(4) for i in range(12))
    assert notes.all_tags(file, "d") == {f"by {writer}": 12 for writer in range(4)}


def test_a_writer_that_dies_leaves_what_was_there(file):
    notes.add_tag(file, "d", "a", "kept")
    with pytest.raises(RuntimeError), notes._writing(file) as con:
        con.execute("INSERT INTO tag VALUES ('d', 'a', 'half')")
        raise RuntimeError
    assert notes.tags(file, "d", ["a"]) == {"a": ("kept",)}


def test_a_copied_folder_has_them(file, tmp_path):
    notes.add_tag(file, "d", "a", "kept")
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(file, copy)
    assert notes.tags(copy / FILE_NAME, "d", ["a"]) == {"a": ("kept",)}
    assert [path.name for path in copy.iterdir()] == [FILE_NAME]  # no log beside it to forget


def test_where_nothing_can_be_written_it_is_reported(tmp_path):
    with pytest.raises(NotesNotWritten, match=r"must be writable; got.*Nothing was changed"):
        notes.add_tag(tmp_path / "absent" / FILE_NAME, "d", "a", "t")


def test_a_full_or_locked_file_is_reported(file, monkeypatch):
    notes.add_tag(file, "d", "a", "kept")
    monkeypatch.setattr(notes, "_WAIT", 0.05)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotesNotWritten, match="locked"):
        notes.add_tag(file, "d", "a", "late")
    assert notes.tags(file, "d", ["a"]) == {"a": ("kept",)}  # reading goes on meanwhile
    other.close()


def test_another_kind_of_file_is_reported_and_left_alone(file):
    file.write_bytes(b"no database" * 500)
    with pytest.raises(NotesDamaged, match="move it away"):
        notes.tags(file, "d", ["a"])
    with pytest.raises(NotesNotWritten):
        notes.add_tag(file, "d", "a", "t")
    assert file.read_bytes() == b"no database" * 500


def test_a_view_is_kept_under_its_name_replaced_and_taken_away(file):
    assert notes.views(file) == []
    notes.add_tag(file, "d", "a", "kept")
    notes.save_view(file, View("  late   ones ", "layers", "run=a&layer=3"))
    notes.save_view(file, View("early", "", ""))
    assert notes.views(file) == [
        View("early", "", ""),
        View("late ones", "layers", "run=a&layer=3"),
    ]
    notes.save_view(file, View("early", "heads", "run=b"))
    notes.forget_view(file, "late ones")
    assert notes.views(file) == [View("early", "heads", "run=b")]
    for name in ("", "  ", "a\nb\x00", "x" * 81):
        with pytest.raises(ValueError, match="the name of a view is 1 to 80"):
            notes.save_view(file, View(name, "", ""))


def test_a_file_from_before_there_were_views_has_none(file):
    notes.add_tag(file, "d", "a", "kept")
    with sqlite3.connect(file) as con:
        con.execute("DROP TABLE view")
    assert notes.views(file) == []
    notes.save_view(file, View("first", "", "run=a"))
    assert notes.views(file) == [View("first", "", "run=a")]
    assert notes.tags(file, "d", ["a"]) == {"a": ("kept",)}
