"""The reader of the Image page in a real browser: keys, cells, rows, points, links and maps."""

import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from store.disk.runs import list_runs
from store.query.run import open_run
from tests.browser.driving import cards, day_and_night, picture, settled, window
from tests.browser.reading import layer, opened, shot, title

pytestmark = pytest.mark.browser


def test_a_card_opens_at_the_strongest_cell_and_a_row_moves_every_panel(tab, server, browser):
    tab.goto(server)
    cards(tab).nth(1).click()
    expect(tab.get_by_text(re.compile("the cell with the largest effect"))).to_be_visible()
    settled(tab)
    picture(tab, "image")
    tab.get_by_label("Fold like captions").uncheck()
    row = 2 if layer(tab).input_value() != "2" else 3
    before = shot(tab)
    tab.locator(f".row[data-layer='{row}']").click()
    expect(layer(tab)).to_have_value(str(row))
    expect(title(tab)).to_contain_text(f"layer {row},")
    assert shot(tab) != before
    expect(tab.locator(".curves").get_by_text(f"layer {row}:").first).to_be_visible()
    expect(tab).to_have_url(re.compile(f"layer={row}"))
    with window(browser) as other:
        again = other.new_page()
        again.goto(tab.url)
        expect(layer(again)).to_have_value(str(row))
        expect(again.get_by_label("Fold like captions")).not_to_be_checked()
        assert title(again).inner_text() == title(tab).inner_text()


def test_arrows_draw_at_once_and_the_link_follows(tab, server):
    opened(tab, server, "layer=1&head=0")
    before = shot(tab)
    tab.keyboard.press("ArrowRight")
    # Read in the same breath: what was drawn did not wait for the server.
    assert tab.evaluate("""document.querySelector('.peel-reader') === null
        ? [...document.querySelectorAll('*')].map((e) => e.shadowRoot?.querySelector(
            '.peel-reader .map-title')).find(Boolean).textContent
        : document.querySelector('.peel-reader .map-title').textContent""").endswith(
        "layer 2, head 0"
    )
    assert shot(tab) != before
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowUp")
    expect(title(tab)).to_contain_text("layer 2, head 1")
    expect(tab).to_have_url(re.compile(r"layer=2.*head=1|head=1.*layer=2"))
    layer(tab).focus()
    tab.keyboard.press("ArrowRight")
    expect(title(tab)).to_contain_text("layer 3, head 1")
    expect(tab).to_have_url(re.compile("layer=3"))


NEVER = """const later = window.setTimeout
window.setTimeout = (call, wait, ...rest) => wait === 400 && window.never ? 0
    : later(call, wait, ...rest)"""
"""A script after which a place never rests long enough to be sent, as long as `never` is true."""


def test_a_choice_is_sent_on_the_way_out(tab, server):
    tab.add_init_script(NEVER)
    opened(tab, server, "layer=1&head=0")
    tab.evaluate("window.never = true")
    title(tab).hover()
    tab.keyboard.press("ArrowRight")
    settled(tab)
    assert "layer=1" in tab.url
    tab.mouse.move(5, 400)
    expect(tab).to_have_url(re.compile("layer=2"))
    settled(tab)
    tab.keyboard.press("ArrowRight")  # and then away, without the mouse
    sidebar = tab.get_by_test_id("stSidebar")
    sidebar.get_by_role("link", name="Layers", exact=True).click()
    expect(tab).to_have_url(re.compile("/layers.*layer=2"))
    settled(tab)
    tab.evaluate("window.never = false")
    sidebar.get_by_role("link", name="Image", exact=True).click()
    expect(layer(tab)).to_have_value("3")
    expect(tab).to_have_url(re.compile("layer=3"))


def test_cells_points_layer_0_and_the_back_button(tab, server):
    opened(tab, server, "layer=1&head=0")
    tab.locator(".matrix rect[data-layer='3'][data-head='1']").click()
    expect(title(tab)).to_contain_text("layer 3, head 1")
    expect(tab).to_have_url(re.compile(r"layer=3.*head=1|head=1.*layer=3"))
    settled(tab)
    plot = tab.locator(".plot svg").last
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    plot.click(position={"x": box["width"] * 44 / 330, "y": box["height"] / 2})
    expect(layer(tab)).to_have_value("0")
    expect(tab.get_by_text("no attention yet")).to_be_visible()
    expect(tab.locator(".matrix")).to_have_attribute("aria-label", re.compile("Chosen: layer 0,"))
    expect(tab).to_have_url(re.compile("layer=0"))
    settled(tab)
    picture(tab, "image-layer-0")
    tab.go_back()
    expect(layer(tab)).to_have_value("3")


