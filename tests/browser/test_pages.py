"""Every page on a desk and on a phone, by day and by night: whole, quiet and accessible."""

import re

import pytest

from store.publish import publish
from tests.browser.driving import day_and_night, picture, violations, window
from tests.serving import serve
from tests.synthetic import make_run
from tests.synthetic_maps import write_maps

pytestmark = pytest.mark.browser

PAGES = (
    "",
    "image",
    "layers",
    "judge",
    "interventions",
    "robustness",
    "patching",
    "heads",
    "maps",
    "image?word=6-1",
    "pruning",
    "compare",
    "figures",
    "runs",
)
SECTIONS = ("captions", "grounding", "settles", "attention")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    run = make_run(
        folder, "pages", n_images=8, n_layers=6, n_heads=3, grid=(8, 8), conditions=True,
        publish=False,
    )  # fmt: skip
    write_maps(run)
    publish(run)
    with serve(folder, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty")
    with serve(folder, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


@pytest.fixture(scope="module", params=[1280, 390])
def screen(request, browser):
    """A tab, and its width."""
    with window(browser, request.param) as context:
        yield context.new_page(), request.param


def look(screen, address, path, name):
    """Open a page; what is wrong with it by day and by night, in words."""
    tab, width = screen
    problems, asked = [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{address}/{path}")
    for scheme in day_and_night(tab):
        picture(tab, f"{name}-{width}-{scheme}")
        wide = tab.evaluate(
            "Math.max(document.documentElement.scrollWidth, "
            "document.querySelector('.stMain').scrollWidth) - innerWidth"
        )
        problems += [f"{scheme}: {wide} pixels too wide"] if wide > 0 else []
        problems += ["an exception"] * tab.locator("[data-testid=stException]").count()
        others = {url for url in asked if not url.startswith((address, "data:", "blob:"))}
        problems += [f"{scheme}: asks {url}" for url in sorted(others)]
        if (width, scheme) != (390, "dark"):  # each width and scheme, not each pair
            problems += [f"{scheme}: {rule}" for rule in violations(tab)]
    return problems


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_whole_quiet_and_accessible(screen, address, page):
    assert look(screen, address, page, f"page-{re.sub(r'[^a-z]+', '-', page) or 'images'}") == []


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_of_the_layers_fits(screen, address, section):
    assert look(screen, address, f"layers?section={section}", f"page-layers-{section}") == []


@pytest.mark.parametrize("page", ["", "layers", "runs"])
def test_an_empty_folder_says_what_to_do(screen, empty, page):
    assert look(screen, empty, page, f"empty-{page or 'images'}") == []
    assert screen[0].locator(".stCode", has_text="make demo").is_visible()
