"""One picture, layer by layer and head by head."""

import pandas as pd
import streamlit as st

from dashboard import comparison, data, panels, plain, selection
from dashboard.data import Key
from dashboard.selection import Place


def show(place: Place) -> None:
    """Draw the page."""
    key = place.published
    with st.sidebar:
        image_id = selection.choose_image(key)
    if image_id is None:
        plain.line("This run has no image. The page Runs says which were left out, and why.")
        return
    selection.forget_cell(image_id)
    run, captions = data.run_row(key), data.captions(key, image_id, place.condition)
    seen = comparison.look(key, image_id, place.condition)
    with st.sidebar:
        _steps(key, image_id)
        look = panels.look()
    _headline(key, image_id, place.condition, captions)
    notes = st.container()
    top = int(run["n_layers"])
    peak = comparison.strongest(seen.heads)
    layer = selection.choose_layer(top, peak[0] if peak else top)
    matrix, centre, right = st.columns([1, 1.06, 1.06], gap="medium")
    with centre:
        chosen = panels.overlay(seen.tensors, layer, peak, run, look)
    with matrix:
        panels.matrix(seen.heads, layer, chosen, peak)
    with right:
        panels.story(key, image_id, place.condition, captions, layer)
    panels.curves(key, image_id, seen, top, layer)
    panels.scores(key, image_id, place.condition, layer)
    with notes:
        if seen.missing:
            plain.line(seen.missing, "note")
        selection.show_notes()


def _headline(key: Key, image_id: str, condition: str, captions: pd.DataFrame) -> None:
    row = data.image(key, image_id) or {}
    picture, text = st.columns([1, 8.6], vertical_alignment="center")
    picture.image(data.thumbnail(key, image_id), width=96, alt="The picture as the model saw it.")
    with text:
        comparison.headline(key, image_id, condition, captions)
        facts = [image_id, row.get("label"), row.get("category")]
        plain.line(" · ".join(str(fact) for fact in facts if fact), "small")
        references = list(row["refs"]) if row.get("refs") is not None else []
        if references:
            with st.popover(f"{len(references)} references", type="tertiary"):
                plain.points([str(reference) for reference in references])
                if row.get("explanation"):
                    plain.line(str(row["explanation"]), "small")


def _steps(key: Key, image_id: str) -> None:
    before, after = data.neighbours(key, image_id)
    with st.container(horizontal=True, gap="xsmall"):
        for label, icon, there in (("Previous", "chevron_left", before),
                                   ("Next", "chevron_right", after)):
            st.button(label, icon=f":material/{icon}:", disabled=there is None, width="stretch",
                      on_click=selection.set_image, args=(there,))


