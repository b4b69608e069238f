"""The link in a real browser: the way back, copies that reopen what is seen, the Compare page."""

import re

import pytest
from playwright.sync_api import expect

from store.disk.runs import list_runs
from tests.browser.driving import cards, choose, picture, settled, window
from tests.serving import serve
from tests.synthetic import make_run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A server of two runs that read the same pictures, of 6 and of 4 layers."""
    folder = tmp_path_factory.mktemp("two")
    make_run(folder, "deep", n_images=12, n_layers=6, n_heads=3, grid=(4, 4), conditions=True)
    make_run(folder, "flat", n_images=12, n_layers=4, n_heads=2, grid=(4, 4), seed=1)
    with serve(folder, tmp_path_factory.mktemp("server") / "log") as address:
        yield address, [run.name for run in list_runs(folder)]


@pytest.fixture(scope="module")
def below(tmp_path_factory):
    """A server below a path of its address, as a proxy asks for."""
    folder = tmp_path_factory.mktemp("below")
    make_run(folder, "below", n_images=3, n_layers=3, n_heads=2)
    with serve(folder, tmp_path_factory.mktemp("server") / "log", "/lab/peel") as address:
        yield address


def go(tab, page):
    """Follow the sidebar's link."""
    tab.get_by_test_id("stSidebar").get_by_role("link", name=page, exact=True).click()


def pick(tab, menu, option):
    choose(tab.get_by_role("combobox", name=re.compile(menu)), option)


def words(tab):
    """All that the page says, the reader's shadow tree included, save the names of icons."""
    page = tab.evaluate("""() => {
        const icons = [...document.querySelectorAll("[aria-hidden=true][translate=no]")]
        const names = new Set(icons.map((icon) => icon.innerText))
        const lines = document.querySelector(".stMain").innerText.split("\\n")
        return lines.filter((line) => line && !names.has(line))
    }""")
    reader = tab.locator(".peel-reader > :not([role=status])")
    return page, reader.all_inner_texts()


def at(tab):
    """Where one is: the address and what the page says when the mouse points at nothing."""
    tab.mouse.move(1000, 5)
    settled(tab)
    return tab.url, words(tab)


def test_back_and_forward_show_every_step_again(tab, two):
    address, (deep, _) = two
    tab.goto("about:blank")
    tab.goto(address)
    expect(tab).to_have_url(f"{address}/?run={deep}")
    steps = [at(tab)]
    tab.locator(".st-key-questions").get_by_role("link", name=re.compile("At which layer")).click()
    expect(tab).to_have_url(re.compile("/image"))
    steps.append(at(tab))
    # A link to the page that is open.
    like = tab.get_by_text("Similar pictures")
    like.click()
    tab.locator(".stMain").get_by_role("link", name="Open").first.click()
    expect(tab).not_to_have_url(steps[-1][0])
    settled(tab)
    like.click()
    steps.append(at(tab))
    tab.keyboard.press("ArrowLeft")
    expect(tab).not_to_have_url(steps[-1][0])
    steps.append(at(tab))
    pick(tab, "Condition", "skip:5")
    steps.append(at(tab))
    go(tab, "Compare")
    pick(tab, "Layer", "3")
    steps.append(at(tab))
    go(tab, "Heads")
    steps.append(at(tab))
    assert "condition=skip%3A5" in tab.url
    assert "layer=3" in tab.url
    assert len({url for url, _ in steps}) == len(steps)
    length = tab.evaluate("history.length")
    # Compare takes two steps: to the page, and to the layer.
    back = [*steps[:5], None, *steps[5:]]
    for step in reversed(back[:-1]):
        tab.go_back()
        there = at(tab)
        assert step is None or there == step
    for step in back[1:3]:
        tab.go_forward()
        assert at(tab) == step
    assert tab.evaluate("history.length") == length
    for _ in back[:2]:
        tab.go_back()
        settled(tab)
    tab.go_back()
    expect(tab).to_have_url("about:blank")


PLACES = (
    ("image", "image=img00003&layer=4&head=1&cells=attn_entropy&opacity=0.40&fold=false"),
    ("layers", "section=attention"),
    ("compare", "versus=skip:5&metric=exact:final&layer=3&image=img00004&head=1"),
    ("", "sort=rouge_l:final&find=a"),
)


