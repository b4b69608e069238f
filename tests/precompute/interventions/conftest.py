"""The run of the configuration `with_experiments` that a module gives, and its pictures."""

import pytest

from precompute.images import readable
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch


@pytest.fixture(scope="module")
def folder(with_experiments, captioner, tmp_path_factory):
    (plan,) = plan_runs(with_experiments)
    with Watch() as watch:
        return execute(
            Job(plan, tmp_path_factory.mktemp("results"), lambda: captioner, Maker(watch))
        )


@pytest.fixture(scope="module")
def opened(with_experiments):
    (plan,) = plan_runs(with_experiments)
    return {item.image_id: picture for item, picture in readable(plan.items)}
