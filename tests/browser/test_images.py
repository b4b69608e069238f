"""The Images page in a real browser: an interval is dragged, a tag is given, alike ones found."""

import re

import pytest
from playwright.sync_api import expect

from store import notes
from tests.browser.driving import (
    cards,
    choose,
    day_and_night,
    picture,
    settled,
    violations,
    window,
)
from tests.serving import serve
from tests.synthetic import make_run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A results folder of this module's own: tags are written into it."""
    made = tmp_path_factory.mktemp("images")
    make_run(made, "images", n_images=30, n_layers=6, n_heads=3, grid=(8, 8))
    return made


@pytest.fixture(scope="module")
def address(folder, tmp_path_factory):
    with serve(folder, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


def shown(tab):
    """How many images fit."""
    text = tab.get_by_text(re.compile(r"^\d+ of 30 images$")).inner_text()
    return int(text.split()[0])


def drag(tab, chart, start, end):
    """Drag over the bars, from one share of the width to another."""
    box = chart.bounding_box()
    y = box["y"] + box["height"] * 0.3
    tab.mouse.move(box["x"] + box["width"] * start, y)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * (start + end) / 2, y, steps=4)
    tab.mouse.move(box["x"] + box["width"] * end, y, steps=4)
    tab.mouse.up()


def bars(tab):
    return tab.locator("[data-testid=stVegaLiteChart]:visible").first


def test_an_interval_is_dragged_and_taken_away(tab, address):
    tab.goto(f"{address}/?filter=map_shift@3>=0")
    settled(tab)
    assert shown(tab) == 30
    drag(tab, bars(tab), 0.4, 0.7)
    expect(tab).to_have_url(re.compile(r"filter=map_shift%403.*map_shift%403"))
    settled(tab)
    assert 0 < shown(tab) < 30
    there = tab.url
    tab.wait_for_timeout(1500)
    assert tab.url == there  # the brush that is drawn tells of no new interval
    picture(tab, "images-brushed")
    tab.get_by_role("button", name="close icon").click()
    expect(tab).not_to_have_url(re.compile("filter="))
    settled(tab)
    assert shown(tab) == 30


def test_a_filter_is_added_by_clicking_and_dragging_alone(tab, address):
    tab.goto(address)
    settled(tab)
    tab.get_by_role("button", name="Add a filter").click()
    expect(bars(tab)).to_be_visible()
    settled(tab)
    drag(tab, bars(tab), 0.4, 0.8)
    expect(tab).to_have_url(re.compile("filter="))


def test_a_category_is_found_by_typing_and_taken_away(tab, address):
    tab.goto(address)
    settled(tab)
    choose(tab.get_by_role("combobox", name=re.compile("Category")), "physics (10)")
    expect(tab).to_have_url(re.compile("category=physics$"))
    expect(tab.get_by_text("10 of 30 images of physics", exact=True)).to_be_visible()
    settled(tab)
    picture(tab, "images-category")
    tab.reload()
    expect(tab.get_by_text("10 of 30 images of physics", exact=True)).to_be_visible()
    settled(tab)
    tab.get_by_role("combobox", name=re.compile("Category")).press("Backspace")
    expect(tab).not_to_have_url(re.compile("category="))
    settled(tab)
    assert shown(tab) == 30


def test_a_tag_is_given_and_shows_its_pictures(tab, address, folder):
    tab.goto(f"{address}/image?image=img00004")
    settled(tab)
    tab.get_by_text("Tags and note").click()
    settled(tab)
    tags = tab.get_by_role("combobox", name=re.compile("Tags"))
    tags.fill("<b>odd</b>")
    # Enter takes the line that the list offers: before it is drawn, there is none.
    expect(tab.get_by_role("option", name="Add: <b>odd</b>")).to_be_visible()
    tags.press("Enter")
    expect(
        tab.get_by_test_id("stMultiSelect")
        .filter(has_text="Tags")
        .get_by_text("<b>odd</b>", exact=True)
    ).to_be_visible()
    settled(tab)
    tab.keyboard.press("Escape")  # the menu stays open for a next tag
    tab.get_by_role("textbox", name="Note").fill("why *this*?")
    tab.keyboard.press("Control+Enter")
    settled(tab)
    picture(tab, "image-tags")
    kept = notes.everything(folder / notes.FILE_NAME, "images")
    assert kept["img00004"] == ("<b>odd</b>", "why *this*?")
    tab.goto(f"{address}/?tag=%3Cb%3Eodd%3C/b%3E")
    settled(tab)
    assert shown(tab) == 1
    expect(tab.get_by_text("Tags: <b>odd</b>")).to_be_visible()


def test_pictures_alike_are_found_from_a_picture(tab, address):
    tab.goto(f"{address}/image?image=img00004")
    settled(tab)
    tab.get_by_text("Similar pictures").click()
    expect(cards(tab)).to_have_count(6)
    settled(tab)  # what is still being drawn may be drawn anew under the mouse
    tab.get_by_role("link", name="All pictures in this order").click()
    expect(tab).to_have_url(re.compile("similar_to=img00004"))
    expect(tab.get_by_text("Those most like img00004 first")).to_be_visible()
    expect(tab.get_by_text("distance: 0", exact=True).first).to_be_visible()
    settled(tab)
    picture(tab, "images-similar")


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_off_and_all_is_accessible(browser, address, width):
    with window(browser, width) as context:
        tab = context.new_page()
        tab.goto(
            f"{address}/?filter=map_shift@3>=0.2;map_shift@3<=0.6;n_tokens>=0"
            "&similar_to=img00004&category=physics;biology;customs"
        )
        expect(cards(tab).first).to_be_visible()
        for scheme in day_and_night(tab):
            picture(tab, f"images-filters-{width}-{scheme}")
            assert tab.evaluate("document.querySelector('.stMain').scrollWidth - innerWidth") <= 0
            # Vega draws the brush with marks that have no name; the fields beside it say the
            # interval.
            assert violations(tab, exclude=["[class*=interval_brush]"]) == []
