"""The Image page of a tower without a class token in a real browser: its values and its words."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from dashboard.names.towers import TOWERS
from store.disk.runs import list_runs, update_run
from store.parts import token_attention
from store.parts.write import list_parts, stage_folder
from store.query.run import open_run
from tests.browser.driving import picture, settled
from tests.browser.reading import opened, title
from tests.serving import serve
from tests.synthetic import make_run

pytestmark = pytest.mark.browser
ROWS = np.random.default_rng(0).dirichlet(np.full(16, 0.2), (5, 16))


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """Results: a run with conditions, whose second picture has the attention of its tokens."""
    folder = tmp_path_factory.mktemp("patches")
    run = make_run(
        folder,
        "patches",
        n_images=4,
        n_layers=5,
        n_heads=3,
        grid=(4, 4),
        conditions=True,
        class_token=False,
    )
    (capture,) = (run / "parts").glob("capture-*")
    stage = stage_folder(run, token_attention.STAGE, {"code": 1})
    update_run(run, stages={token_attention.STAGE: stage.name})
    part = stage / list_parts(capture)[0].name
    part.mkdir(parents=True)
    token_attention.write(part / token_attention.FILE_NAME, ROWS.shape, [("img00001", ROWS)])
    return folder


@pytest.fixture(scope="module")
def address(patches, tmp_path_factory):
    with serve(patches, tmp_path_factory.mktemp("server") / "log") as there:
        yield there


def test_values_are_those_on_disk_and_words_its_own(tab, address, patches, script):
    with open_run(list_runs(patches)[0]) as run:
        stored = run.tensors("img00001").attention.astype(float)
    opened(tab, address, "image=img00001&layer=2&head=1&patch=5-10&cells=attn_to_box")
    canvas = tab.locator(".maps canvas").first
    box = canvas.bounding_box()
    canvas.hover(position={"x": box["width"] * 2.5 / 4, "y": box["height"] * 1.5 / 4})
    expect(tab.locator(".maps .value")).to_contain_text(
        f"{script('figures', stored[1, 1, 6])} at row 2, column 3 (token 6)"
    )
    shares = stored[:, :, [5, 6, 9, 10]].sum(-1)
    layer, head = np.unravel_index(shares.argmax(), shares.shape)
    percent = script("figures", 100 * float(shares[layer, head]))
    expect(tab.locator(".lookers button").first).to_have_text(
        f"layer {layer + 1}, head {head}{percent}%"
    )
    highest = ROWS[:, [5, 6, 9, 10]].mean(1)[1].max()
    expect(tab.locator(".patch .bar-ends span").last).to_have_text(
        re.compile(re.escape(script("figures", float(highest))[:4]))
    )
    expect(title(tab)).to_contain_text("Attention received")
    heads = tab.locator(".heads").bounding_box()
    assert heads["x"] + heads["width"] <= box["x"]  # names in the menu are long
    settled(tab)
    picture(tab, "image-no-class-token")
    tab.get_by_role("button", name="Contribution", exact=True).click()
    expect(title(tab)).to_contain_text("Contribution to the mean patch")
    reader = tab.locator(".peel-reader")
    for kind in TOWERS:
        found = TOWERS[kind].about in reader.inner_text()
        assert found == (not kind)
    assert not re.search(r"(?i)\bcls\b", reader.inner_html())
