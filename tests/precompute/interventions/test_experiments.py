"""Whose a condition is, and what is refused before any work."""

import shutil

import pytest

from precompute.config.settings import ExperimentConfig
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from store.publish.generation import publish


def with_experiment(config, name, *conditions, **depth):
    """The configuration with this one experiment."""
    experiment = ExperimentConfig(name=name, conditions=conditions, **depth)
    return config.model_copy(update={"experiments": (experiment,)})


def test_what_another_configuration_computed_is_not_computed_again(run, config, tmp_path):
    first = run(tmp_path, with_experiment(config, "removal", "skip:1", "skip:2", all_layers=True))
    assert run(tmp_path, with_experiment(config, "more", "skip:2", "skip:3")) == first
    with open_run(first) as opened:
        counts = opened.table("caption").groupby("condition_id").size().to_dict()
    assert counts == {"baseline": 20, "skip:1": 20, "skip:2": 20, "skip:3": 5}
    assert (
        run(tmp_path, with_experiment(config, "renamed", "skip:1", "skip:2", all_layers=True))
        == first
    )
    stages = {path.name.rpartition("-")[0] for path in first.glob("parts/sweep.*")}
    assert stages == {"sweep.removal", "sweep.more"}
    parts = set(first.rglob("part.json"))
    with pytest.raises(
        ValueError,
        match=r"skip:3 is computed once, by stage sweep.more-\w+, .*"
        r"wants more of it .*Leave it out of 'deep'; or move .*\*sweep\.more-\?{8} "
        rf"away and `python -m precompute publish {first.name} --allow-fewer`",
    ):
        run(tmp_path, with_experiment(config, "deep", "skip:3", all_layers=True))
    assert set(first.rglob("part.json")) == parts
    for stage in first.glob("parts/*sweep.more-????????"):  # as the message says
        shutil.rmtree(stage)
    publish(first, allow_fewer=True)
    assert run(tmp_path, with_experiment(config, "deep", "skip:3", all_layers=True)) == first
    with open_run(first) as opened:
        assert len(opened.table("caption", "condition_id = 'skip:3'")) == 20


def test_a_condition_that_another_experiment_takes_over_stops_no_run(
    run, config, tmp_path, monkeypatch
):
    """Until the one that had it is made anew, both stages hold it: tables wait for that."""
    flat = ExperimentConfig(name="flat", conditions=("skip:1", "skip:2"))
    deep = ExperimentConfig(name="deep", conditions=("skip:2",), all_layers=True)
    folder = run(tmp_path, config.model_copy(update={"experiments": (flat,)}))
    monkeypatch.setattr("precompute.runner.publishing.is_due", lambda _: True)
    assert run(tmp_path, config.model_copy(update={"experiments": (deep, flat)})) == folder
    with open_run(folder) as opened:
        counts = opened.table("caption").groupby("condition_id").size().to_dict()
    assert counts == {"baseline": 20, "skip:1": 5, "skip:2": 20}
    assert "rows of caption must differ" in (folder / "run.log").read_text()


def test_a_condition_of_a_stage_that_was_not_ended_is_refused(run, config, tmp_path):
    begun = with_experiment(config, "begun", "skip:1")
    folder = run(tmp_path, begun)
    (mark,) = folder.glob("parts/sweep.begun-*/complete.json")
    mark.unlink()
    with pytest.raises(ValueError, match=r"is not complete\. Go on with that configuration; or"):
        run(tmp_path, with_experiment(config, "other", "skip:1"))
    assert run(tmp_path, with_experiment(config, "other", "skip:2")) == folder
    assert run(tmp_path, begun) == folder
    assert run(tmp_path, with_experiment(config, "other", "skip:1")) == folder


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (
            ("mean:4",),
            r"experiment 'bad': condition 'mean:4': layers of a condition must be in 1\.\.3",
        ),
        (("heads:1-only-8",), r"heads must be in 0\.\.7"),
        (("mean:1@nobody",), r"mean is of a data set of the configuration \(tiny\).*'nobody'"),
    ],
)
def test_what_does_not_fit_stops_a_run_before_any_work(
    config, captioner, tmp_path, conditions, message
):
    bad = ExperimentConfig(name="bad", conditions=conditions)
    (plan,) = plan_runs(config.model_copy(update={"experiments": (bad,)}))
    with Watch() as watch, pytest.raises(ValueError, match=message):
        execute(Job(plan, tmp_path, lambda: captioner, Maker(watch)))
    assert not list(tmp_path.rglob("part.json"))
