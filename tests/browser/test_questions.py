"""A newcomer's four questions, answered on the demo's results by clicking alone."""

import os
import re

import pytest
from playwright.sync_api import expect

from tests.browser.driving import cards, picture, settled, window

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        "PEEL_RESULTS" not in os.environ, reason="`make test-browser` runs the demo before it"
    ),
]


def ask(tab, server, question):
    """Open the first page and follow a question of it."""
    tab.goto(server)
    settled(tab)
    tab.get_by_role("link", name=question).click()
    expect(tab.get_by_text("What does each layer of a vision transformer see?")).to_have_count(0)
    settled(tab)


def reopened(browser, tab, text):
    """Whether the address alone shows the text again, to somebody else."""
    with window(browser) as other:
        page = other.new_page()
        page.goto(tab.url)
        expect(page.get_by_text(text).first).to_be_visible()


def test_at_which_layer_the_caption_becomes_right(tab, server, browser):
    ask(tab, server, "At which layer does this picture's caption become right?")
    layer = int(re.search(r"[?&]layer=(\d+)", tab.url)[1])
    expect(tab.get_by_text(f"Layer {layer} of 12")).to_be_visible()
    chosen = tab.locator(".peel-reader [aria-current=true]")
    expect(chosen).to_contain_text(str(layer))
    picture(tab, "question-right")
    # From this row on the words are the final caption's; the row before has other words.
    tab.get_by_role("button", name="the last layer").click()
    expect(chosen.locator("ins, del")).to_have_count(0)
    reopened(browser, tab, f"Layer {layer} of 12")


def test_which_heads_look_at_it(tab, server, browser):
    ask(tab, server, "Which heads look at what it names?")
    expect(tab.get_by_text("Heads that look there most")).to_be_visible()
    first = tab.locator(".lookers button").first
    layer, head = re.findall(r"\d+", first.locator("span").inner_text())
    first.click()
    expect(tab.get_by_text(f"CLS attention · layer {layer}, head {head}")).to_be_visible()
    expect(tab).to_have_url(re.compile(f"head={head}"))
    picture(tab, "question-heads")
    reopened(browser, tab, f"CLS attention · layer {layer}, head {head}")


def test_of_which_pictures_the_decoder_is_sure_and_wrong(tab, server, browser):
    ask(tab, server, re.compile("Of which pictures is the decoder sure and wrong at layer"))
    layer = re.search(r"mean_logprob%40(\d+)", tab.url)[1]
    count = tab.get_by_text(re.compile(r"^[1-9]\d* of 48 images$"))
    expect(count).to_be_visible()
    expect(tab.get_by_text(re.compile(f"^Layer {layer}: ")).first).to_be_visible()
    picture(tab, "question-wrong")
    reopened(browser, tab, count.inner_text())


def test_what_averaging_a_layer_does_to_the_caption(tab, server, browser):
    ask(tab, server, re.compile("What does averaging layer"))
    edit = re.search(r"condition=mean%3A(\d+)", tab.url)[1]
    expect(tab.get_by_text(f"final caption, mean:{edit}", exact=True)).to_be_visible()
    expect(tab.get_by_role("radio", name=f"layer {edit}", exact=True)).to_be_checked()
    picture(tab, "question-averaging")
    tab.get_by_role("radio", name="confusion").click()
    settled(tab)
    tab.get_by_role("radio", name=f"layer {edit}", exact=True).click()
    expect(tab.get_by_text(f"final caption, confuse:{edit}")).to_be_visible()
    settled(tab)
    picture(tab, "question-confusion")
    reopened(browser, tab, f"final caption, confuse:{edit}")


def test_the_picture_of_a_card_opens_it(tab, server):
    tab.goto(server)
    settled(tab)
    box = cards(tab).nth(1).locator("img").bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(tab).to_have_url(re.compile("/image"))
    expect(tab.locator(".peel-reader canvas").first).to_be_visible()
