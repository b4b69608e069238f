"""What the tests of LAVIS share. They run in LAVIS's environment, by `make test-lavis`."""

import os
from pathlib import Path

import numpy as np
import pytest

from precompute.config.settings import ModelConfig
from precompute.models import load_captioner
from tests.lavis.numbers import numbers

CHECK = Path(os.environ["PEEL_LAVIS_CHECK"])
"""Where `tests.lavis.transformers_side` has written."""


@pytest.fixture
def captioner():
    """The small BLIP-2 in LAVIS; of each test its own, since some change it."""
    return load_captioner(ModelConfig(backend="lavis", path=str(CHECK / "small"), device="cpu"))


@pytest.fixture(scope="session")
def theirs():
    """What transformers 5 made of the same weights."""
    return np.load(CHECK / "transformers.npz")


@pytest.fixture(scope="session")
def ours():
    """What LAVIS makes of them, by way of a file as well."""
    captioner = load_captioner(
        ModelConfig(backend="lavis", path=str(CHECK / "small"), device="cpu")
    )
    np.savez(CHECK / "lavis.npz", **numbers(captioner))
    return np.load(CHECK / "lavis.npz")
