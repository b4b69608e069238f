import pytest

from tests.dashboard.opening import app
from tests.synthetic import make_run


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """A results folder with two runs without conditions."""
    folder = tmp_path_factory.mktemp("results")
    make_run(folder, "one", n_images=30, n_layers=5, n_heads=3, seed=1)
    make_run(folder, "two", n_images=3, n_layers=4, n_heads=2, seed=2)
    return folder


@pytest.fixture(scope="session")
def edited(tmp_path_factory):
    """A results folder with one run that has conditions, head captions and a pruning."""
    folder = tmp_path_factory.mktemp("edited")
    make_run(folder, "edited", n_images=14, n_layers=6, n_heads=3, conditions=True)
    return folder


def _opener(monkeypatch, results):
    def opened(page, folder=results, /, **query):
        monkeypatch.setenv("PEEL_RESULTS", str(folder))
        return app(page, query).run()

    return opened


@pytest.fixture
def visit(results, monkeypatch):
    """Opens a page: visit("image", image="img00001"), or of another folder with visit(page, it)."""
    return _opener(monkeypatch, results)


@pytest.fixture
def open_page(edited, monkeypatch):
    """The same, of the run that has conditions."""
    return _opener(monkeypatch, edited)
