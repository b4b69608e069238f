"""The reader of the Image page in a real browser: keys, cells, rows, points, links and films."""

import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from dashboard import reader
from store import token_attention
from store.catalog import open_run
from store.parts import list_parts, stage_folder
from store.runs import list_runs, read_run, update_run
from tests.browser.driving import cards, picture, serve, settled, window
from tests.synthetic import make_run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    """Results: a run with conditions, whose second picture has the attention of its tokens."""
    folder = tmp_path_factory.mktemp("chosen")
    run = make_run(folder, "chosen", n_images=4, n_layers=5, n_heads=3, grid=(4, 4),
                   conditions=True)
    stage = stage_folder(run, token_attention.STAGE, {"code": 1})
    update_run(run, stages={token_attention.STAGE: stage.name})
    first = list_parts(run / "parts" / read_run(run)["stages"]["capture"])[0]
    (stage / first.name).mkdir(parents=True)
    rows = np.random.default_rng(0).dirichlet(np.full(17, 0.2), (5, 17))
    token_attention.write(stage / first.name / token_attention.FILE_NAME, rows.shape,
                          [("img00001", rows)])
    return folder


@pytest.fixture(scope="module")
def chosen(edited, tmp_path_factory):
    """Its server."""
    with serve(edited, tmp_path_factory.mktemp("server") / "log") as address:
        yield address


@pytest.fixture
def script(tab):
    """Calls a function of the reader's script: script("half", 15360)."""
    code = reader.script() + "\nexport { half, withoutMarked, colourOf, table, figures }"

    def call(name, *values):
        return tab.evaluate("""async ([code, name, values]) => {
            const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }))
            return (await import(url))[name](...values)
        }""", [code, name, values])

    return call


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
            "layer 2, head 0")
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
    expect(tab).to_have_url(re.compile("layer=0"))
    settled(tab)
    picture(tab, "image-layer-0")
    tab.go_back()
    expect(layer(tab)).to_have_value("3")


def test_another_image_starts_at_its_own_strongest_cell(tab, server):
    tab.goto(server)
    cards(tab).nth(0).click()
    expect(layer(tab)).to_be_visible()
    tab.locator(".row").first.click()
    expect(tab).to_have_url(re.compile("layer=0"))
    tab.get_by_test_id("stSidebar").get_by_role("button", name="Next").click()
    expect(tab).to_have_url(re.compile("image="))
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
    value = float(stored.cls_attention[1, 1, token])
    expect(tab.locator(".maps .value")).to_contain_text(
        f"{script('figures', value)} at row 2, column 3 (token {token})")
    assert float(script("figures", value)) == pytest.approx(value, rel=0.06)


def test_ways_to_draw_a_map(tab, server):
    opened(tab, server, "layer=2&head=mean")
    seen = [shot(tab)]
    for name in ("Own scale", "Smooth"):
        tab.get_by_label(name).check()
        seen.append(shot(tab))
    expect(tab.get_by_text("colours do not compare")).to_be_visible()
    expect(tab).to_have_url(re.compile("own=true"))
    settled(tab)
    tab.get_by_role("button", name="Raw map").click()
    expect(tab.get_by_text("colours do not compare")).not_to_be_visible()
    seen.append(shot(tab))
    assert len(set(seen)) == 4
    tab.get_by_role("button", name="Contribution").click()
    expect(title(tab)).to_contain_text("Contribution to CLS")
    assert shot(tab) != seen[-1]


def test_the_film_runs_through_the_layers_and_stops(tab, server):
    opened(tab, server, "layer=1&head=0")
    tab.get_by_role("button", name="Play through the layers").click()
    expect(layer(tab)).to_have_value("3")
    tab.get_by_role("button", name="Stop").click()
    there = layer(tab).input_value()
    tab.wait_for_timeout(1500)
    assert layer(tab).input_value() == there


def test_a_condition_beside_the_baseline(tab, chosen):
    opened(tab, chosen, "condition=skip:2&image=img00001&fold=false")
    expect(tab.get_by_role("button", name="baseline")).to_have_attribute("aria-pressed", "true")
    expect(tab.locator(".row ins, .row del").first).to_be_visible()
    tab.get_by_role("button", name="the last layer").click()
    expect(tab).to_have_url(re.compile("against=final"))
    expect(tab.locator(".curves path.before").first).to_be_attached()


