"""Pages of the dashboard without a browser."""

import html
import json
import math
import re
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
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


def sent_to(at, component):
    """The bytes that a page's components of a name were sent."""
    return [
        element.proto.bytes
        for element in at.get("bidi_component")
        if element.proto.component_name == component
    ]


def unpacked(packed):
    """Header and arrays of a payload, read byte by byte."""
    size = int.from_bytes(packed[:4], "little")
    header = json.loads(packed[4 : 4 + size])
    arrays = {}
    for name, at in header["arrays"].items():
        start = 4 + size + at["offset"]
        assert start % 4 == 0
        count = math.prod(at["shape"])
        arrays[name] = np.frombuffer(packed, f"<{at['kind']}", count, start).reshape(at["shape"])
    return header, arrays


def gallery(at):
    """Header and arrays of the pictures under the slider; None where the page has none."""
    sent = sent_to(at, "peel_gallery")
    return unpacked(sent[0]) if sent else None


def words(at):
    """All text of a page, our own HTML and the captions under the slider included."""
    ours = [element.proto.body for element in at.get("html")]
    if pictures := gallery(at):
        header, _ = pictures
        for tile in header["tiles"]:
            ours += map(html.escape, [tile["texts"][header["layer"]] or "", *tile["lines"]])
    return "\n".join(
        [*ours, *(element.value for element in (*at.markdown, *at.header, *at.subheader, *at.code))]
    )


def opened(at):
    """Where the links lead that open a picture: their parameters."""
    links = [link.proto for link in at.get("page_link")]
    queries = [link.query_string for link in links if link.label == "Open"]
    if pictures := gallery(at):
        queries += [tile["query"] for tile in pictures[0]["tiles"]]
    return [dict(parse_qsl(query)) for query in queries]


def count(at):
    """How many of the 14 images of `edited` the Images page says that it shows."""
    return int(re.search(r"(\d+) of 14 images", words(at))[1])
