"""Parts by workers of a real Ray on this machine, which are killed, fail and are asked to stop."""

import json
import os
import signal
import threading
import time
from dataclasses import replace
from functools import partial

import pytest
import torch

from precompute.config.settings import ExperimentConfig, ScoreConfig
from precompute.models import captioner_of
from precompute.pipeline import ParityError, execute
from precompute.runner.engine import PartFailed, WorkersLost
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.ray_engine import ATTEMPTS, _require_gpus, open_ray
from precompute.runner.shortfall import Shortfall, Unfinished
from precompute.runner.stage import Maker, make_parts
from precompute.runner.watch import Stopped, Watch
from store.disk.files import owner_of
from store.disk.runs import create_run
from store.parts.failures import read_failures
from store.parts.write import list_parts, stage_folder
from tests.stress.same import differences

SIZES = {f"images-{i:06d}": 2 for i in range(0, 12, 2)}
NAMES = list(SIZES)


@pytest.fixture(scope="module")
def engine():
    with open_ray(workers=2, cpus=1, gpus=0) as engine:
        yield engine


@pytest.fixture
def maker(engine):
    with Watch() as watch:
        yield Maker(watch, engine)


@pytest.fixture
def stage(tmp_path):
    run = create_run(tmp_path, "of-nothing", {"decides": {}})
    return stage_folder(run, "numbers", {})


@pytest.fixture
def one_thread():
    """As in a worker, so that sums are added up in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def note(part, name, advance):
    part.meta["made"] = name
    advance(2)


def make(maker, stage, work):
    make_parts(maker, stage.parent.parent, stage, SIZES, work)


def on_the_first_part(run, act):
    """Waits in the background for a worker to begin a part; then `act` is called with its pid."""

    def wait():
        for _ in range(6000):
            for path in run.glob("parts/[!.]*/.images-*"):
                if (owner := owner_of(path)) and owner.pid != os.getpid():
                    act(owner.pid)
                    return
            time.sleep(0.005)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_workers_of_which_one_is_killed_make_what_one_process_makes(
    config, engine, one_thread, tmp_path
):
    (plan,) = plan_runs(
        config.model_copy(
            update={
                "experiments": (ExperimentConfig(name="means", conditions=("mean:2", "skip:1")),),
                "score": ScoreConfig(metrics=("exact", "uniqueness")),
            }
        )
    )
    captioner = captioner_of(config.model)
    with Watch() as watch:
        execute(Job(plan, tmp_path / "alone", captioner, Maker(watch)))
    run = tmp_path / "workers" / plan.run_id
    killer = on_the_first_part(run, lambda pid: os.kill(pid, signal.SIGKILL))
    with Watch() as watch:
        assert execute(Job(plan, run.parent, captioner, Maker(watch, engine))) == run
    killer.join()
    log = (run / "run.log").read_text()
    assert log.count("its worker was lost") == 1
    assert "skipped test/3.png" in log, "what a worker logs is in the run's log"
    writers = {
        json.loads(path.read_text())["writer"]["pid"] for path in run.glob("parts/*/*/part.json")
    }
    assert writers and os.getpid() not in writers
    assert not differences(run.parent, tmp_path / "alone")


def test_a_part_that_fails_three_times_is_given_up_and_the_rest_is_made(maker, stage):
    run, bad = stage.parent.parent, NAMES[1]

    def work(part, name, advance):
        if name == bad:
            raise ValueError("out of luck")
        note(part, name, advance)

    make(maker, stage, work)
    assert [part.name for part in list_parts(stage)] == [n for n in NAMES if n != bad]
    with pytest.raises(Unfinished, match=r"1 parts were given up(.|\n)*out of luck") as ended:
        maker.end_run(run)
    (failure,) = ended.value.failures
    assert (failure.part, failure.attempts) == (bad, ATTEMPTS)
    assert failure.error == "ValueError: out of luck"
    assert f"process {os.getpid()}" not in failure.where
    assert read_failures(run) == [failure]
    again = replace(maker, shortfall=Shortfall())
    make(again, stage, note)
    again.end_run(run)
    assert read_failures(run) == []
    assert len(list_parts(stage)) == len(NAMES)


def test_a_part_that_kills_its_workers_is_given_up(maker, stage):
    def work(part, name, advance):
        if name == bad:
            os.kill(os.getpid(), signal.SIGKILL)
        note(part, name, advance)

    bad = NAMES[0]
    make(maker, stage, work)
    assert len(list_parts(stage)) == len(NAMES) - 1
    with pytest.raises(Unfinished, match="its worker was lost") as ended:
        maker.end_run(stage.parent.parent)
    assert [failure.part for failure in ended.value.failures] == [bad]


def test_too_many_broken_pictures_stop_the_run(config, engine, tmp_path):
    (dataset,) = config.datasets
    (plan,) = plan_runs(
        config.model_copy(update={"datasets": (dataset.model_copy(update={"max_broken": 0.1}),)})
    )
    with Watch() as watch, pytest.raises(PartFailed, match=r"at most 10\.0% of the 6"):
        execute(Job(plan, tmp_path, captioner_of(config.model), Maker(watch, engine)))


def test_ctrl_c_lets_what_is_begun_end(maker, stage):
    def work(part, name, advance):
        time.sleep(0.5)
        note(part, name, advance)

    on_the_first_part(stage.parent.parent, lambda _: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Stopped, match="goes on from here"):
        make(maker, stage, work)
    assert 1 <= len(list_parts(stage)) <= 4
    assert not list(stage.glob(".images-*")), "nothing is half-made"


def test_what_a_call_raises_is_what_the_worker_raised(engine):
    def fails():
        raise ParityError("not the library's captions")

    with pytest.raises(ParityError, match="not the library's captions"):
        engine.call(fails)
    assert engine.call(partial(divmod, 7, 2)) == (3, 1)
    assert engine.call(os.getpid) != os.getpid()


def test_a_call_whose_worker_dies_is_made_again_on_another(engine, tmp_path):
    def dies_once():
        if not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    assert engine.call(dies_once) != os.getpid()
    assert (tmp_path / "died").exists()


def test_a_call_that_kills_every_worker_ends_with_the_remedy(engine):
    with pytest.raises(WorkersLost, match=rf"{ATTEMPTS} in a row did not.*fewer workers"):
        engine.call(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert engine.call(partial(divmod, 7, 2)) == (3, 1)


def test_a_worker_computes_in_as_many_threads_as_it_has_cpus(engine):
    assert engine.call(torch.get_num_threads) == 1


def test_workers_may_not_want_more_gpus_than_this_machine_has(engine):
    with pytest.raises(ValueError, match=r"wants gpus = 64 .*this machine has \d+"):
        _require_gpus(64, cluster=False)
    _require_gpus(64, cluster=True)
