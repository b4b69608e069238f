"""A server of the dashboard and a headless Chromium for the tests of this folder."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.driving import ARGS, CHROMIUM, serve, window
from tests.synthetic import make_run


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder of PEEL_RESULTS (the gate sets it to the demo's), else a synthetic run."""
    if "PEEL_RESULTS" in os.environ:
        return Path(os.environ["PEEL_RESULTS"]).resolve()
    folder = tmp_path_factory.mktemp("results")
    make_run(folder, "synthetic", n_images=30, n_layers=6, n_heads=4, grid=(8, 8))
    return folder


@pytest.fixture(scope="module")
def server(results, tmp_path_factory):
    with serve(results, tmp_path_factory.mktemp("server") / "log") as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser):
    with window(browser) as context:
        yield context.new_page()
