"""A run, a judge on loopback, and one that asks it."""

import shutil
from pathlib import Path

import pytest

from precompute.config.judge import JudgeConfig
from precompute.judge.session import ask_all
from precompute.runner.watch import Watch
from tests.judge_server import JudgeServer
from tests.synthetic import make_run


@pytest.fixture
def server():
    server = JudgeServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def unscored(tmp_path_factory):
    """What `run` is a copy of."""
    return make_run(tmp_path_factory.mktemp("unscored"), with_scores=False)


@pytest.fixture
def run(unscored, tmp_path):
    """Twelve images, five layers, without scores."""
    return Path(shutil.copytree(unscored, tmp_path / unscored.name, symlinks=True))


@pytest.fixture
def config(server):
    return JudgeConfig(
        base_url=server.url, model="org/judge:1", layers=(1, 2, 3, 5), timeout=5, retries=2
    )


@pytest.fixture
def judge(run):
    """Runs a judge over the run; returns what was said."""

    def go(config):
        output = []
        with Watch() as watch:
            ask_all(run, config, watch, output.append)
        return output

    return go
