"""Every page on a desk and on a phone, by day and by night: whole, quiet and accessible."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.driving import picture, serve, settled, window
from tests.synthetic import make_run

pytestmark = pytest.mark.browser

PAGES = ("", "image", "layers", "judge", "interventions", "heads", "pruning", "compare", "figures",
         "runs")
ROOMS = ("said", "own", "settles", "looks")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    make_run(folder, "pages", n_images=8, n_layers=6, n_heads=3, grid=(8, 8), conditions=True)
    with serve(folder, tmp_path_factory.mktemp("server") / "log") as found:
        yield found


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty")
    with serve(folder, tmp_path_factory.mktemp("server") / "log") as found:
        yield found


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")],
                ids=lambda param: "-".join(map(str, param)))
def screen(request, browser):
    """A tab, and what its screen is called."""
    width, scheme = request.param
    with window(browser, width, scheme) as context:
        yield context.new_page(), f"{width}-{scheme}"


def look(tab, address, path, name):
    """Open a page; what is wrong with it, in words."""
    tab.goto(f"{address}/{path}")
    settled(tab)
    picture(tab, name)
    wide = tab.evaluate("Math.max(document.documentElement.scrollWidth, "
                        "document.querySelector('.stMain').scrollWidth) - innerWidth")
    found = [f"{wide} pixels too wide"] if wide > 0 else []
    found += ["an exception"] * tab.locator("[data-testid=stException]").count()
    return found + [f"{rule['id']}: {node['html'][:150]}"
                    for rule in Axe().run(tab).response["violations"] for node in rule["nodes"]]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_whole_quiet_and_accessible(screen, address, page):
    tab, name = screen
    assert look(tab, address, page, f"page-{page or 'images'}-{name}") == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_of_the_layers_fits(screen, address, room):
    tab, name = screen
    assert look(tab, address, f"layers?room={room}", f"page-layers-{room}-{name}") == []


@pytest.mark.parametrize("page", ["", "layers", "runs"])
def test_an_empty_folder_says_what_to_do(screen, empty, page):
    tab, name = screen
    assert look(tab, empty, page, f"empty-{page or 'images'}-{name}") == []
    assert tab.locator(".stCode", has_text="make demo").is_visible()
