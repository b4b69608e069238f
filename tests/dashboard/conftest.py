from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from tests.synthetic import make_run

APP = str(Path(__file__).parents[2] / "dashboard" / "app.py")


@pytest.fixture(scope="session")
def edited(tmp_path_factory):
    """A results folder with one run that has conditions, head captions and a pruning."""
    folder = tmp_path_factory.mktemp("edited")
    make_run(folder, "edited", n_images=14, n_layers=6, n_heads=3, conditions=True)
    return folder


@pytest.fixture
def open_page(edited, monkeypatch):
    """Opens a page: open_page("heads", image="img00001"), of another folder with folder=."""

    def opened(page, folder=edited, /, **query):
        monkeypatch.setenv("PEEL_RESULTS", str(folder))
        at = AppTest.from_file(APP, default_timeout=60)
        at.query_params.update(query)
        at._page_hash = calc_hash(page)
        return at.run()

    return opened


@pytest.fixture
def shown():
    """All text of a page, our own HTML included."""

    def words(at):
        ours = [element.proto.body for element in at.get("html")]
        return "\n".join([*ours, *(element.value for element in (*at.markdown, *at.header,
                                                                *at.subheader, *at.code))])

    return words
