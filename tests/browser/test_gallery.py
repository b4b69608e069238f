"""The slider over the pictures in a real browser: captions, colours and maps move with it."""

import re

import pytest
from playwright.sync_api import expect

from store import open_run
from store.disk.runs import list_runs
from tests.browser.driving import cards, day_and_night, picture, settled, violations, window

pytestmark = pytest.mark.browser
LAYERS = 6  # 0 to 5


@pytest.fixture
def texts(edited):
    """Captions of the run: layer -> by image."""
    with open_run(list_runs(edited)[0]) as run:
        frame = run.table("caption", "condition_id = 'baseline'")
    return {
        layer: dict(zip(rows["image_id"], rows["text"], strict=True))
        for layer, rows in frame.groupby("layer")
    }


def captions(tab):
    return tab.locator(".peel-gallery .caption").all_inner_texts()


def slide(tab, layer):
    """Press the mouse on a bar of the slider."""
    box = tab.locator(".peel-gallery .slide input").bounding_box()
    tab.mouse.click(box["x"] + box["width"] * (layer + 0.5) / LAYERS, box["y"] + box["height"] / 2)


def test_the_slider_moves_all_captions_at_once_and_the_link_follows(tab, chosen, texts, browser):
    tab.goto(chosen)
    settled(tab)
    assert captions(tab) == list(texts[5].values())
    for layer in (2, 0, 4):
        slide(tab, layer)
        # Without the server: what is read here was drawn before it could answer.
        assert captions(tab) == list(texts[layer].values())
    tab.keyboard.press("ArrowLeft")
    assert captions(tab) == list(texts[3].values())
    settled(tab)
    expect(tab).to_have_url(re.compile("scrub=3"))
    expect(tab.get_by_text("What does each layer of a vision transformer see?")).to_be_visible()
    with window(browser) as other:
        again = other.new_page()
        again.goto(tab.url)
        settled(again)
        assert captions(again) == list(texts[3].values())
    cards(tab).nth(1).click()
    expect(tab).to_have_url(re.compile("/image.*image=img00001.*layer=3"))
    settled(tab)
    tab.go_back()
    settled(tab)
    assert captions(tab) == list(texts[3].values())


def test_pictures_are_grey_until_their_caption_is_right(tab, chosen, edited):
    with open_run(list_runs(edited)[0]) as run:
        scores = run.table("score", "condition_id = 'baseline' AND metric = 'rouge_l'")
    finals = scores[scores["against"] == "final"].set_index(["layer", "image_id"])["value"]
    tab.goto(chosen)
    settled(tab)
    seen = set()
    for layer in range(LAYERS):
        slide(tab, layer)
        grey = [
            "grey" in one.get_attribute("class")
            for one in tab.locator(".peel-gallery .picture").all()
        ]
        assert grey == [bool(value < 0.9) for value in finals[layer]]
        right = grey.count(False)
        expect(tab.locator(".says")).to_contain_text(f"Layer {layer}: {right} of 4 captions")
        seen |= set(grey)
    assert seen == {True, False}
    slide(tab, 1)
    wrong = int((finals[1] < 0.9).sum())
    settled(tab)
    tab.locator(".wrong").click()
    expect(tab.get_by_text(f"{wrong} of 4 images")).to_be_visible()
    expect(tab).to_have_url(re.compile("filter=rouge_l%3Afinal%401%3C0.9"))
    settled(tab)
    assert cards(tab).count() == wrong


def test_maps_lie_over_the_pictures_and_follow(tab, chosen):
    tab.goto(f"{chosen}/?scrub=2")
    settled(tab)
    drawn = tab.locator(".peel-gallery canvas")
    expect(drawn).to_have_count(0)
    tab.get_by_label("Maps").check()
    expect(drawn).to_have_count(4)
    expect(tab).to_have_url(re.compile("overlay=true"))
    settled(tab)
    pixels = "one => [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data]"
    second = drawn.first.evaluate(pixels)
    assert max(second[3::4]) > 100
    slide(tab, 4)
    assert drawn.first.evaluate(pixels) != second
    slide(tab, 0)  # before the first block nothing looks anywhere
    assert not any(drawn.first.evaluate(pixels))
    picture(tab, "gallery-maps")


def test_the_film_runs_to_the_end_and_is_one_step_of_the_history(tab, chosen, texts):
    tab.goto(f"{chosen}/?scrub=3")
    settled(tab)
    before = tab.evaluate("history.length")
    tab.get_by_label("Play through the layers").click()
    expect(tab.locator(".says")).to_contain_text("Layer 5:")
    settled(tab)
    assert captions(tab) == list(texts[5].values())
    assert tab.evaluate("history.length") == before + 1


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_and_is_accessible(browser, chosen, width):
    with window(browser, width) as context:
        tab = context.new_page()
        tab.goto(f"{chosen}/?scrub=2")
        settled(tab)
        expect(tab.get_by_role("slider", name="Layer")).to_have_value("2")
        for scheme in day_and_night(tab):
            picture(tab, f"gallery-{width}-{scheme}")
            assert tab.evaluate("document.querySelector('.stMain').scrollWidth - innerWidth") <= 0
            assert violations(tab) == []
