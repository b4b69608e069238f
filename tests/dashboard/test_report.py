import base64
import csv
import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dashboard import report
from store import open_run
from store.disk.runs import list_runs
from tests.dashboard.test_injection import HOSTILE, make_hostile_run
from tests.synthetic import make_run

VOID = {"meta", "img"}
LINKS = {"src", "href", "srcset", "action", "data", "poster", "background", "style"}


class Page(HTMLParser):
    """Tags, attributes and text; fails where tags do not close as they open."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def urls(page):
    return [value for _, name, value in page.attributes if name in LINKS]


def decoded(url):
    return base64.b64decode(url.partition(",")[2]).decode()


@pytest.fixture(scope="module")
def made(edited):
    with open_run(list_runs(edited)[0]) as run:
        return report.report(run), run.run_id


def test_nothing_outside_the_file_is_referred_to(made):
    page = Page(made[0])
    assert "script" not in page.tags and "link" not in page.tags and "iframe" not in page.tags
    assert all(url.startswith(("data:", "#")) for url in urls(page))
    assert "default-src 'none'" in made[0]
    outside = re.compile(r"url\((?!#)|@import|https?://(?!www\.w3\.org/)")
    assert not outside.search(made[0])
    for url in urls(page):
        if url.startswith("data:image/svg"):
            svg = decoded(url)
            ET.fromstring(svg)
            assert not outside.search(svg)
            assert all(
                target.startswith(("data:", "#")) for target in re.findall(r'href="([^"]*)"', svg)
            )


def test_it_has_figures_their_numbers_pictures_and_provenance(made):
    text, run_id = made
    page = Page(text)
    text = " ".join(page.text)
    for part in (
        run_id,
        "Figure 2",
        "Figure 6",
        "Table 1",
        "Figure 3: no CIDEr",
        "img00000",
        "img00003",
        "weights sha256",
        "The first 4 by their ids",
    ):
        assert part in text
    assert "img00004" not in text
    tables = [
        list(csv.reader(io.StringIO(decoded(url))))
        for url in urls(page)
        if url.startswith("data:text/csv")
    ]
    assert len(tables) == 4
    assert all(len(table) > 1 for table in tables)
    assert all(value for tag, name, value in page.attributes if tag == "img" and name == "alt")


def test_layers_in_the_papers_numbers(edited):
    with open_run(list_runs(edited)[0]) as run:
        text = report.report(run, ["img00002"], paper=True)
    text = " ".join(Page(text).text)
    assert "Chosen for this report" in text
    assert "layer 5" in text
    assert "layer 6" not in text  # of 6 blocks the last is 5


def test_hostile_text_is_text(tmp_path):
    make_hostile_run(tmp_path)
    with open_run(list_runs(tmp_path)[0]) as run:
        text = report.report(run)
    page = Page(text)
    assert set(page.tags) <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "h1",
        "h2",
        "h3",
        "p",
        "nav",
        "a",
        "figure",
        "div",
        "img",
        "figcaption",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "dl",
        "dt",
        "dd",
        "ul",
        "li",
    }
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    text = " ".join(page.text)
    assert all(hostile in text for hostile in HOSTILE)


def test_a_run_with_nothing_but_captions(tmp_path):
    with open_run(make_run(tmp_path, n_images=1)) as run:
        text = " ".join(Page(report.report(run)).text)
    assert "Table 1: no heads were pruned" in text


def test_the_command_writes_the_file_and_says_what_is_wrong(edited, tmp_path, capsys):
    file = tmp_path / "out.html"
    assert report.main(["edited", "--results", str(edited), "-o", str(file)]) == 0
    Page(file.read_text(encoding="utf-8"))
    assert str(file) in capsys.readouterr().out
    assert report.main(["nobody", "--results", str(edited)]) == 1
    assert "expected one run named 'nobody'" in capsys.readouterr().err
    assert report.main(["edited", "--results", str(edited), "--image", "nope"]) == 1
    assert "'nope'" in capsys.readouterr().err


def test_it_needs_no_torch(edited, tmp_path):
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from dashboard import report; sys.exit(report.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            "edited",
            "--results",
            str(edited),
            "-o",
            str(tmp_path / "out.html"),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
