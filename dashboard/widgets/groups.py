"""The categories and classes of a data set, by which the Images page is filtered."""

from pathlib import Path
from urllib.parse import unquote

import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.widgets import link
from dashboard.widgets import text as plain_text
from store.query import one_image as one_image_queries

_TITLES = {"category": "Category", "label": "Class"}
_OFFERED = 2_000  # choices of a menu: a page sends them all to the browser
_AT_ONCE = 50  # so many that typing finds may be taken together: a link holds them all
_END = ";"  # of a value in the link


def choose(key: Key) -> dict[str, tuple[str, ...]]:
    """Draw a menu of the categories, and one of the classes, as far as the run's images have any.

    Returns:
        `category` and `label`: the values that are chosen, none for all images.
    """
    counts = run_data.asked(key, one_image_queries.groups)
    return {
        name: _menu(name, dict(counts.loc[counts["of"] == name, ["value", "n"]].to_numpy()))
        for name in _TITLES
    }


def _menu(name: str, counts: dict[str, int]) -> tuple[str, ...]:
    asked = read(link.asked(name) or "")
    chosen = [value for value in asked if value in counts]
    for value in asked:
        if value not in counts:
            link.note(
                f"The link names the {_TITLES[name].lower()} “{value[:80]}”, which no "
                "image of this run has; it is left out."
            )
    if not counts:
        return ()
    # The most frequent ones, by name; what the link chooses is among them.
    offered = sorted(
        {*sorted(counts, key=counts.__getitem__, reverse=True)[:_OFFERED], *chosen},
        key=str.casefold,
    )
    st.session_state[name] = chosen

    def put() -> None:
        link.write(**{name: written(st.session_state[name]) or None}, page=None)

    return tuple(
        st.multiselect(
            _TITLES[name],
            offered,
            key=name,
            on_change=put,
            placeholder="all images",
            filter_mode="contains",
            select_all=_AT_ONCE,
            format_func=lambda value: f"{value} ({counts[value]:,})",
            help=f"Images of any of these. The run has {len(counts):,}; type to find one."
            + (f" The menu has the {_OFFERED:,} most frequent." if len(counts) > _OFFERED else ""),
        )
    )


def ways(key: Key, image_id: str, condition: str) -> None:
    """Draw links to the images of one image's category, and of its class."""
    row = run_data.image(key, image_id) or {}
    for name in _TITLES:
        if row.get(name):
            value = str(row[name])
            st.page_link(
                st.session_state["images_page"],
                icon=":material/grid_view:",
                label=plain_text.label(f"All pictures of {value[:80]}"),
                query_params={
                    "run": Path(key.path).name,
                    "condition": condition,
                    name: written([value]),
                },
            )


def written(values: list[str]) -> str:
    """Values as the link has them.

    >>> written(["a; b", "50%"]), read(written(["a; b", "50%"]))
    ('a%3B b;50%25', ['a; b', '50%'])
    """
    return _END.join(value.replace("%", "%25").replace(_END, "%3B") for value in values)


def read(text: str) -> list[str]:
    """The values of a link, each once."""
    return list(dict.fromkeys(unquote(value) for value in text.split(_END) if value))
