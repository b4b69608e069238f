"""A button that copies the link: it reopens the page at the same run, picture, layer and head."""

from pathlib import Path

import streamlit as st

_COMPONENT = st.components.v2.component(
    "peel_copy_link",
    html='<button type="button" aria-live="polite">Copy link</button>\n',
    css="""button {width: 100%; padding: 0.35rem 0.7rem; font: inherit; cursor: pointer;
        color: var(--st-text-color); background: transparent;
        border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius);}
        button:hover, button:focus-visible {color: var(--st-primary-color);
        border-color: var(--st-primary-color);}""",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def show() -> None:
    """Draw the button."""
    _COMPONENT(key="copy_link")
