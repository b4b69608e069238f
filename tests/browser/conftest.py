"""A server of the dashboard and a headless Chromium for the tests of this folder."""

import os
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from dashboard import reader
from store.disk.runs import read_run, update_run
from store.parts import token_attention
from store.parts.write import list_parts, stage_folder
from tests.browser.driving import ARGS, CHROMIUM, window
from tests.serving import serve
from tests.synthetic import make_run


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """The folder of PEEL_RESULTS (the gate sets it to the demo's), else a synthetic run."""
    if "PEEL_RESULTS" in os.environ:
        return Path(os.environ["PEEL_RESULTS"]).resolve()
    folder = tmp_path_factory.mktemp("results")
    make_run(folder, "synthetic", n_images=30, n_layers=6, n_heads=4, grid=(8, 8))
    return folder


@pytest.fixture(scope="session")
def server(results, tmp_path_factory):
    with serve(results, tmp_path_factory.mktemp("server") / "log") as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser):
    with window(browser) as context:
        yield context.new_page()


@pytest.fixture(scope="session")
def edited(tmp_path_factory):
    """Results: a run with conditions, whose second picture has the attention of its tokens."""
    folder = tmp_path_factory.mktemp("chosen")
    run = make_run(
        folder, "chosen", n_images=4, n_layers=5, n_heads=3, grid=(4, 4), conditions=True
    )
    stage = stage_folder(run, token_attention.STAGE, {"code": 1})
    update_run(run, stages={token_attention.STAGE: stage.name})
    first = list_parts(run / "parts" / read_run(run)["stages"]["capture"])[0]
    (stage / first.name).mkdir(parents=True)
    rows = np.random.default_rng(0).dirichlet(np.full(17, 0.2), (5, 17))
    token_attention.write(
        stage / first.name / token_attention.FILE_NAME, rows.shape, [("img00001", rows)]
    )
    return folder


@pytest.fixture(scope="session")
def chosen(edited, tmp_path_factory):
    """Its server."""
    with serve(edited, tmp_path_factory.mktemp("server") / "log") as address:
        yield address


@pytest.fixture
def script(tab):
    """Calls a function of the reader's script: script("half", 15360)."""
    code = reader.script() + "\nexport { half, withoutMarked, colourOf, table, figures }"

    def call(name, *values):
        return tab.evaluate(
            """async ([code, name, values]) => {
            const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }))
            return (await import(url))[name](...values)
        }""",
            [code, name, values],
        )

    return call
