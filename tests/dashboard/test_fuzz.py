"""Links that nobody would write: every page, every parameter, nonsense and malice."""

import random
import re
import sys
import tomllib
from pathlib import Path

import pytest

from dashboard.widgets.parameters import PARAMETERS
from store.disk.runs import list_runs
from tests import synthetic
from tests.dashboard.opening import APP, app
from tests.hostile_names import NAMES

ROOT = Path(__file__).parents[2]
PAGES = tuple(re.findall(r'url_path="(\w+)"', APP.read_text(encoding="utf-8")))
VALUES = (
    "",
    " ",
    "-1",
    "0",
    "1e309",
    "nan",
    "-inf",
    "9" * 400,
    "null",
    "[]",
    "{}",
    "true",
    "None",
    "../../../etc/passwd",
    "/etc/passwd",
    "..%2f..%2fsecret",
    "../secret",
    "a\x00b",
    "\u202e",
    "' OR 1=1 --",
    '"; DROP TABLE image; --',
    "read_text('/etc/passwd')",
    "<script>alert(1)</script>",
    "map_shift@99>nan",
    "map_shift@-1>1",
    "map_shift>>1",
    "rouge_l:final@2<",
    "|map_shift|>1e309",
    ";" * 60,
    "|" * 60,
    "@",
    "n_tokens>=0;" * 20,
    "layer 5",
    "layer -5",
    "mean",
    "attention",
    "5",
    "\x1b[31m",
    "%s{}{0}",
    "\U0001f9ff" * 50,
    "(" * 200,
    "[a](javascript:alert(1))",
    "baseline",
)
opened: list[str] = []
watching = False


def _see(event, arguments):
    if watching and event == "open" and isinstance(arguments[0], str):
        opened.append(arguments[0])


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One plain run with everything, one whose images have hostile names."""
    above = tmp_path_factory.mktemp("fuzz")
    folder = above / "results"
    synthetic.make_run(folder, "one", n_images=4, n_layers=4, n_heads=2, conditions=True)
    patch = pytest.MonkeyPatch()
    patch.setattr(synthetic, "image_id", lambda i: NAMES[i])
    synthetic.make_run(folder, "two", n_images=len(NAMES))
    patch.undo()
    synthetic.make_run(above / "secret", "three", n_images=2)
    sys.addaudithook(_see)
    return folder


def visit(page, query, results, monkeypatch):
    """Open a page; returns its texts, after a look at what must never be."""
    global watching
    monkeypatch.setenv("PEEL_RESULTS", str(results))
    at = app(page, query)
    opened.clear()
    watching = True
    try:
        at.run()
    finally:
        watching = False
    assert not at.exception, (query, [e.value for e in at.exception])
    text = "\n".join(
        [
            *(element.proto.body for element in at.get("html")),
            *(element.value for element in (*at.markdown, *at.error, *at.header)),
        ]
    )
    assert "Traceback" not in text, query
    assert "root:x:0" not in text
    assert not [path for path in opened if "/secret/" in path or path == "/etc/passwd"]
    return text


@pytest.mark.parametrize("page", PAGES)
def test_no_link_breaks_a_page(results, monkeypatch, page):
    runs = [run.name for run in list_runs(results)]
    before = sorted(path for path in results.rglob("*"))
    chance = random.Random(page)
    for i in range(6):
        query = {key: chance.choice(VALUES) for key in PARAMETERS if chance.random() < 0.7}
        query |= {"run": runs[i % 2]} if i else {}
        text = visit(page, query, results, monkeypatch)
        assert text.strip(), query
    assert sorted(path for path in results.rglob("*")) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_of_any_name_has_its_page(results, monkeypatch, name):
    run = list_runs(results)[1].name
    visit("image", {"run": run, "image": name}, results, monkeypatch)


def test_the_server_listens_to_this_machine_alone():
    config = tomllib.loads((ROOT / ".streamlit/config.toml").read_text(encoding="utf-8"))
    assert config["server"]["address"] == "127.0.0.1"
    assert "0.0.0.0" not in (ROOT / "Makefile").read_text(encoding="utf-8")
