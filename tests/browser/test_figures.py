"""Figures, film strips and reports in a real browser."""

import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from dashboard import report
from store import open_run
from store.disk.runs import list_runs
from tests.browser.driving import choose, picture, settled, violations, window
from tests.serving import serve
from tests.synthetic import make_run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edited")
    make_run(folder, "edited", n_images=8, n_layers=6, n_heads=3, grid=(8, 8), conditions=True)
    return folder


@pytest.fixture(scope="module")
def address(edited, tmp_path_factory):
    with serve(edited, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


def strip(tab):
    return tab.locator('img[alt^="The picture\'s attention map"]')


def test_the_film_of_a_link_is_a_file(tab, address, tmp_path):
    tab.goto(f"{address}/figures?image=img00001&film=1-4")
    settled(tab)
    assert "layers 1: " in strip(tab).get_attribute("alt")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="PNG").first.click()
    file = tmp_path / "film.png"
    download.value.save_as(file)
    assert download.value.suggested_filename == "peel-film-img00001.png"
    with Image.open(file) as image:
        assert image.width > 1000


def test_choosing_layers_writes_them_into_the_link(tab, address):
    tab.goto(f"{address}/image?image=img00001&film=1-4")
    settled(tab)
    choose(tab.locator("[data-testid=stMultiSelect]:visible").get_by_role("combobox"), "5")
    expect(tab).to_have_url(re.compile("film=1-4-5"))
    settled(tab)
    assert "; 5: " in strip(tab).get_attribute("alt")
    tab.goto(tab.url)
    settled(tab)
    assert "; 5: " in strip(tab).get_attribute("alt")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_asks_for_nothing_is_accessible_and_fits(browser, edited, tmp_path, width):
    with open_run(list_runs(edited)[0]) as run:
        file = tmp_path / "report.html"
        file.write_text(report.report(run), encoding="utf-8")
    with window(browser, width) as context:
        tab = context.new_page()
        asked = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(file.as_uri())
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        # Its policy lets no script in, not even the one that checks: without it, the same page.
        tab.set_content(file.read_text(encoding="utf-8").replace("default-src 'none';", ""))
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            assert violations(tab) == []
            picture(tab, f"report-{width}-{scheme}")
