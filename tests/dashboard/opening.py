"""Pages of the dashboard without a browser."""

import re
from pathlib import Path
from urllib.parse import parse_qsl

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
PAGES = ("images", "image", "layers", "interventions", "heads", "maps", "pruning", "runs")


def app(page="images", query=()):
    """A page that is opened by `run`: of the results folder that PEEL_RESULTS names then."""
    at = AppTest.from_file(str(APP), default_timeout=60)
    at.query_params.update(query)
    # AppTest.switch_page knows pages of files alone.
    at._page_hash = "" if page == "images" else calc_hash(page)
    return at


def words(at):
    """All text of a page, our own HTML included."""
    ours = [element.proto.body for element in at.get("html")]
    return "\n".join(
        [*ours, *(element.value for element in (*at.markdown, *at.header, *at.subheader, *at.code))]
    )


def opened(at):
    """Where the links lead that open a picture: their parameters."""
    return [
        dict(parse_qsl(link.proto.query_string))
        for link in at.get("page_link")
        if link.proto.label == "Open"
    ]


def count(at):
    """How many of the 14 images of `edited` the Images page says that it shows."""
    return int(re.search(r"(\d+) of 14 images", words(at))[1])
