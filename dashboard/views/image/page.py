"""One picture, layer by layer and head by head."""

import pandas as pd
import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import provenance, score_line
from dashboard.views.image import (
    edits,
    film_panel,
    inner_words,
    reader_data,
    similar,
    translators,
    word_map,
)
from dashboard.widgets import groups, link, menus, picture
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from dashboard.widgets.thumbnail import thumbnail
from store.query import judges as judge_queries
from store.query import one_image as one_image_queries
from store.schema import BASELINE

_TRANSPARENT = (
    "This picture is transparent in places. The model saw the colours that lie hidden there, as "
    'the library shows them to it; background = "white" under [[datasets]] lays such pictures on '
    "white, in a run of its own."
)


def show(place: Place) -> None:
    """Draw the page."""
    key = place.published
    with st.sidebar:
        image_id = menus.choose_image(key)
    if image_id is None:
        plain_text.line("This run has no image. The page Runs says which were left out, and why.")
        return
    with st.sidebar:
        _steps(key, image_id)
        against = _against(key, place.condition)
    captions = run_data.captions(key, image_id, place.condition)
    _headline(key, image_id, place.condition, captions)
    if nearest := provenance.nearest(run_data.run_row(key)["info"]):
        plain_text.line(nearest, "small")
    with st.container(horizontal=True, gap="medium"):
        if place.condition == BASELINE:
            word_map.choose(key, image_id)
        translators.show(key, place.condition)
    notes = st.container()
    here = reader_data.show(key, image_id, place.condition, against)
    word_map.show(key, image_id, here["word"])
    _nearest(key, image_id, place.condition, int(here["layer"]))
    edits.show(key, image_id, place.condition)
    reader_data.scores(key, image_id, place.condition, int(here["layer"]))
    _film(key, image_id, place.condition)
    inner_words.show(key, image_id)
    similar.beside(key, image_id, place.condition)
    groups.ways(key, image_id, place.condition)
    with notes:
        remarks = [
            translators.remark(key, place.condition, len(captions))
            or picture.look(key, image_id, place.condition).missing,
            f"Under {place.condition} the last layer alone was decoded."
            if place.condition != BASELINE and len(captions) == 1
            else None,
            _TRANSPARENT if run_data.is_transparent(key, image_id) else None,
        ]
        if any(remarks):
            plain_text.line(" ".join(filter(None, remarks)), "note")
        link.show_notes()


def _nearest(key: Key, image_id: str, condition: str, layer: int) -> None:
    """The few texts that are nearest at the chosen layer, where a model chooses among texts."""
    if condition != BASELINE or not run_data.run_row(key)["info"].get("texts"):
        return
    words = run_data.asked(key, one_image_queries.near_texts, image_id, layer)
    plain_text.line(f"Nearest texts at layer {layer}, and how probable each is", "heading")
    plain_text.facts(
        [
            (f"{chance:.1%}", str(text))
            for text, chance in zip(words["text"], words["probability"], strict=True)
        ]
    )


def _film(key: Key, image_id: str, condition: str) -> None:
    # Drawn when it is opened: it takes as long as the rest of the page.
    film = st.expander(
        "Film strip: the captions at a glance, and as a file",
        expanded=link.asked("film") is not None,
        key="film_strip",
        on_change="rerun",
    )
    if film.open:
        with film:
            film_panel.show(key, image_id, condition)


def _against(key: Key, condition: str) -> str | None:
    """Draw the choice of a condition to compare with; the baseline, under another one."""
    known = run_data.conditions(key)
    if len(known) < 2:
        return None
    chosen = menus.menu(
        "Compared with",
        [link.NONE, *known],
        name="versus",
        default=link.NONE if condition == BASELINE else BASELINE,
    )
    return None if chosen in (link.NONE, condition) else chosen


def _headline(key: Key, image_id: str, condition: str, captions: pd.DataFrame) -> None:
    row = run_data.image(key, image_id) or {}
    picture_at, text = st.columns([1, 8.6], vertical_alignment="center")
    picture_at.image(thumbnail(key, image_id), width=96, alt="The picture as the model saw it.")
    with text, st.container(gap="xsmall"):
        picture.headline(key, image_id, condition, captions)
        facts = [image_id, row.get("label"), row.get("category")]
        plain_text.line(" · ".join(str(fact) for fact in facts if fact), "small")
        scores = _final_scores(key, image_id, condition, captions)
        if scores:
            plain_text.line(scores, "small")
        references = list(row["refs"]) if row.get("refs") is not None else []
        if references:
            with st.popover(f"{len(references)} references", type="tertiary"):
                plain_text.points([str(reference) for reference in references])
                if row.get("explanation"):
                    plain_text.line(str(row["explanation"]), "small")


def _final_scores(key: Key, image_id: str, condition: str, captions: pd.DataFrame) -> str:
    if captions.empty:
        return ""
    last = int(captions["layer"].iloc[-1])
    line = score_line.line(
        run_data.scores(key, image_id, last, condition),
        run_data.asked(key, judge_queries.of_caption, image_id, last, condition),
    )
    # Two captions stand above it then.
    return f"Under {condition}: {line}" if line and condition != BASELINE else line


def _steps(key: Key, image_id: str) -> None:
    before, after = run_data.neighbours(key, image_id)
    with st.container(horizontal=True, gap="xsmall"):
        for label, icon, there in (
            ("Previous", "chevron_left", before),
            ("Next", "chevron_right", after),
        ):
            st.button(
                label,
                icon=f":material/{icon}:",
                disabled=there is None,
                width="stretch",
                on_click=link.set_image,
                args=(there,),
            )
