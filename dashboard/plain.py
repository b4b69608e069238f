"""Text of unknown origin on a page: shown as it is written, whatever it looks like.

Streamlit's Markdown would turn links, `$x$`, `:material/...:` and HTML in a caption into markup.
Here text is escaped and set as HTML, where nothing but `<`, `&` and quotes means anything.
"""

import html

import streamlit as st

_STYLES = {
    "title": "font-family:'Source Serif',serif;font-size:1.6rem;font-weight:600;line-height:1.25",
    "body": "font-size:1rem;line-height:1.4",
    "small": "font-size:0.86rem;line-height:1.4;opacity:0.75",
    "card": "font-size:0.9rem;line-height:1.3;min-height:2.6em;overflow-wrap:anywhere",
}


def line(text: str, kind: str = "body") -> None:
    """Show a line of text; `kind` is title, body, small or card."""
    st.html(f'<div style="{_STYLES[kind]}">{html.escape(text)}</div>')


def points(texts: list[str]) -> None:
    """Show texts as a list."""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
    st.html(f'<ul style="{_STYLES["body"]};margin:0;padding-left:1.2rem">{items}</ul>')
