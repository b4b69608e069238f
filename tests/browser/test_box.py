"""Boxes of patches on the Image page in a real browser: who looks there, what they attend to."""

import re

import pytest
from playwright.sync_api import expect

from store.disk.runs import list_runs
from store.query.run import open_run
from tests.browser.driving import picture, settled
from tests.browser.reading import opened, shot, title

pytestmark = pytest.mark.browser


def test_a_patch_shows_what_it_attends_to(tab, chosen):
    opened(tab, chosen, "image=img00001&layer=2")
    canvas = tab.locator(".maps canvas").first
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 1.5 / 4, "y": box["height"] * 2.5 / 4})
    expect(tab.get_by_text("What row 3, column 2 attends to")).to_be_visible()
    expect(tab).to_have_url(re.compile("patch=9"))
    expect(tab.get_by_text("Attention of the patch (share)")).to_be_visible()
    other = tab.locator(".patch canvas")
    settled(tab)
    picture(tab, "image-patch")
    before = other.screenshot()
    tab.keyboard.press("ArrowRight")
    assert other.screenshot() != before
    tab.keyboard.press("Shift+ArrowDown")
    expect(tab.get_by_text("What row 4, column 2 attends to")).to_be_visible()
    settled(tab)
    box = canvas.bounding_box()
    tab.mouse.move(box["x"] + 5, box["y"] + 5)
    before = shot(tab)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert shot(tab) != before  # the new box is drawn, and the values are the old one's
    expect(tab.get_by_text("What row 4, column 2 attends to")).to_be_visible()
    tab.mouse.up()
    expect(tab.get_by_text(re.compile("What rows 1.3, columns 1.3 attend to"))).to_be_visible()


def test_a_box_ranks_the_heads_that_look_there(tab, edited, chosen, script):
    with open_run(list_runs(edited)[0]) as there:
        attention = there.tensors("img00000").attention.astype(float)
    opened(tab, chosen, "image=img00000&layer=1&head=0")
    canvas = tab.locator(".maps canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    at = [
        (box["x"] + box["width"] * column / 4, box["y"] + box["height"] * row / 4)
        for row, column in ((2.5, 2.5), (1.5, 0.5))
    ]
    tab.mouse.move(*at[0])
    tab.mouse.down()
    tab.mouse.move(*at[1], steps=4)
    tab.mouse.up()
    shares = {
        (layer + 1, head): sum(
            attention[layer, head, 1 + 4 * row + column] for row in (1, 2) for column in (0, 1, 2)
        )
        for layer in range(5)
        for head in range(3)
    }
    order = sorted(shares, key=shares.get, reverse=True)[:6]
    rows = tab.locator(".lookers button")
    expect(rows).to_have_text(
        [
            f"layer {layer}, head {head}{script('figures', 100 * shares[layer, head])}%"
            for layer, head in order
        ]
    )
    expect(
        tab.get_by_text(
            re.compile(r"rows 2.3, columns 1.3\. Attention spread evenly would give 37\.5%")
        )
    ).to_be_visible()
    rows.nth(2).evaluate("(button) => { button.mine = true }")
    expect(tab).to_have_url(re.compile("patch=4-10"))
    settled(tab)
    assert rows.nth(2).evaluate("(button) => button.mine")  # the answer leaves it under the mouse
    rows.nth(2).click()
    expect(title(tab)).to_contain_text("layer {}, head {}".format(*order[2]))
    for part in ("patch=4-10", f"layer={order[2][0]}", f"head={order[2][1]}"):  # it follows later
        expect(tab).to_have_url(re.compile(part))
    tab.reload()
    expect(rows.nth(2)).to_have_attribute("aria-pressed", "true")
    expect(tab.get_by_label("Heads by")).to_have_value("attn_to_box")
    canvas.focus()
    tab.keyboard.press("Control+-")  # the browser's zoom
    expect(tab.get_by_text(re.compile("in rows 2.3, columns 1.3"))).to_be_visible()
    tab.keyboard.press("-")
    tab.keyboard.press("Shift+ArrowUp")
    expect(tab.get_by_text(re.compile("in row 1, columns 1.2"))).to_be_visible()
    tab.get_by_role("button", name="Clear the box").click()
    expect(rows.first).to_be_hidden()
    expect(tab.get_by_label("Heads by")).not_to_have_value("attn_to_box")
