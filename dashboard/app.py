"""The router, the shared sidebar, and the one place where errors become sentences."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from dashboard.views import figures, judge, layers, maps, patching, pruning, robustness, runs
from dashboard.views.compare import page as compare_page
from dashboard.views.heads import page as heads_page
from dashboard.views.image import page as image_page
from dashboard.views.images import page as images_page
from dashboard.views.images import welcome
from dashboard.views.interventions import page as interventions_page
from dashboard.widgets import (
    copy_link,
    link,
    making,
    menus,
    navigation,
    problems,
    saved_views,
    turns,
)
from dashboard.widgets import text as plain_text
from store.errors import StoreError
from store.query import DatabaseError

_HERE = Path(__file__).parent
_SIDEBAR = 232  # pixels; the rest of 1280 holds matrix, map and captions side by side


def _page(show: Callable[[link.Place], None]) -> Callable[[], None]:
    def run() -> None:
        if place is None:
            problems.no_runs()
        else:
            show(place)

    return run


def _images(here: link.Place) -> None:
    # Nothing is looked for yet; who moves the slider goes on from here.
    if set(st.query_params.to_dict()) <= {*navigation.SHARED, "scrub", "overlay"}:
        welcome.show(here)
    images_page.show(here)


# An icon of Material as the page's own would be fetched from another host.
st.set_page_config(
    "Peel", page_icon=str(_HERE / "icon.svg"), layout="wide", initial_sidebar_state=_SIDEBAR
)
st.logo(_HERE / "peel.svg", size="large")
plain_text.narrow_margins()
one = st.Page(
    _page(image_page.show),
    title="Image",
    url_path="image",
    icon=":material/image:",
    help="One picture, layer by layer and head by head.",
)
st.session_state["image_page"] = one  # where cards lead
first = st.Page(
    _page(_images),
    title="Images",
    url_path="",
    default=True,
    icon=":material/grid_view:",
    help="Browse, filter and sort the pictures.",
)
st.session_state["images_page"] = first
# The default page is at the root alone: a link to /images would find nothing.
alias = st.Page(lambda: None, title="Images", url_path="images", visibility="hidden")
pages = [
    first,
    one,
    st.Page(
        _page(layers.show),
        title="Layers",
        url_path="layers",
        icon=":material/show_chart:",
        help="The whole data set over layers.",
    ),
    st.Page(
        _page(judge.show),
        title="Judge",
        url_path="judge",
        icon=":material/gavel:",
        help="How a vision model scores the captions.",
    ),
    st.Page(
        _page(interventions_page.show),
        title="Interventions",
        url_path="interventions",
        icon=":material/tune:",
        help="What edits of the model do to its captions.",
    ),
    st.Page(
        _page(robustness.show),
        title="Robustness",
        url_path="robustness",
        icon=":material/blur_on:",
        help="What broken pictures do to captions, layer by layer.",
    ),
    st.Page(
        _page(patching.show),
        title="Patching",
        url_path="patching",
        icon=":material/swap_horiz:",
        help="What carries the difference between two pictures.",
    ),
    st.Page(
        _page(heads_page.show),
        title="Heads",
        url_path="heads",
        icon=":material/apps:",
        help="What each head does, and its caption.",
    ),
    st.Page(
        _page(maps.show),
        title="Maps",
        url_path="maps",
        icon=":material/map:",
        help="Which maps show where the model looked.",
    ),
    st.Page(
        _page(pruning.show),
        title="Pruning",
        url_path="pruning",
        icon=":material/content_cut:",
        help="Which heads a model can do without.",
    ),
    st.Page(
        _page(compare_page.show),
        title="Compare",
        url_path="compare",
        icon=":material/compare_arrows:",
        help="Two runs, or two conditions, image by image.",
    ),
    st.Page(
        _page(figures.show),
        title="Figures",
        url_path="figures",
        icon=":material/insert_chart:",
        help="The paper's figures of this run, as files.",
    ),
    st.Page(
        _page(runs.show),
        title="Runs",
        url_path="runs",
        icon=":material/inventory_2:",
        help="Where the numbers come from.",
    ),
]
page = st.navigation([*pages, alias], position="hidden")
if page is alias:  # before a widget claims a parameter of the link
    st.switch_page(first, query_params=st.query_params.to_dict())
with st.sidebar:
    ways = st.container(gap=None, key="ways")
place = None
try:
    with turns.turn():
        try:
            place = menus.choose_run()
        finally:  # the ways to other pages are there whatever is wrong with the run
            with ways:
                navigation.show(pages, page, place.run.name if place else None)
            making.show(place.run if place else None, place.key if place else None)
        page.run()
    with st.sidebar:
        copy_link.show()
        saved_views.show(pages, page)
except (StoreError, DatabaseError) as error:
    problems.show(error)
