"""The real server and a real browser: what one does is seen on the screen and kept in the link."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from store.runs import list_runs
from tests.dashboard.test_injection import HOSTILE, make_hostile_run
from tests.synthetic import make_run

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "screenshots"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder of PEEL_RESULTS (the gate sets it to the demo's), else a synthetic run."""
    if "PEEL_RESULTS" in os.environ:
        return Path(os.environ["PEEL_RESULTS"]).resolve()
    folder = tmp_path_factory.mktemp("results")
    make_run(folder, "synthetic", n_images=30, n_layers=6, n_heads=4, grid=(8, 8))
    return folder


@contextmanager
def serve(results, log):
    """The address of the dashboard, served as `make dashboard` does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.address",
             "127.0.0.1", "--server.port", str(port), "--server.headless", "true"],
            cwd=ROOT, env={**os.environ, "PEEL_RESULTS": str(results), "PYTHONPATH": "."},
            stdout=out, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(f"{address}/_stcore/health", process, log)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="module")
def server(results, tmp_path_factory):
    with serve(results, tmp_path_factory.mktemp("server") / "log") as address:
        yield address


def _wait_until_healthy(url, process, log):
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"no answer from {url}: {log.read_text()}")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser):
    """A new context is a new user data folder: nothing is remembered."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        yield context.new_page()


def settled(tab):
    """Wait until no script runs, so that what is seen is the answer."""
    expect(tab.locator("[data-testid=stApp]")).to_have_attribute("data-test-script-state",
                                                                 "notRunning")
    expect(tab.locator("[data-testid=stSkeleton]")).to_have_count(0)
    tab.wait_for_timeout(500)


def picture(tab, name):
    SCREENSHOTS.mkdir(exist_ok=True)
    tab.screenshot(path=SCREENSHOTS / f"{name}.png")


def cards(tab):
    return tab.locator("[data-testid=stPageLink-NavLink]:visible", has_text="Open")


def chosen_row(tab):
    return tab.locator(".row[aria-current=true]")


def test_a_filter_leaves_fewer_images_and_a_link_that_reopens_them(tab, server, browser):
    tab.goto(server)
    count = tab.get_by_text(re.compile(r"^\d+ of \d+ images$"))
    expect(count).to_be_visible()
    everything = count.inner_text()
    tab.get_by_role("textbox", name="Filters").fill("rouge_l:final@1<0.9;attn_entropy>=0")
    tab.keyboard.press("Enter")
    expect(count).not_to_have_text(everything)
    expect(tab.locator("[data-testid=stVegaLiteChart]")).to_have_count(2)
    settled(tab)
    picture(tab, "images-filtered")
    filtered = count.inner_text()
    expect(tab).to_have_url(re.compile("filter="))
    with browser.new_context(viewport={"width": 1280, "height": 800}) as other:
        again = other.new_page()
        again.goto(tab.url)
        expect(again.get_by_text(filtered)).to_be_visible()
        expect(again.get_by_role("textbox", name="Filters")).to_have_value(
            "rouge_l:final@1<0.9;attn_entropy>=0")


def test_search_and_order_change_the_cards(tab, server):
    tab.goto(server)
    expect(cards(tab).first).to_be_visible()
    links = [link.get_attribute("href") for link in cards(tab).all()]
    tab.get_by_label("Search in captions").fill(" next to a ")
    tab.keyboard.press("Enter")
    expect(tab).to_have_url(re.compile("find="))
    # The list draws only what fits: typing brings the wanted line into it.
    tab.get_by_role("combobox", name=re.compile("Sort by")).click()
    tab.keyboard.type("Map shift")
    tab.get_by_role("option", name="Map shift").click()
    expect(tab.get_by_text(re.compile("^Map shift: ")).first).to_be_visible()
    settled(tab)
    assert [link.get_attribute("href") for link in cards(tab).all()] != links


