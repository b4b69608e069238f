from pathlib import Path

import pytest

from store.parts.write import stage_folder
from tests.synthetic import make_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A published synthetic run of 12 images in 3 parts."""
    return make_run(tmp_path / "results")


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """A stage without parts."""
    return stage_folder(tmp_path / "run", "capture", {"code": 1})
