"""The part of the page Layers that lays readers beside each other: read, present, nothing shown."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard.data import run as run_data
from dashboard.figures import display
from dashboard.figures import translators as reader_figures
from dashboard.figures.paper import About
from dashboard.widgets import menus
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place


def translators(place: Place) -> list[str]:
    """The translators that the run's layers are read by."""
    return reader_figures.names(partial(run_data.asked, place.published))


def show(place: Place, names: Sequence[str]) -> None:
    """Draw the figures of the chosen translators.

    Args:
        place: the run.
        names: of all its translators, one at least.
    """
    ask = partial(run_data.asked, place.published)
    chosen = names[0]
    if len(names) > 1:
        chosen = menus.menu("Translators", names, name="translators", look="segments")
    about = About(place.run.name, class_token=run_data.class_token(place.published))
    shown = display.made(place.published, reader_figures.reading, about, chosen)
    if not shown:
        plain_text.line(
            "These captions have no grounded gain: it needs references or labels, and a metric "
            "against them under [score].",
            "small",
        )
        return
    roles = reader_figures.roles(ask, chosen)
    gain = reader_figures.gain_of(ask, roles)
    first, *others = shown
    with st.container(border=True):
        display.show(first)
    if gain is not None:
        plain_text.line("Where grounding sets in, by each reader", "heading")
        plain_text.facts(reader_figures.onsets(ask, roles, gain))
    for pair in (others[i : i + 2] for i in range(0, len(others), 2)):
        for column, figure in zip(st.columns(2, gap="medium"), pair, strict=False):
            with column.container(border=True, height="stretch"):
                display.show(figure)
