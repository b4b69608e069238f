import shutil
from pathlib import Path

import pytest

from store.parts.write import stage_folder
from tests.synthetic import make_run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `run` is a copy of: to make and publish one takes seconds."""
    return make_run(tmp_path_factory.mktemp("made"))


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A published synthetic run of 12 images in 3 parts."""
    return Path(shutil.copytree(made, tmp_path / "results" / made.name, symlinks=True))


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """A stage without parts."""
    return stage_folder(tmp_path / "run", "capture", {"code": 1})
