"""Parts of a stage: shares, what is lacking, stopping, publishing on the way."""

import os
import signal

import pytest

from precompute.runner.publishing import Publishing
from precompute.runner.shard import Shard
from precompute.runner.shortfall import Unfinished
from precompute.runner.stage import Maker, make_parts, open_stage
from precompute.runner.watch import Stopped, Watch
from store.disk.runs import create_run, read_run
from store.errors import PublishRefused, StageIncomplete
from store.parts.failures import Failure, read_failures
from store.parts.write import is_complete, list_parts
from tests.synthetic import make_run

SIZES = {"a": 2, "b": 1, "c": 3}


@pytest.fixture
def run(tmp_path):
    return create_run(tmp_path, "of-nothing", {"decides": {}})


@pytest.fixture
def stage(run):
    return open_stage(run, "numbers", {"version": 1})


@pytest.fixture
def publishes(monkeypatch):
    """Counts how often a run is published on the way, for which it is always time."""
    calls = []
    monkeypatch.setattr("precompute.runner.publishing.is_due", lambda _: True)
    monkeypatch.setattr("precompute.runner.publishing.publish", calls.append)
    return calls


def note(part, name, advance):
    part.meta["made"] = name
    advance(SIZES[name])


def names(stage):
    return [part.name for part in list_parts(stage)]


def test_an_opened_stage_is_the_runs(run, stage):
    assert stage.parent == run / "parts" and stage.name.startswith("numbers-")
    other = open_stage(run, "numbers", {"version": 2})
    assert other != stage
    assert read_run(run)["stages"] == {"numbers": other.name}


def test_what_is_missing_is_made_and_published_on_the_way(run, stage, publishes):
    with Watch() as watch:
        maker = Maker(watch)
        make_parts(maker, run, stage, {"b": 1}, note)
        assert is_complete(stage)
        make_parts(maker, run, stage, SIZES, note)
        maker.end_run(run)
    assert names(stage) == list(SIZES) and is_complete(stage)
    assert publishes == [run] * 3, "nothing is made twice"


def test_tables_that_are_refused_wait_for_the_end(run, stage, monkeypatch):
    asked = []

    def refuse(run):
        asked.append(run)
        raise PublishRefused("rows must differ")

    monkeypatch.setattr("precompute.runner.publishing.is_due", lambda _: True)
    monkeypatch.setattr("precompute.runner.publishing.publish", refuse)
    with Watch() as watch:
        make_parts(Maker(watch), run, stage, SIZES, note)
    assert names(stage) == list(SIZES)
    assert asked == [run]


def test_nothing_is_published_while_published_parts_are_on_their_way_back(tmp_path, publishes):
    run, publishing = make_run(tmp_path, n_images=2), Publishing()
    part = next((run / "parts").glob("capture-*/*/part.json")).parent
    lost = part.rename(tmp_path / "lost")
    publishing.at_once(run)
    assert publishes == []
    lost.rename(part)
    publishing.at_once(run)
    assert publishes == [run]


def test_a_share_makes_its_own_parts_publishes_none_and_says_what_it_waits_for(
    run, stage, publishes
):
    with Watch() as watch:
        maker = Maker(watch, shard=Shard(2, 2))
        make_parts(maker, run, stage, SIZES, note)
        assert names(stage) == ["b"] and not is_complete(stage)
        assert maker.waits
        with pytest.raises(
            Unfinished, match=r"share 2/2 has made(.|\n)*2 are missing, first a"
        ) as ended:
            maker.end_run(run)
    assert not ended.value.failures
    assert publishes == []


def test_ctrl_c_stops_after_the_part(run, stage, publishes):
    def stop(part, name, advance):
        note(part, name, advance)
        os.kill(os.getpid(), signal.SIGINT)

    with Watch() as watch, pytest.raises(Stopped, match="goes on from here"):
        make_parts(Maker(watch), run, stage, SIZES, stop)
    assert names(stage) == ["a"]
    assert publishes == []


def test_a_step_that_lacks_a_stage_is_left_out_only_for_a_reason(run):
    failure = Failure("numbers-1", "a", "ValueError: no", 3, "host")

    def lacks():
        raise StageIncomplete("numbers must be complete")

    with Watch() as watch:
        maker = Maker(watch)
        with pytest.raises(StageIncomplete), maker.if_whole():
            lacks()
        maker.shortfall.give_up(run, "numbers-1", [failure])
        with maker.if_whole():
            lacks()
        assert read_failures(run) == [failure]
        assert not maker.waits, "what is there is published"
        with pytest.raises(
            Unfinished, match=r"1 parts were given up(.|\n)*ValueError: no"
        ) as ended:
            maker.end_run(run)
    assert ended.value.failures == [failure]
