from pathlib import Path

import pytest

from tests.synthetic import make_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A published synthetic run of 12 images in 3 parts."""
    return make_run(tmp_path / "results")