def test_another_image_starts_at_its_own_strongest_cell(tab, server):
    tab.goto(server)
    cards(tab).nth(0).click()
    expect(layer(tab)).to_be_visible()
    settled(tab)
    tab.locator(".row").first.click()
    expect(tab).to_have_url(re.compile("layer=0"))
    settled(tab)
    here = re.search("image=[^&]+", tab.url)[0]
    tab.get_by_test_id("stSidebar").get_by_role("button", name="Next").click()
    expect(tab).not_to_have_url(re.compile(rf"{here}(&|$)"))
    settled(tab)
    expect(tab.get_by_text("no attention yet")).to_be_visible()
    tab.get_by_role("link", name="Images").click()
    cards(tab).nth(2).click()
    expect(tab.get_by_text(re.compile("the cell with the largest effect"))).to_be_visible()
    assert "layer=" not in tab.url


def test_the_value_under_the_cursor_is_the_one_on_disk(tab, server, results, script):
    run = list_runs(results)[0]
    with open_run(run) as there:
        image = str(there.table("image").image_id.min())
        stored = there.tensors(image)
        rows, columns = there.info["grid_h"], there.info["grid_w"]
    opened(tab, server, f"run={run.name}&image={image}&layer=2&head=1")
    canvas = tab.locator(".maps canvas").first
    box = canvas.bounding_box()
    canvas.hover(position={"x": box["width"] * 2.5 / columns, "y": box["height"] * 1.5 / rows})
    token = columns + 2 + 1
    value = float(stored.attention[1, 1, token])
    expect(tab.locator(".maps .value")).to_contain_text(
        f"{script('figures', value)} at row 2, column 3 (token {token})"
    )
    assert float(script("figures", value)) == pytest.approx(value, rel=0.06)


def test_ways_to_draw_a_map(tab, server):
    opened(tab, server, "layer=2&head=mean")
    seen = [shot(tab)]
    for name in ("Own scale", "Smooth"):
        tab.get_by_label(name).check()
        seen.append(shot(tab))
    expect(tab.get_by_text("colours do not compare")).to_be_visible()
    expect(tab).to_have_url(re.compile("own_scale=true"))
    settled(tab)
    tab.get_by_role("button", name="Raw map").click()
    expect(tab.get_by_text("colours do not compare")).not_to_be_visible()
    seen.append(shot(tab))
    assert len(set(seen)) == 4
    tab.get_by_role("button", name="Contribution").click()
    expect(title(tab)).to_contain_text("Contribution to CLS")
    assert shot(tab) != seen[-1]


def test_halves_are_read_as_numpy_reads_them(script):
    bits = [0, 1, 0x3FF, 0x400, 0x3C00, 0x3555, 0x7BFF, 0x8001, 0xC000, 0xFBFF]
    expected = np.array(bits, np.uint16).view(np.float16).astype(float).tolist()
    assert [script("half", number) for number in bits] == expected


def test_hidden_tokens_show_their_neighbours_median(script):
    rng = np.random.default_rng(3)
    values, marked = rng.random((5, 4)).round(3), rng.random((5, 4)) < 0.4
    marked[:3, :3] = True  # a patch without any neighbour that is shown
    expected = values.copy()
    for y, x in np.argwhere(marked):
        near = [
            values[j, i]
            for j in range(max(y - 1, 0), min(y + 2, 5))
            for i in range(max(x - 1, 0), min(x + 2, 4))
            if not marked[j, i]
        ]
        expected[y, x] = np.median(near or values[~marked])
    got = script("withoutMarked", values.ravel().tolist(), marked.ravel().tolist(), 4)
    assert got == pytest.approx(expected.ravel().tolist())


@pytest.mark.parametrize(
    "query", ["patch=3&own_scale=true&cells=attn_to_box", "condition=skip:2&against=other"]
)
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_accessible(browser, chosen, width, query):
    with window(browser, width) as context:
        tab = context.new_page()
        opened(tab, chosen, f"image=img00001&fold=false&{query}")
        for scheme in day_and_night(tab):
            result = Axe().run(tab).response
            # The reader lies in a shadow tree, where axe's targets are lists.
            assert any(
                isinstance(node["target"][0], list)
                for rule in result["passes"]
                for node in rule["nodes"]
            )
            assert result["violations"] == []
            if "patch" in query:
                picture(tab, f"image-reader-{width}-{scheme}")