def test_a_card_opens_its_image_and_the_layer_moves_every_panel(tab, server, browser):
    tab.goto(server)
    cards(tab).nth(1).click()
    expect(chosen_row(tab)).to_be_visible()
    expect(tab).to_have_url(re.compile(r"image\?.*image="))
    expect(tab.get_by_text(re.compile("the cell with the largest effect"))).to_be_visible()
    settled(tab)
    picture(tab, "image")
    overlay = tab.locator("[data-testid=stVegaLiteChart]").nth(1)
    before = overlay.screenshot()
    layer = 2 if chosen_row(tab).get_attribute("data-layer") != "2" else 3
    tab.locator(f".row[data-layer='{layer}']").click()
    expect(chosen_row(tab)).to_have_attribute("data-layer", str(layer))
    expect(tab).to_have_url(re.compile(f"layer={layer}"))
    settled(tab)
    assert overlay.screenshot() != before
    slider = tab.get_by_role("slider", name=re.compile("Layer"))
    expect(slider).to_have_value(str(layer))
    slider.press("ArrowRight")
    expect(chosen_row(tab)).to_have_attribute("data-layer", str(layer + 1))
    expect(tab).to_have_url(re.compile(f"layer={layer + 1}"))
    with browser.new_context(viewport={"width": 1280, "height": 800}) as other:
        again = other.new_page()
        again.goto(tab.url)
        expect(chosen_row(again)).to_have_attribute("data-layer", str(layer + 1))
        expect(again.locator(".row").first).to_have_text(
            tab.locator(".row").first.inner_text().replace("\n", ""), use_inner_text=False)


def test_cells_points_and_the_back_button(tab, server, results):
    run = list_runs(results)[0].name
    tab.goto(f"{server}/image?run={run}&layer=1&head=0")
    expect(chosen_row(tab)).to_have_attribute("data-layer", "1")
    settled(tab)
    matrix = tab.locator("[data-testid=stVegaLiteChart]").first
    matrix.locator("path[aria-label*='layer: 3'][aria-label*='head: 1']").first.click()
    expect(chosen_row(tab)).to_have_attribute("data-layer", "3")
    expect(tab).to_have_url(re.compile(r"layer=3.*head=1|head=1.*layer=3"))
    settled(tab)
    curve = tab.locator("[data-testid=stVegaLiteChart]").last
    curve.scroll_into_view_if_needed()
    # The first path of that label is the line itself; the points come after it.
    curve.locator("path[aria-label*='; layer: 0;']").nth(1).click(force=True)
    expect(chosen_row(tab)).to_have_attribute("data-layer", "0")
    expect(tab.get_by_text("no attention yet")).to_be_visible()
    picture(tab, "image-layer-0")
    tab.go_back()
    expect(chosen_row(tab)).to_have_attribute("data-layer", "3")


def test_another_image_starts_at_its_own_strongest_cell(tab, server):
    tab.goto(server)
    cards(tab).nth(0).click()
    expect(chosen_row(tab)).to_be_visible()
    tab.locator(".row[data-layer='0']").click()
    expect(tab).to_have_url(re.compile("layer=0"))
    tab.get_by_test_id("stSidebar").get_by_role("button", name="Next").click()
    expect(tab.get_by_text("no attention yet")).to_be_visible()
    tab.get_by_role("link", name="Images").click()
    cards(tab).nth(2).click()
    expect(tab.get_by_text(re.compile("the cell with the largest effect"))).to_be_visible()
    assert "layer=" not in tab.url


@pytest.mark.parametrize("page", ["layers", "runs"])
def test_the_other_pages_are_drawn(tab, server, page):
    tab.goto(f"{server}/{page}")
    expect(tab.get_by_role("heading", name=page.capitalize(), exact=True)).to_be_visible()
    settled(tab)
    expect(tab.locator("[data-testid=stException]")).to_have_count(0)
    picture(tab, page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_screen(browser, server, scheme, width):
    with browser.new_context(viewport={"width": width, "height": 800},
                             color_scheme=scheme) as context:
        tab = context.new_page()
        for page in ("", "image", "layers", "runs"):
            tab.goto(f"{server}/{page}")
            expect(tab.locator(".stMain img, .stMain canvas, .stMain svg").first).to_be_visible()
            settled(tab)
            picture(tab, f"{page or 'images'}-{width}-{scheme}")
            over = tab.evaluate("document.querySelector('.stMain').scrollWidth - innerWidth")
            assert over <= 0, f"{page or 'images'} is {over} pixels wider than {width}"


def test_hostile_captions_are_seen_as_they_are_written(tab, tmp_path):
    make_hostile_run(tmp_path / "results")
    with serve(tmp_path / "results", tmp_path / "log") as address:
        for page in ("", "image"):
            tab.goto(f"{address}/{page}")
            expect(tab.locator(".stMain img").first).to_be_visible()
            settled(tab)
            # Layer 5, the last, says the second of them; the ladder says them all.
            for text in HOSTILE if page else HOSTILE[1:2]:
                expect(tab.locator(".stMain").get_by_text(text).first).to_be_attached()
            assert tab.title() == "Peel"
            assert tab.locator(".stMain a[href*='example.org'], .stMain strong").count() == 0
            picture(tab, f"hostile-{page or 'images'}")
