"""The film through the layers, and the film strip, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.driving import settled
from tests.browser.reading import layer, opened

pytestmark = pytest.mark.browser


def test_the_film_runs_through_the_layers_and_stops(tab, server):
    opened(tab, server, "layer=1&head=0")
    tab.get_by_role("button", name="Play through the layers").click()
    expect(layer(tab)).to_have_value("3")
    tab.get_by_role("button", name="Stop").click()
    there = layer(tab).input_value()
    tab.wait_for_timeout(1500)
    assert layer(tab).input_value() == there


def test_a_film_is_one_step_of_the_history(tab, server):
    opened(tab, server, "layer=1&head=0")
    length = tab.evaluate("history.length")
    tab.get_by_role("button", name="Play through the layers").click()
    expect(layer(tab)).to_have_value("4")
    assert "layer=1" in tab.url  # three steps of 600 ms on, a place that rested would be there
    expect(tab.get_by_role("button", name="Play through the layers")).to_be_visible()
    last = layer(tab).get_attribute("max")
    expect(tab).to_have_url(re.compile(f"layer={last}"))
    settled(tab)
    assert tab.evaluate("history.length") == length + 1
    tab.go_back()
    expect(layer(tab)).to_have_value("1")
