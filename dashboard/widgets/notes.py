"""Tags and notes on the pages: read, written, and chosen by."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.widgets import link, menus
from dashboard.widgets import text as plain_text
from store import notes
from store.disk import results_folder
from store.notes import NotesDamaged, NotesNotWritten

_ANY = ""


def file() -> Path:
    """Where tags and notes are: beside the runs."""
    return results_folder() / notes.FILE_NAME


def dataset(key: Key) -> str:
    """What tags and notes are kept by: runs of the same data set share them."""
    return str(run_data.run_row(key)["dataset"])


def writable() -> bool:
    """Whether an edit could be kept."""
    path = file()
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def under(key: Key, image_ids: Sequence[str]) -> dict[str, str]:
    """image_id -> a line that names its tags; nothing if the file cannot be read."""
    try:
        tags = notes.tags(file(), dataset(key), image_ids)
    except NotesDamaged:
        return {}
    return {image_id: f"Tags: {', '.join(names)}" for image_id, names in tags.items()}


def everything(key: Key) -> dict[str, tuple[str, str]]:
    """Tags and note of each image that has any."""
    return notes.everything(file(), dataset(key))


def choose_tag(key: Key) -> str | None:
    """Draw the choice of a tag, if there are any; None for all images."""
    try:
        known = notes.all_tags(file(), dataset(key))
    except NotesDamaged as error:
        plain_text.line(str(error), "small")
        return None
    if not known and "tag" not in st.query_params:
        return None
    chosen = menus.menu(
        "Tagged",
        [_ANY, *known],
        name="tag",
        shown=lambda tag: f"{tag} ({known[tag]:,})" if tag else "all images",
        more="Tags are given on the page Image.",
    )
    return chosen or None


def tagged(key: Key, tag: str | None) -> tuple[str, ...] | None:
    """The images that have a tag; None for all."""
    return None if tag is None else notes.tagged(file(), dataset(key), tag)


def show(key: Key, image_id: str) -> None:
    """Draw the tags and the note of an image, to be changed."""
    try:
        mine = notes.tags(file(), dataset(key), [image_id]).get(image_id, ())
        texts = notes.history(file(), dataset(key), image_id)
        known = notes.all_tags(file(), dataset(key))
    except NotesDamaged as error:
        plain_text.line(str(error), "note")
        return
    free = writable()
    if not free:
        plain_text.line(
            "The results folder is read-only here: tags and notes can be read, not "
            "changed. A copy of the folder that you may write to takes them.",
            "small",
        )
    _tags(key, image_id, mine, sorted({*known, *mine}), free)
    newest = texts[0].text if texts else ""
    name = f"note {image_id}"
    st.session_state[name] = newest

    def typed() -> None:
        text = st.session_state[name]
        before = notes.history(file(), dataset(key), image_id)
        if text == newest:
            return
        keep(lambda: notes.write_note(file(), dataset(key), image_id, text))
        if before != texts:
            link.note(
                "This note was changed elsewhere meanwhile. Yours is shown; the other "
                "text is under Earlier texts."
            )

    st.text_area(
        "Note",
        key=name,
        height=100,
        max_chars=notes.NOTE_LENGTH,
        on_change=typed,
        disabled=not free,
        placeholder="what you see in this picture's captions",
        help="Kept when you leave the field. All runs of this data set share it; earlier "
        "texts are not lost.",
    )
    if len(texts) > 1:
        with st.popover(f"{len(texts) - 1} earlier texts", type="tertiary"):
            for note in texts[1:]:
                plain_text.line(note.at, "small")
                plain_text.line(note.text or "(taken away)", "reply")


def _tags(key: Key, image_id: str, mine: tuple[str, ...], known: list[str], free: bool) -> None:
    name = f"tags {image_id}"
    st.session_state[name] = list(mine)

    def chosen() -> None:
        # What changed since it was drawn, not all of it: another tab may have added one.
        now = {" ".join(tag.split()) for tag in st.session_state[name]}
        for tag in now.difference(mine):
            keep(partial(notes.add_tag, file(), dataset(key), image_id, tag))
        for tag in set(mine) - now:
            keep(partial(notes.remove_tag, file(), dataset(key), image_id, tag))

    st.multiselect(
        "Tags",
        known,
        key=name,
        accept_new_options=True,
        on_change=chosen,
        disabled=not free,
        placeholder="choose one, or type a new one",
        help="The page Images shows the pictures of a tag.",
    )


def keep(edit: Callable[[], None]) -> None:
    """Make an edit of the file; where it could not be kept, a note says why."""
    try:
        edit()
    except (ValueError, NotesNotWritten) as error:
        link.note(f"Not kept: {error}")
