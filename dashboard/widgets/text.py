"""Text of unknown origin on a page: shown as it is written, whatever it looks like.

Streamlit's Markdown would turn links, `$x$`, `:material/...:` and HTML in a caption into markup.
Here text is escaped and set as HTML, where nothing but `<`, `&` and quotes means anything.
"""

import base64
import html
import re
from collections.abc import Mapping, Sequence

import streamlit as st

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_STYLES = {
    "title": "font-family:'Source Serif',serif;font-size:1.6rem;font-weight:600;line-height:1.25",
    "heading": "font-family:'Source Serif',serif;font-size:1.08rem;font-weight:600",
    "body": "font-size:1rem;line-height:1.4",
    "meaning": "font-size:0.86rem;line-height:1.4;opacity:0.75;min-height:2.8em",
    "small": "font-size:0.86rem;line-height:1.4;opacity:0.75",
    "note": "font-size:0.93rem;padding:0.4rem 0.7rem;border-left:3px solid #e69f00",
    "reply": "font-family:'Source Code Pro',monospace;font-size:0.8rem;line-height:1.4;"
    "white-space:pre-wrap;overflow-wrap:anywhere;max-height:11rem;overflow-y:auto",
    "card": "font-size:0.9rem;line-height:1.3;min-height:2.6em;overflow-wrap:anywhere",
}

_TABLE = """<style>
.peel-table {width: 100%; max-width: 52rem; border-collapse: collapse; font-size: 0.86rem;
    line-height: 1.35; font-variant-numeric: tabular-nums}
.peel-table :is(th, td) {border: 0; padding: 0.2rem 0 0.2rem 0.6rem; text-align: right;
    font-weight: 400; vertical-align: top}
.peel-table :is(th, td):first-child {padding-left: 0; text-align: left}
.peel-table tbody th {font-weight: 600; padding-top: 0.7rem}
</style>"""


def line(text: str, kind: str = "body") -> None:
    """Show text of a kind: title, heading, body, small, meaning, note, reply or card."""
    st.html(f'<div style="{_STYLES[kind]}">{html.escape(text)}</div>')


def label(text: str) -> str:
    r"""A text for a button or a radio, whose labels are Markdown: with nothing in it that is.

    >>> print(label("a-1 *b*"))
    a\-1 \*b\*
    """
    return _PUNCTUATION.sub(r"\\\g<0>", text)


def facts(rows: list[tuple[str, str]]) -> None:
    """Show names and values; long values wrap instead of being cut."""
    cells = "".join(
        f'<dt style="opacity:0.7">{html.escape(name)}</dt>'
        f'<dd style="margin:0;overflow-wrap:anywhere">{html.escape(value)}</dd>'
        for name, value in rows
    )
    st.html(
        f'<dl style="{_STYLES["body"]};display:grid;'
        f"grid-template-columns:fit-content(9.5rem) 1fr;"
        f'gap:0.3rem 1rem;margin:0;padding:0">{cells}</dl>'
    )


def picture(svg: str, alt: str) -> None:
    """Show a wide SVG: as wide as the page, and on a phone to be moved sideways."""
    url = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    st.html(
        f'<div role="group" tabindex="0" aria-label="{html.escape(alt)}" '
        f'style="overflow-x:auto"><img src="{url}" alt="{html.escape(alt)}" '
        f'style="max-width:max(100%, 44rem)"></div>'
    )


def narrow_margins() -> None:
    """Give the page's width to its content: the theme has no setting for side margins."""
    # A tooltip would keep the mouse from the link that it covers. What is chosen from a menu of
    # several would be white on the theme's colour, which on dark pages is a light one.
    st.html(
        "<style>.stMainBlockContainer {padding-left: 1.6rem; padding-right: 1.6rem}"
        "[role=tooltip] {pointer-events: none}"
        ".stMultiSelect [data-tag] {background: rgba(128, 128, 128, 0.22); color: inherit}"
        # Rows as high as what marks the open page, while they load and after.
        ".st-key-ways .stElementContainer {height: 30px; margin: 0}"
        ".st-key-ways [data-testid=stSkeleton] {height: 26px}"
        "</style>"
    )


def points(texts: list[str]) -> None:
    """Show texts as a list."""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
    st.html(f'<ul style="{_STYLES["body"]};margin:0;padding-left:1.2rem">{items}</ul>')


def table(names: Sequence[str], groups: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Show rows of texts below the name of their group, narrow enough for a phone.

    Args:
        names: of the columns; all but the first hold numbers.
        groups: name -> rows.
    """

    def cells(texts: Sequence[str], kind: str) -> str:
        return "".join(f"<{kind}>{html.escape(text)}</{kind}>" for text in texts)

    bodies = "".join(
        f'<tbody><tr><th colspan="{len(names)}" scope="rowgroup">{html.escape(name)}</th></tr>'
        + "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
        + "</tbody>"
        for name, rows in groups.items()
    )
    st.html(
        f'{_TABLE}\n<table class="peel-table"><thead><tr>{cells(names, "th")}</tr></thead>'
        f"{bodies}</table>"
    )
