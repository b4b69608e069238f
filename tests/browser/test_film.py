"""The film through the layers, and the film strip, in a real browser."""

import pytest
from playwright.sync_api import expect

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
