"""The notebook runs on any run, and what is committed of it was run."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.synthetic import make_run

NOTEBOOK = Path(__file__).parents[2] / "examples" / "reading_a_run.ipynb"
FIGURES = ["image/jpeg", "image/png", "image/jpeg"]
"""The layers of a picture, a curve, a head."""


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def figures(notebook):
    made = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ())]
    return [kind for data in made for kind in data if kind.startswith("image/")]


def test_it_runs(notebook, tmp_path, monkeypatch):
    make_run(tmp_path, "demo-whoops", n_images=27, conditions=True)
    monkeypatch.setenv("PEEL_RESULTS", str(tmp_path))
    for cell in notebook.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    place = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=120, resources=place).execute()
    assert figures(notebook) == FIGURES


def test_its_output_is_committed(notebook):
    assert NOTEBOOK.stat().st_size < 300_000
    assert figures(notebook) == FIGURES
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert {output.output_type for output in outputs} == {"execute_result"}
    assert "/tmp/" not in "".join(
        str(output.get("data", {}).get("text/plain")) for output in outputs
    )
