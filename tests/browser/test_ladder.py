"""The captions of the Image page in a real browser, a row a layer."""

import re

import pytest
from playwright.sync_api import expect

from tests import synthetic, synthetic_scores
from tests.browser.driving import picture, settled, window
from tests.browser.reading import layer, opened
from tests.serving import serve
from tests.synthetic import make_run

pytestmark = pytest.mark.browser

LONG = "there is a {} that is standing in front of {} big green tree"
TEXTS = [
    *(f"a {i} of something" for i in range(17)),
    LONG.format("horse", "the"),
    LONG.format("zebra", "the"),
    LONG.format("horse", "the"),
    LONG.format("zebra", "the"),
    LONG.format("zebra", "a"),
    *["a zebra by a tree"] * 4,
]
"""A caption a layer of 25: a horse or a zebra at 17 to 20; 20 and 21 fold, and 22 to 25."""
TO = "\N{EN DASH}"


def _rows(image):
    """Scores that make landmarks: no word repeats, and grounding sets in at layer 20."""
    at = {"condition_id": "baseline", "image_id": image}
    for place in range(26):
        yield {**at, "layer": place, "metric": "repetition", "against": "self", "value": 0.0}
        yield {
            **at,
            "layer": place,
            "metric": "grounded_gain_rouge_l",
            "against": "shuffled",
            "value": 0.5 if place >= 20 else 0.1,
        }


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """A server of a run of 25 layers, whose pictures all have `TEXTS`."""
    folder = tmp_path_factory.mktemp("deep")
    scored = synthetic_scores.score_rows

    def more(part):
        rows = scored(part)
        return [
            *rows,
            *(row for image in sorted({row["image_id"] for row in rows}) for row in _rows(image)),
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic._Scene, "text", lambda scene, at: TEXTS[at])
        patch.setattr(synthetic_scores, "score_rows", more)
        make_run(folder, "deep", n_images=3, n_layers=25, n_heads=2, grid=(4, 4))
    with serve(folder, tmp_path_factory.mktemp("server") / "log") as address:
        yield address


def row(tab):
    """The row of the chosen layer."""
    return tab.locator(".row[aria-current=true]")


def in_view(tab):
    """Whether the row of the chosen layer lies within what the list shows."""
    outer, inner = tab.locator(".ladder").bounding_box(), row(tab).bounding_box()
    return (
        outer["y"] - 1 <= inner["y"]
        and inner["y"] + inner["height"] <= outer["y"] + outer["height"] + 1
    )


def test_the_chosen_row_is_scrolled_into_the_list(tab, deep):
    opened(tab, deep, "layer=1&head=0&fold=false")
    list_of = tab.locator(".ladder")
    assert list_of.evaluate("(list) => list.scrollHeight > 1.3 * list.clientHeight")
    layer(tab).focus()
    for _ in range(24):
        tab.keyboard.press("ArrowRight")
        assert in_view(tab)
    expect(layer(tab)).to_have_value("25")
    tab.locator(".matrix rect[data-layer='2'][data-head='1']").click()
    expect(row(tab).locator(".layer")).to_have_text("2")
    assert in_view(tab)
    tab.reload()
    settled(tab)
    assert in_view(tab)


@pytest.mark.parametrize("place", [12, 25])
def test_a_phone_shows_the_row_of_the_link(browser, deep, place):
    with window(browser, 390) as context:
        tab = context.new_page()
        opened(tab, deep, f"layer={place}&fold=false")
        assert in_view(tab)


def test_a_folded_row_says_what_the_chosen_layer_says(tab, deep):
    opened(tab, deep, "layer=17&head=0")
    captions = tab.locator(".row .caption")
    expect(row(tab).locator(".layer")).to_have_text("17")
    expect(captions.filter(has_text="horse that is")).to_have_count(2)  # 17 and 19
    for place, words in ((18, "zebra that"), (19, "horse that"), (20, "front of the big")):
        tab.keyboard.press("ArrowRight")
        expect(row(tab).locator(".caption")).to_contain_text(words)
        expect(row(tab)).to_have_attribute("aria-label", re.compile(f"Layer {place}.*{words}"))
    expect(row(tab).locator(".layer")).to_have_text(f"20{TO}21")
    expect(row(tab)).to_contain_text("2 wordings")
    tab.keyboard.press("ArrowRight")
    expect(row(tab).locator(".layer")).to_have_text(f"20{TO}21 · 21")
    expect(row(tab).locator("ins")).to_have_text(["a"])
    tab.keyboard.press("ArrowRight")
    expect(row(tab).locator(".layer")).to_have_text(f"22{TO}25")
    expect(row(tab)).not_to_contain_text("wordings")
    expect(tab.locator(".row", has_text=f"20{TO}21").locator("ins")).to_have_text(["zebra"])  # 20's


def test_rows_tell_how_many_others_say_it_and_where_things_set_in(tab, deep):
    opened(tab, deep, "layer=20&head=0")
    expect(row(tab).locator(".badge").first).to_have_text("shared by 2 others")
    marks = tab.locator(".landmark")
    expect(marks.filter(has_text="Grounding")).to_have_text(
        "Grounding sets in at layer 20, over all pictures"
    )
    expect(marks.filter(has_text="Grounding").locator("xpath=..").locator(".layer")).to_have_text(
        f"20{TO}21"
    )
    expect(marks.filter(has_text="The decoder is sure")).to_have_count(1)
    picture(tab, "image-ladder")


def test_a_condition_beside_the_baseline(tab, chosen):
    opened(tab, chosen, "condition=skip:2&image=img00001&fold=false")
    expect(tab.get_by_role("button", name="baseline")).to_have_attribute("aria-pressed", "true")
    expect(tab.locator(".row ins, .row del").first).to_be_visible()
    tab.get_by_role("button", name="the last layer").click()
    expect(tab).to_have_url(re.compile("against=final"))
    expect(tab.locator(".curves path.before").first).to_be_attached()
