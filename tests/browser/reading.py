"""The reader of the Image page in a browser, as its tests look at it."""

from playwright.sync_api import expect

from tests.browser.driving import settled


def layer(tab):
    return tab.locator(".peel-reader input.layers")


def title(tab):
    return tab.locator(".peel-reader .map-title").first


def shot(tab):
    return tab.locator(".peel-reader .maps canvas").first.screenshot()


def opened(tab, address, query=""):
    tab.goto(f"{address}/image?{query}")
    expect(layer(tab)).to_be_visible()
    settled(tab)
