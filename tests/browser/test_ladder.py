"""The captions of the Image page in a real browser, a row a layer."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.reading import opened

pytestmark = pytest.mark.browser


def test_a_condition_beside_the_baseline(tab, chosen):
    opened(tab, chosen, "condition=skip:2&image=img00001&fold=false")
    expect(tab.get_by_role("button", name="baseline")).to_have_attribute("aria-pressed", "true")
    expect(tab.locator(".row ins, .row del").first).to_be_visible()
    tab.get_by_role("button", name="the last layer").click()
    expect(tab).to_have_url(re.compile("against=final"))
    expect(tab.locator(".curves path.before").first).to_be_attached()
