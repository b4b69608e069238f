"""The real server and a real browser: what one does is seen on the screen and kept in the link."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.driving import cards, choose, picture, settled, window
from tests.dashboard.test_injection import HOSTILE, make_hostile_run
from tests.serving import serve

pytestmark = pytest.mark.browser


def test_a_filter_leaves_fewer_images_and_a_link_that_reopens_them(tab, server, browser):
    tab.goto(server)
    settled(tab)
    count = tab.get_by_text(re.compile(r"^\d+ of \d+ images$"))
    expect(count).to_be_visible()
    everything = count.inner_text()
    tab.get_by_role("textbox", name="Filters").fill("rouge_l:final@8<0.9;attn_entropy>=0")
    tab.keyboard.press("Enter")
    expect(count).not_to_have_text(everything)
    expect(tab.locator("[data-testid=stVegaLiteChart]")).to_have_count(2)
    settled(tab)
    picture(tab, "images-filtered")
    filtered = count.inner_text()
    expect(tab).to_have_url(re.compile("filter="))
    with window(browser) as other:
        again = other.new_page()
        again.goto(tab.url)
        expect(again.get_by_text(filtered)).to_be_visible()
        expect(again.get_by_role("textbox", name="Filters")).to_have_value(
            "rouge_l:final@8<0.9;attn_entropy>=0"
        )


def test_search_and_order_change_the_cards(tab, server):
    tab.goto(server)
    settled(tab)
    links = [link.get_attribute("href") for link in cards(tab).all()]
    tab.get_by_label("Search in captions").fill("large")
    tab.keyboard.press("Enter")
    expect(tab).to_have_url(re.compile("find="))
    choose(tab.get_by_role("combobox", name=re.compile("Sort by")), "Map shift")
    expect(tab.get_by_text(re.compile("^Map shift: ")).first).to_be_visible()
    settled(tab)
    assert [link.get_attribute("href") for link in cards(tab).all()] != links


@pytest.mark.parametrize("page", ["layers", "runs"])
def test_the_other_pages_are_drawn(tab, server, page):
    tab.goto(f"{server}/{page}")
    expect(tab.get_by_role("heading", name=page.capitalize(), exact=True)).to_be_visible()
    settled(tab)
    expect(tab.locator("[data-testid=stException]")).to_have_count(0)
    picture(tab, page)


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_screen(browser, server, width):
    with window(browser, width) as context:
        tab = context.new_page()
        for page in ("", "image", "layers", "runs"):
            tab.goto(f"{server}/{page}")
            expect(tab.locator(".stMain img, .stMain canvas, .stMain svg").first).to_be_visible()
            settled(tab)
            picture(tab, f"{page or 'images'}-{width}")
            over = tab.evaluate("document.querySelector('.stMain').scrollWidth - innerWidth")
            assert over <= 0, f"{page or 'images'} is {over} pixels wider than {width}"


def test_hostile_captions_are_seen_as_they_are_written(tab, tmp_path):
    make_hostile_run(tmp_path / "results")
    with serve(tmp_path / "results", tmp_path / "log") as address:
        for page in ("", "image"):
            tab.goto(f"{address}/{page}")
            expect(tab.locator(".stMain img").first).to_be_visible()
            settled(tab)
            # The last layer, 5, has the second of them; the ladder has them all.
            for text in HOSTILE if page else HOSTILE[1:2]:
                expect(tab.locator(".stMain").get_by_text(text).first).to_be_attached()
            assert tab.title() == "Peel"
            theirs = ".stMain a[href^='https://example.org'], .stMain strong"
            assert tab.locator(theirs).count() == 0
            picture(tab, f"hostile-{page or 'images'}")
