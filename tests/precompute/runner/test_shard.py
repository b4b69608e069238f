"""Shares of a run made by processes that know nothing of each other."""

import shutil
from itertools import chain

import pytest

from precompute.config.settings import ExperimentConfig, HeadEffectConfig, HeadsConfig, ScoreConfig
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.shard import Shard, read_shard
from precompute.runner.shortfall import Unfinished
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from tests.stress.same import differences

SHARES = (Shard(1, 2), Shard(2, 2))
ROUNDS = 4


@pytest.fixture(scope="module")
def plan(config):
    experiments = (
        ExperimentConfig(name="means", conditions=("mean:2",)),
        ExperimentConfig(name="skips", conditions=("skip:1",)),
    )
    (planned,) = plan_runs(
        config.model_copy(
            update={
                "experiments": experiments,
                "heads": HeadsConfig(layers=(2,)),
                "head_effect": HeadEffectConfig(batch_size=2, exact_top=1, exact_random=1),
                "score": ScoreConfig(metrics=("exact", "rouge_l", "uniqueness")),
            }
        )
    )
    return planned


@pytest.fixture(scope="module")
def go(plan, captioner):
    def into(results, shard=None):
        with Watch() as watch:
            maker = Maker(watch, shard=shard or read_shard(None))
            return execute(Job(plan, results, lambda: captioner, maker))

    return into


@pytest.fixture(scope="module")
def alone(go, tmp_path_factory):
    return go(tmp_path_factory.mktemp("alone"))


def parts(run):
    """Stage -> its parts."""
    got = {}
    for path in sorted((run / "parts").glob("[!.]*/[!.]*/part.json")):
        got.setdefault(path.parent.parent.name.rpartition("-")[0], []).append(path.parent.name)
    return got


def test_a_share_makes_its_parts_of_what_needs_no_others(go, alone, plan, tmp_path):
    with pytest.raises(Unfinished, match=r"share 1/2 has made what can be made") as ended:
        go(tmp_path, SHARES[0])
    assert not ended.value.failures
    made = parts(tmp_path / alone.name)
    ready = {"capture", "means", "sweep.skips", "heads"}
    assert made == {stage: ["images-000000", "images-000004"] for stage in ready}
    assert not list(tmp_path.rglob("results*.duckdb")), "the last one publishes"


def test_shares_in_turn_end_as_one_process_does(go, alone, tmp_path):
    rounds = 0
    done = set()
    while len(done) < len(SHARES):
        rounds += 1
        assert rounds <= ROUNDS, "every round must get further"
        for shard in SHARES:
            try:
                assert go(tmp_path, shard).name == alone.name
                done.add(shard)
            except Unfinished:
                done.discard(shard)
    assert not differences(tmp_path, alone.parent)


def test_two_hosts_without_a_shared_folder_copy_parts(go, alone, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for results, shard in zip((here, there), SHARES, strict=True):
        with pytest.raises(Unfinished):
            go(results, shard)
    run = here / alone.name
    shutil.copytree(there / alone.name / "parts", run / "parts", dirs_exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("part.json")}
    assert parts(run)["capture"] == parts(alone)["capture"]
    assert go(here) == run
    assert not differences(here, alone.parent)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "nothing is made twice"


@pytest.mark.parametrize("text", ["0/8", "9/8", "3", "3/0", "-1/2", "a/b", ""])
def test_a_share_that_there_is_not_is_refused(text):
    with pytest.raises(ValueError, match=r"number/of with 1 <= number <= of"):
        read_shard(text)


def test_every_part_is_of_one_share():
    names = [str(i) for i in range(21)]
    shares = [Shard(i, 8).share(names) for i in range(1, 9)]
    assert sorted(chain.from_iterable(shares), key=int) == names
    assert max(map(len, shares)) - min(map(len, shares)) == 1
    assert read_shard("3/8").share(names)[0] == "2"