def test_the_copied_link_reopens_what_is_seen(browser, two):
    address, (deep, _) = two
    with window(browser) as context, window(browser) as other:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        tab, again = context.new_page(), other.new_page()
        for page, query in PLACES:
            tab.goto(f"{address}/{page}?{query}")
            seen = at(tab)
            assert tab.locator("[data-testid=stException]").count() == 0
            tab.get_by_role("button", name="Copy link").click()
            expect(tab.get_by_role("button", name="Link copied")).to_be_visible()
            copied = tab.evaluate("navigator.clipboard.readText()")
            assert copied == tab.url
            assert f"run={deep}" in copied
            again.goto(copied)
            assert at(again) == seen, page


def test_a_link_is_copied_where_the_clipboard_is_denied(browser, two):
    address, _ = two
    denied = """navigator.clipboard.writeText = () => Promise.reject(new DOMException("denied"))"""
    with window(browser) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.add_init_script(denied)
        tab = context.new_page()
        tab.goto(f"{address}/runs")
        settled(tab)
        tab.get_by_role("button", name="Copy link").click()
        expect(tab.get_by_role("button", name="Link copied")).to_be_visible()
        assert tab.evaluate("navigator.clipboard.readText()") == tab.url
        expect(tab.get_by_role("button", name="Copy link")).to_be_visible()
        tab.evaluate("document.execCommand = () => false")
        tab.get_by_role("button", name="Copy link").click()
        expect(tab.get_by_role("button", name="Copy it from the address bar")).to_be_visible()


def test_on_a_phone_the_menu_closes_behind_a_link(browser, two):
    address, (deep, _) = two
    with window(browser, 390) as context:
        tab = context.new_page()
        tab.goto(f"{address}/?run=gone&layer=2")
        settled(tab)
        expect(
            tab.get_by_text(f"the run “gone”, which is not here; {deep} is shown")
        ).to_be_visible()
        tab.get_by_test_id("stExpandSidebarButton").click()
        tab.get_by_test_id("stSidebar").get_by_role("link", name="Layers", exact=True).click()
        expect(tab.get_by_role("heading", name="Layers", exact=True)).to_be_in_viewport()
        expect(tab.get_by_test_id("stExpandSidebarButton")).to_be_visible()
        expect(tab.get_by_test_id("stSidebar")).not_to_be_in_viewport()
        expect(tab).to_have_url(f"{address}/layers?run={deep}&layer=2")


def test_two_runs_of_other_depth_are_compared(tab, two, browser):
    address, (deep, flat) = two
    tab.goto(f"{address}/compare?run={deep}&with_run={flat}&layer=6")
    settled(tab)
    expect(tab.get_by_text("The towers have 6 and 4 layers")).to_be_visible()
    maps = tab.locator(".stMain img[alt^='Attention at layer']")
    expect(maps).to_have_count(2)
    before = [image.get_attribute("src") for image in maps.all()]
    pick(tab, "Layer", "3")
    for side, layer in ((deep, 3), (flat, 2)):  # the same half of the depth
        expect(tab.get_by_text(f"{side}, baseline, layer {layer}", exact=True)).to_be_visible()
    settled(tab)
    moved = [image.get_attribute("src") for image in maps.all()]
    assert not set(moved) & set(before)
    pick(tab, "Head", "1")
    settled(tab)
    assert not set(moved) & {image.get_attribute("src") for image in maps.all()}
    tab.get_by_role("button", name="Maps").nth(2).click()
    expect(tab).to_have_url(re.compile("image=img"))
    image = re.search(r"image=(\w+)", tab.url).group(1)
    expect(tab.get_by_text(f"{image}: what CLS attends to")).to_be_visible()
    seen = at(tab)
    picture(tab, "compare-two-runs")
    with window(browser, 390) as phone:
        again = phone.new_page()
        again.goto(tab.url)
        assert " ".join(at(again)[1][0]).split() == " ".join(seen[1][0]).split()
        picture(again, "compare-two-runs-390")
    tab.get_by_role("link", name="Open").nth(2).click()
    expect(tab.locator(".peel-reader input.layers")).to_have_value("3")
    expect(tab).to_have_url(re.compile(f"image={image}"))


def test_links_stay_below_the_path_of_the_server(tab, below):
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{below}/image?image=img00001&layer=2")
    settled(tab)
    expect(tab).to_have_url(re.compile(r"/lab/peel/image\?.*image=img00001"))
    for page in ("Layers", "Images"):
        go(tab, page)
        where, _ = at(tab)
        assert where.startswith(below)
    cards(tab).nth(1).click()
    settled(tab)
    expect(tab).to_have_url(re.compile(r"/lab/peel/image\?.*image=img00001"))
    tab.go_back()
    settled(tab)
    assert tab.url.startswith(f"{below}/?")
    here = [url for url in asked if url.startswith(below.removesuffix("/lab/peel"))]
    assert here and [url for url in here if not url.startswith(below)] == []
