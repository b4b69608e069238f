"""Words of captions that have maps of their own, followed in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from store.publish import publish
from tests.browser.driving import picture
from tests.serving import serve
from tests.synthetic import make_run
from tests.synthetic_maps import write_maps

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    run = make_run(folder, "words", n_images=12, n_layers=5, publish=False)
    write_maps(run)
    publish(run)
    with serve(folder, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


def test_a_click_on_a_word_of_the_ladder_shows_its_maps(tab, address):
    tab.goto(f"{address}/image?image=img00001&layer=5&head=mean")
    word = tab.locator(".row[aria-current=true] .follow")
    expect(word).to_have_count(1)
    # What trials say of the map that is drawn stands below it.
    expect(tab.locator(".verdict")).to_have_text(re.compile("not tried here"))
    text = word.inner_text()
    word.click()
    expect(tab.get_by_text(f"What carries “{text}” in the caption of layer 5")).to_be_visible()
    expect(tab).to_have_url(re.compile("word=5-1"))
    expect(word).to_have_class(re.compile("chosen"))
    assert tab.locator("img[alt^='Map of the word']").count() == 2
    for _ in range(2):
        tab.keyboard.press("ArrowLeft")
    expect(tab.locator(".verdict")).to_have_text(re.compile("May be read as where it looked"))
    picture(tab, "word-maps")


def test_a_word_below_the_title_is_followed_and_let_go(tab, address):
    tab.goto(f"{address}/image?image=img00001")
    choice = tab.get_by_test_id("stButtonGroup").first
    choice.get_by_role("radio").nth(1).click()
    expect(tab.get_by_text("What carries “<first>”")).to_be_visible()
    choice.get_by_role("radio").nth(0).click()
    expect(tab.get_by_text("What carries “<first>”")).to_have_count(0)
    expect(tab).not_to_have_url(re.compile("word="))
