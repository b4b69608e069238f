"""The film through the layers, and the film strip, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.driving import choose, settled
from tests.browser.reading import layer, opened

pytestmark = pytest.mark.browser

BY_HAND = """const [start, end] = [window.setInterval, window.clearInterval]
window.setInterval = (call, wait, ...rest) => {
    if (wait !== 600) return start(call, wait, ...rest)
    window.step = call
    return -1
}
window.clearInterval = (which) => which === -1 ? window.step = null : end(which)"""
"""A script after which a film takes a step where the test asks for it: `step()`."""


def test_the_film_runs_through_the_layers_and_stops(tab, server):
    tab.add_init_script(BY_HAND)
    opened(tab, server, "layer=1&head=0")
    tab.get_by_role("button", name="Play through the layers").click()
    for place in ("2", "3"):
        tab.evaluate("step()")
        expect(layer(tab)).to_have_value(place)
    tab.get_by_role("button", name="Stop").click()
    expect(tab.get_by_role("button", name="Play through the layers")).to_be_visible()
    assert tab.evaluate("step") is None
    expect(tab).to_have_url(re.compile("layer=3"))


def test_the_film_runs_by_itself_to_the_last_layer(tab, server):
    tab.emulate_media(
        reduced_motion="no-preference"
    )  # the one page that is seen with all that moves
    opened(tab, server, "layer=1&head=0")
    tab.get_by_role("button", name="Play through the layers").click()
    expect(layer(tab)).to_have_value(layer(tab).get_attribute("max"))
    expect(tab.get_by_role("button", name="Play through the layers")).to_be_visible()


def test_a_film_is_one_step_of_the_history(tab, server):
    tab.add_init_script(BY_HAND)
    opened(tab, server, "layer=1&head=0")
    length = tab.evaluate("history.length")
    tab.get_by_role("button", name="Play through the layers").click()
    last = int(layer(tab).get_attribute("max"))
    for _ in range(2, last):
        tab.evaluate("step()")
        settled(tab)
        assert "layer=1" in tab.url
    tab.evaluate("step()")
    expect(tab).to_have_url(re.compile(f"layer={last}"))
    settled(tab)
    assert tab.evaluate("history.length") == length + 1
    tab.go_back()
    expect(layer(tab)).to_have_value("1")


def test_the_layers_of_a_strip_are_kept_from_page_to_page(tab, server):
    opened(tab, server, "film=1-2")  # open, as the link names its layers
    choose(tab.get_by_role("combobox", name=re.compile("Layers")), "4")
    expect(tab).to_have_url(re.compile("film=1-2-4"))
    tab.keyboard.press("Escape")  # the list stays open for more
    settled(tab)
    sidebar = tab.get_by_test_id("stSidebar")
    sidebar.get_by_role("link", name="Layers", exact=True).click()
    expect(tab).to_have_url(re.compile("/layers"))
    settled(tab)
    assert "film" not in tab.url
    sidebar.get_by_role("link", name="Image", exact=True).click()
    expect(tab).to_have_url(re.compile("film=1-2-4"))
    expect(tab.get_by_alt_text(re.compile("at layers 1: .*; 2: .*; 4: "))).to_be_visible()
