"""The bar while a run is made: seen by day and by night, in nobody's way, and quiet."""

from dataclasses import replace

import pytest

from store.disk.making import Making, remove_making, write_making
from store.publish.generation import publish
from tests.browser.driving import day_and_night, picture, settled, violations, window
from tests.serving import serve
from tests.synthetic import make_run

pytestmark = pytest.mark.browser

BAR = ".st-key-making"


def books(results):
    return make_run(results, "books", n_images=8, n_layers=6, n_heads=3, grid=(8, 8))


@pytest.fixture
def run(tmp_path):
    return books(tmp_path / "results")


@pytest.fixture
def address(run, tmp_path):
    with serve(run.parent, tmp_path / "log") as server:
        yield server


def made(run):
    """Say that the run is being made."""
    said = Making(
        (run.name, "photos-3c4d"),
        ("run", "precompute/configs/demo.toml"),
        run=run.name,
        stage="sweep.figure2",
        done=3,
        total=8,
        seconds_left=130.0,
    )
    write_making(run.parent, said)
    return said


@pytest.fixture
def making(run):
    return made(run)


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A server of a run that is being made, for tests that change nothing of it."""
    folder = tmp_path_factory.mktemp("busy")
    made(books(folder / "results"))
    with serve(folder / "results", folder / "log") as server:
        yield server


def published_again(run):
    (run / "results-1.json").unlink()  # so that the same parts make another generation
    assert publish(run).number == 2


def box(tab, selector):
    return tab.locator(selector).first.bounding_box()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("page", ["", "image", "pruning"])
def test_the_bar_is_read_by_day_and_by_night(browser, busy, width, page):
    with window(browser, width) as context:
        tab = context.new_page()
        tab.goto(f"{busy}/{page}")
        tab.locator(BAR, has_text="Making books: edits of the model, 3 of 8 pictures").wait_for()
        for scheme in day_and_night(tab):
            picture(tab, f"making-{page or 'images'}-{width}-{scheme}")
            seen = box(tab, BAR)
            assert seen["x"] >= 0 and seen["x"] + seen["width"] <= width
            assert seen["y"] + seen["height"] <= 800
            assert violations(tab) == []


def test_nothing_moves_when_it_comes_and_goes(tab, run, address, making):
    tab.goto(f"{address}/layers")
    tab.locator(BAR, has_text="Making books").wait_for()
    settled(tab)
    places = [box(tab, selector) for selector in ("h2", "[data-testid=stVegaLiteChart]")]
    remove_making(run.parent, making)
    tab.locator(BAR, has_text="Making books").wait_for(state="hidden")
    tab.reload()
    tab.locator("h2").first.wait_for()
    settled(tab)
    assert not tab.locator(BAR).is_visible()
    assert [box(tab, selector) for selector in ("h2", "[data-testid=stVegaLiteChart]")] == places


def test_what_is_new_is_offered_and_what_is_being_written_stays(tab, run, address, making):
    tab.goto(f"{address}/?run={run.name}")
    words = tab.get_by_placeholder("words of a caption")
    words.click()
    words.press_sequentially("tea")
    published_again(run)
    offer = tab.get_by_role("button", name="Show what is new")
    offer.wait_for()
    words.press_sequentially("po")
    write_making(run.parent, replace(making, done=5))
    tab.locator(BAR, has_text="5 of 8 pictures").wait_for()
    words.press_sequentially("t")
    assert words.input_value() == "teapot"
    picture(tab, "making-new")
    words.press("Enter")  # a choice of the reader's draws the page anew, with what is new
    offer.wait_for(state="hidden")
    settled(tab)
    assert words.input_value() == "teapot" and "teapot" in tab.url


def test_a_page_that_waits_loads_by_itself(tab, run, address, making):
    for path in run.glob("results*"):
        path.unlink()
    tab.goto(address)
    tab.locator("h2", has_text="The first run is being made").wait_for()
    publish(run)
    tab.get_by_text("8 of 8 images").wait_for()


def test_a_run_that_died_says_how_to_go_on_until_it_is_hidden(tab, run, address, making):
    write_making(run.parent, replace(making, ended="stopped by Ctrl-C"))
    tab.goto(f"{address}/layers")
    bar = tab.locator(BAR, has_text="not all is made: stopped by Ctrl-C")
    bar.wait_for()
    settled(tab)
    picture(tab, "making-ended")
    assert "python -m precompute run precompute/configs/demo.toml" in bar.inner_text()
    tab.get_by_role("button", name="Hide").click()
    bar.wait_for(state="hidden")
