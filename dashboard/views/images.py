"""All pictures: filter, sort, search, and open one."""

import math

import streamlit as st

from dashboard import cards, data, filters, plain, selection, words
from dashboard.data import Key
from dashboard.selection import IN_URL, Place
from store.predicates import Quantity
from store.queries import Search, Selection, Sort

_PER_PAGE = 24
_ID = "image id"


def show(place: Place) -> None:
    """Draw the page."""
    key = place.published
    top = int(data.run_row(key)["n_layers"])
    with st.sidebar:
        search = _search(top)
    predicates = filters.choose(key, place.condition, top)
    chosen = Selection(predicates, search, place.condition)
    count = data.count(key, chosen)
    with st.sidebar:
        sort = _sort(key, top)
    total = data.count(key, Selection(condition=place.condition))
    plain.line(f"{count:,} of {total:,} images")
    selection.show_notes()
    if count == 0:
        plain.line("No image fits. Take a filter away, or move its threshold.")
        return
    pages = math.ceil(count / _PER_PAGE)
    if st.session_state.get("page", 1) > pages:
        st.session_state["page"] = pages
    grid = st.container()
    foot, export = st.columns([3, 1.2], vertical_alignment="center")
    with foot:
        number = st.pagination(pages, key="page", bind=IN_URL) if pages > 1 else 1
    with grid:
        cards.show(key, data.page(key, chosen, sort, _PER_PAGE, (number - 1) * _PER_PAGE),
                   words.title(sort.quantity.metric, sort.quantity.against) if sort else None)
    with export:
        _export(key, chosen, sort)


def _search(top: int) -> Search | None:
    found = st.text_input("Search in captions", key="find", bind=IN_URL, type="search",
                          placeholder="words of a caption")
    options = ["any layer", *(f"layer {number}" for number in range(top, -1, -1))]
    selection.note_unknown("find_in", options, "the layer to search in")
    where = st.selectbox("Search in", options, key="find_in", bind=IN_URL)
    if not found.strip():
        return None
    return Search(found, None if where == options[0] else int(where.split()[1]))


def _sort(key: Key, top: int) -> Sort | None:
    names = [_ID, *data.quantities(key)]
    selection.note_unknown("sort", [_named(name) for name in names], "the order")
    name = st.selectbox("Sort by", names, key="sort", bind=IN_URL, format_func=_named)
    if name == _ID:
        return None
    quantity = filters.named(name)
    layer: int | None = None
    if data.has_layers(quantity):
        options = ["any layer", *(f"layer {number}" for number in range(top, -1, -1))]
        where = st.selectbox("at", options, key="sort_at", bind=IN_URL)
        layer = None if where == options[0] else int(where.split()[1])
    down = st.segmented_control("Order", ("largest", "least"), default="largest", required=True,
                                 key="order", bind=IN_URL) == "largest"
    return Sort(Quantity(quantity.metric, quantity.against, layer), down)


def _named(name: str) -> str:
    return name if name == _ID else words.title(*name.split(":"))


def _export(key: Key, chosen: Selection, sort: Sort | None) -> None:
    with st.popover("Export", icon=":material/download:", width="stretch"):
        plain.line("All images that fit, with the values that the filters look at.", "small")
        st.download_button("CSV", lambda: data.export(key, chosen, sort).to_csv(index=False),
                           "peel-images.csv", "text/csv", on_click="ignore", width="stretch")
        st.download_button("Parquet", lambda: data.export(key, chosen, sort).to_parquet(
            index=False), "peel-images.parquet", on_click="ignore", width="stretch")
