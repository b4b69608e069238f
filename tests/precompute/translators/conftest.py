"""The tiny captioner's states by hooks, and a run of it that is read by translators."""

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.config.settings import DatasetConfig, ScoreConfig
from precompute.config.translators import TranslatorsConfig
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from tests.precompute.brute_force import states


@pytest.fixture(scope="session")
def more(tmp_path_factory):
    """Eight other pictures, which fit translators."""
    folder, rng = tmp_path_factory.mktemp("more"), np.random.default_rng(5)
    for i in range(8):
        rgb = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(rgb).resize((64, 64)).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def fit_pictures(more):
    return [Image.open(path) for path in sorted(more.iterdir())]


@pytest.fixture(scope="session")
def fit_states(captioner, fit_pictures):
    """Z^0..Z^L of those pictures, by hooks on the library's model."""
    with torch.no_grad():
        return states(captioner, captioner.pixels(fit_pictures))


@pytest.fixture(scope="session")
def translators():
    return TranslatorsConfig(images_of="more", n=8, seed=3, jacobian_images=1)


@pytest.fixture(scope="session")
def with_translators(config, more, translators):
    return config.model_copy(
        update={
            "datasets": (
                *config.datasets,
                DatasetConfig(name="more", kind="folder", path=str(more)),
            ),
            "translators": (translators,),
            "score": ScoreConfig(metrics=("exact", "uniqueness"), shuffles=1),
        }
    )


@pytest.fixture(scope="session")
def execute_into(captioner):
    """Make the first run of a configuration in a folder of results."""

    def make(results, config, step=execute):
        plan = plan_runs(config)[0]
        with Watch() as watch:
            return step(Job(plan, results, lambda: captioner, Maker(watch)))

    return make


@pytest.fixture(scope="session")
def folder(with_translators, execute_into, tmp_path_factory):
    return execute_into(tmp_path_factory.mktemp("results"), with_translators)
