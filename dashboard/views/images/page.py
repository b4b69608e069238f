"""All pictures: filter, sort, search, and open one."""

import math
from collections.abc import Callable

import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import metrics
from dashboard.views.image import similar
from dashboard.views.images import filters, scrubbed
from dashboard.views.images.right import measure
from dashboard.widgets import groups, link, menus, notes
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from dashboard.widgets.thumbnail import thumbnail
from store.query import Export, Order, Quantity, Search, Selection, Sort

_PER_PAGE = 24
_ID = "id"
_ANY = "any"  # layer


def show(place: Place) -> None:
    """Draw the page."""
    with link.notes_above():
        _draw(place, place.published)


def _draw(place: Place, key: Key) -> None:
    top = int(run_data.run_row(key)["n_layers"])
    with st.sidebar:
        search = _search(top)
        picked = groups.choose(key)
        tag = notes.choose_tag(key)
    predicates = filters.choose(key, place.condition, top)
    chosen = Selection(predicates, search, place.condition, notes.tagged(key, tag), **picked)
    count = run_data.count(key, chosen)
    order: Order | None = _alike(key, place.condition)
    if order is None:
        with st.sidebar:
            order = _sort(key, top)
    total = run_data.count(key, Selection(condition=place.condition))
    named = "; ".join(" or ".join(values) for values in picked.values() if values)
    plain_text.line(f"{count:,} of {total:,} images{f' of {named}' if named else ''}")
    if count == 0:
        plain_text.line(
            "No image fits. Take a filter, a category or the search away, or move an interval."
        )
        return
    grid = st.container()
    foot, export = st.columns([3, 1.2], vertical_alignment="center")
    with foot:
        number = menus.pages(math.ceil(count / _PER_PAGE), "page")
    rows = run_data.page(key, chosen, order, _PER_PAGE, (number - 1) * _PER_PAGE)
    with grid:
        under = notes.under(key, list(rows["image_id"]))
        right = measure(key, predicates, top)
        start = filters.one_layer(predicates)
        scrubbed.show(key, rows, chosen, right, start, _title(order), under)
    with export:
        _export(
            lambda: run_data.export(
                key, chosen, order, notes.everything(key), **({} if tag is None else {"tag": tag})
            )
        )


def _search(top: int) -> Search | None:
    text = menus.text(
        "Search in captions",
        name="find",
        placeholder="words of a caption",
        icon=":material/search:",
    )
    layer = _layer("Search in", top, "find_in")
    return Search(text, layer) if text.strip() else None


def _alike(key: Key, condition: str) -> Order | None:
    """Draw to which image the others are compared, if the link names one; that order."""
    asked = link.asked("similar_to")
    if asked is None:
        return None
    by = similar.order(key, condition, asked)
    row = run_data.image(key, asked)
    if by is None or row is None:
        link.note(
            f"There is no image “{asked[:80]}” in this run to compare others with."
            if row is None
            else "The captions of this condition were not scored "
            "against those of the layer below, by which images are compared."
        )
        return None
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.image(thumbnail(key, asked), width=64, alt=f"Picture {asked} as the model saw it.")
        with st.container():
            plain_text.line(f"Those most like {asked} first")
            plain_text.line(similar.MEANING, "small")
        st.button(
            "Another order",
            icon=":material/close:",
            type="tertiary",
            on_click=link.write,
            kwargs={"similar_to": None, "page": None},
        )
    return by


def _sort(key: Key, top: int) -> Sort | None:
    names = [_ID, *run_data.quantities(key)]
    name = menus.menu("Sort by", names, name="sort", shown=_named)
    if name == _ID:
        return None
    quantity = filters.named(name)
    plain_text.line(metrics.word(quantity.metric).meaning, "small")
    layer = _layer("at", top, "sort_at") if run_data.has_layers(quantity) else None
    down = (
        menus.menu(
            "Order",
            ("largest", "least"),
            name="order",
            look="segments",
        )
        == "largest"
    )
    return Sort(Quantity(quantity.metric, quantity.against, layer), down)


def _layer(label: str, top: int, name: str) -> int | None:
    """Draw the choice of a layer; None for any."""
    chosen = menus.menu(
        label,
        [_ANY, *map(str, range(top, -1, -1))],
        name=name,
        shown=lambda layer: "any layer" if layer == _ANY else f"layer {layer}",
    )
    return None if chosen == _ANY else int(chosen)


def _named(name: str) -> str:
    return "image id" if name == _ID else metrics.title(*name.rsplit(":", 1))


def _title(order: Order | None) -> str | None:
    """What cards call the number that they are sorted by."""
    if isinstance(order, Sort):
        return metrics.title(order.quantity.metric, order.quantity.against)
    return None if order is None else "distance"


def _export(made: Callable[[], Export]) -> None:
    with st.popover("Export", icon=":material/download:", width="stretch"):
        plain_text.line(
            "All images that fit, in this order, with the values that the filters look at, "
            "tags and notes, and the query that made the list.",
            "small",
        )
        st.download_button(
            "CSV",
            lambda: made().csv(),
            "peel-images.csv",
            "text/csv",
            on_click="ignore",
            width="stretch",
        )
        plain_text.line(
            "Its first line is the query (pandas: skiprows=1). A text that a spreadsheet "
            "would run as a formula begins with an apostrophe.",
            "small",
        )
        st.download_button(
            "Parquet",
            lambda: made().parquet(),
            "peel-images.parquet",
            on_click="ignore",
            width="stretch",
        )
        plain_text.line(
            "Texts as they are; the query is in the metadata, under peel.query.", "small"
        )
