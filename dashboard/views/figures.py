"""The paper's figures of the chosen run, each with its numbers and as a file."""

from functools import partial
from pathlib import Path

import streamlit as st

from dashboard.charts import condition_tables, maps, pruning_tables
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import display, patching, robustness
from dashboard.figures import paper as paper_figures
from dashboard.figures import translators as reader_figures
from dashboard.figures.paper import ABSENT, About, Ask, Figure
from dashboard.views.image import film_panel
from dashboard.widgets import copy_command, link, making, menus, picture
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from store.query import conditions as condition_queries
from store.query import judges as judge_queries
from store.schema import BASELINE


def show(place: Place) -> None:
    """Draw the page."""
    key = place.published
    with st.sidebar:
        image_id = menus.choose_image(key)
    st.header("Figures")
    with link.notes_above():
        paper = menus.choose_numbers()
        ask = partial(run_data.asked, key)
        about = About(place.run.name, place.condition, paper, run_data.class_token(key))
        making.partly(place.run, "What is missing here")
        if image_id is not None:
            _strip(key, image_id, about)
        _figure2(key, ask, about)
        _pair(display.made(key, paper_figures.figure3, about), "figure3")
        _figure5(key, ask, about)
        if image_id is not None:
            _figure6(key, ask, about, image_id)
        _table1(key, ask, about)
        _readers(key, ask, about)
        broken = display.made(key, robustness.robustness, about)
        for figure in [*broken, *display.made(key, patching.patching, about)]:
            with st.container(border=True):
                display.show(figure)
        _report(place.run)


def _strip(key: Key, image_id: str, about: About) -> None:
    with st.container(border=True):
        plain_text.line("One picture, layer by layer (the paper's Figure 1)", "heading")
        film_panel.show(key, image_id, about.condition, about.paper)
        plain_text.line(
            f"Picture {image_id}: {about.tower.map}, and the caption of each layer, words "
            f"that are new in it marked. {about.tower.no_a} {about.source}",
            "small",
        )


def _figure2(key: Key, ask: Ask, about: About) -> None:
    pairs = condition_tables.measures(ask(condition_queries.sweep_metrics))
    if not pairs:
        plain_text.line(ABSENT["figure2"], "small")
        return
    with st.container(border=True):
        measure = menus.measure("Measure of the last layer's captions", pairs, name="measure")
        _all(display.made(key, paper_figures.figure2, about, measure), ABSENT["figure2"])


def _figure5(key: Key, ask: Ask, about: About) -> None:
    judges = [str(name) for name in ask(judge_queries.judges, about.condition)["judge"]]
    if not judges:
        plain_text.line(ABSENT["figure5"], "small")
        return
    with st.container(border=True):
        judge = judges[0]
        if len(judges) > 1:
            judge = menus.menu("Judge", judges, name="judge")
        _all(
            display.made(key, paper_figures.figure5, about, judge),
            f"No reply of judge {judge} has a score.",
        )


def _all(shown: list[Figure], absent: str) -> None:
    for figure in shown:
        display.show(figure)
    if not shown:
        plain_text.line(absent, "small")


def _figure6(key: Key, ask: Ask, about: About, image_id: str) -> None:
    layers = [str(layer) for layer in ask(condition_queries.layers_with_head_captions)["layer"]]
    if not layers:
        plain_text.line(ABSENT["figure6"], "small")
        return
    with st.container(border=True):
        chosen = menus.menu(
            "Layer, in our numbers",
            layers,
            name="heads_at",
            default=layers[-1],
            look="segments",
        )
        display.show(_heads(key, ask, about, image_id, int(chosen)))


@st.cache_data(max_entries=16, show_spinner=False)
def _heads(key: Key, _ask: Ask, about: About, image_id: str, layer: int) -> Figure:
    tensors = run_data.tensors(key, image_id)
    texts = picture.texts_by_layer(key, image_id, BASELINE)
    return paper_figures.figure6_of(
        _ask,
        about,
        image_id,
        layer,
        tensors,
        maps.grid_of(tensors),
        texts,
    )


def _table1(key: Key, ask: Ask, about: About) -> None:
    rows = pruning_tables.pruned(ask(condition_queries.changes_of_kind, "prune"))
    if rows.empty:
        plain_text.line(ABSENT["table1"], "small")
        return
    groups = sorted(rows["group"].unique())
    group = groups[0]
    if len(groups) > 1:
        group = menus.menu("Pruning", groups, name="group", look="segments")
    counts = [str(n) for n in sorted(rows.loc[rows["group"] == group, "n_pruned"].unique())]
    count = menus.menu(
        "Heads pruned",
        counts,
        name="pruned",
        default=counts[len(counts) // 2],
        look="segments",
    )
    for figure in display.made(key, paper_figures.table1, about, group, int(count)):
        with st.container(border=True):
            display.show(figure)


def _readers(key: Key, ask: Ask, about: About) -> None:
    names = reader_figures.names(ask)
    if not names:
        plain_text.line(reader_figures.ABSENT, "small")
        return
    chosen = names[0]
    if len(names) > 1:
        chosen = menus.menu("Translators", names, name="translators", look="segments")
    for figure in display.made(key, reader_figures.reading, about, chosen):
        with st.container(border=True):
            display.show(figure)


def _pair(shown: list[Figure], name: str) -> None:
    if not shown:
        plain_text.line(ABSENT[name], "small")
        return
    for column, figure in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
        with column.container(border=True, height="stretch"):
            display.show(figure)


def _report(run: Path) -> None:
    st.subheader("All of it in one file")
    plain_text.line(
        "Figures, film strips and provenance in one HTML page that needs no server and no network:",
        "small",
    )
    copy_command.show(f"python -m dashboard.report {run.name}")