def test_a_patch_shows_what_it_attends_to(tab, chosen):
    opened(tab, chosen, "image=img00001&layer=2")
    canvas = tab.locator(".maps canvas").first
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 1.5 / 4, "y": box["height"] * 2.5 / 4})
    expect(tab.get_by_text("What row 3, column 2 attends to")).to_be_visible()
    expect(tab).to_have_url(re.compile("patch=9"))
    expect(tab.get_by_text("Attention of the patch (share)")).to_be_visible()
    other = tab.locator(".patch canvas")
    before = other.screenshot()
    settled(tab)
    picture(tab, "image-patch")
    tab.keyboard.press("ArrowRight")
    assert other.screenshot() != before
    tab.keyboard.press("Shift+ArrowDown")
    expect(tab.get_by_text("What row 4, column 2 attends to")).to_be_visible()


def test_a_box_ranks_the_heads_that_look_there(tab, edited, chosen, script):
    with open_run(list_runs(edited)[0]) as there:
        attention = there.tensors("img00000").cls_attention.astype(float)
    opened(tab, chosen, "image=img00000&layer=1&head=0")
    canvas = tab.locator(".maps canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    at = [(box["x"] + box["width"] * column / 4, box["y"] + box["height"] * row / 4)
          for row, column in ((2.5, 2.5), (1.5, 0.5))]
    tab.mouse.move(*at[0])
    tab.mouse.down()
    tab.mouse.move(*at[1], steps=4)
    tab.mouse.up()
    shares = {(layer + 1, head): sum(attention[layer, head, 1 + 4 * row + column]
                                     for row in (1, 2) for column in (0, 1, 2))
              for layer in range(5) for head in range(3)}
    order = sorted(shares, key=shares.get, reverse=True)[:6]
    rows = tab.locator(".lookers button")
    expect(rows).to_have_text([
        f"layer {layer}, head {head}{script('figures', 100 * shares[layer, head])}%"
        for layer, head in order])
    expect(tab.get_by_text(re.compile(
        r"rows 2.3, columns 1.3\. Attention spread evenly would give 37\.5%"))
           ).to_be_visible()
    rows.nth(2).click()
    expect(title(tab)).to_contain_text("layer {}, head {}".format(*order[2]))
    for part in ("patch=4-10", f"layer={order[2][0]}", f"head={order[2][1]}"):  # it follows later
        expect(tab).to_have_url(re.compile(part))
    tab.reload()
    expect(rows.nth(2)).to_have_attribute("aria-pressed", "true")
    expect(tab.get_by_label("Heads by")).to_have_value("attn_to_box")
    canvas.focus()
    tab.keyboard.press("-")
    tab.keyboard.press("Shift+ArrowUp")
    expect(tab.get_by_text(re.compile("in row 1, columns 1.2"))).to_be_visible()
    tab.get_by_role("button", name="Clear the box").click()
    expect(rows.first).to_be_hidden()
    expect(tab.get_by_label("Heads by")).not_to_have_value("attn_to_box")


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
        near = [values[j, i] for j in range(max(y - 1, 0), min(y + 2, 5))
                for i in range(max(x - 1, 0), min(x + 2, 4)) if not marked[j, i]]
        expected[y, x] = np.median(near or values[~marked])
    got = script("withoutMarked", values.ravel().tolist(), marked.ravel().tolist(), 4)
    assert got == pytest.approx(expected.ravel().tolist())


@pytest.mark.parametrize("query", [
    "patch=3&own=true&cells=attn_to_box", "condition=skip:2&against=other"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_accessible(browser, chosen, scheme, width, query):
    with window(browser, width, scheme) as context:
        tab = context.new_page()
        opened(tab, chosen, f"image=img00001&fold=false&{query}")
        found = Axe().run(tab).response
        # The reader lies in a shadow tree, where axe's targets are lists.
        assert any(isinstance(node["target"][0], list) for rule in found["passes"]
                   for node in rule["nodes"])
        assert [(rule["id"], node["html"][:120], node["failureSummary"])
                for rule in found["violations"] for node in rule["nodes"]] == []
        if "patch" in query:
            picture(tab, f"image-reader-{width}-{scheme}")
