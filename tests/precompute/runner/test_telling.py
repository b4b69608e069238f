"""What a process tells the dashboards, from its start to its end."""

import sys
import time

import pytest

from precompute.runner import telling as module
from precompute.runner.forecast import MODEL, Size
from precompute.runner.telling import Telling
from precompute.runner.watch import Stopped, Watch
from store.disk.making import list_making


def heard(results, wanted):
    """What is said as soon as it is what a test waits for."""
    for _ in range(400):
        for making in list_making(results):
            if wanted(making):
                return making
        time.sleep(0.05)
    raise AssertionError(list_making(results))


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS", 0.02)
    return tmp_path / "results"


def test_a_process_is_heard_of_before_its_first_run_and_not_after_its_last(results):
    sizes = {("a-1", "capture"): Size(MODEL, 3.0), ("b-2", "capture"): Size(MODEL, 3.0)}
    with Watch(Telling(results, ["a-1", "b-2"], sizes)) as watch:
        (first,) = list_making(results)
        assert (first.runs, first.run, first.stage) == (("a-1", "b-2"), "", "")
        assert first.alive and first.arguments == tuple(sys.argv[1:])
        with watch.screen.stage(results / "a-1", "capture", 6, 2, "images") as advance:
            advance(1)
            got = heard(results, lambda making: making.done == 3)
            assert (got.run, got.stage, got.total, got.unit) == ("a-1", "capture", 6, "images")
            assert got.seconds_left is not None and not got.at_least
        watch.telling.ready("a-1")
        watch.telling.complete("a-1")
        got = heard(results, lambda making: making.ready == ("a-1",) and making.runs == ("b-2",))
        assert got.alive
    assert list(results.iterdir()) == []


def test_a_silent_process_says_that_it_lives(results):
    with Watch(Telling(results, ["a-1"])):
        first = list_making(results)[0].updated_at
        heard(results, lambda making: making.updated_at > first)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (Stopped("stopped after a whole part"), "stopped by Ctrl-C"),
        (KeyboardInterrupt(), "stopped by Ctrl-C"),
        (ValueError("no such layer\nand more"), "no such layer"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_why_it_ended_stays_until_the_runs_are_made_again(results, error, why):
    with pytest.raises(type(error)), Watch(Telling(results, ["a-1"])):
        raise error
    (left,) = list_making(results)
    assert left.ended == why and not left.alive
    with Watch(Telling(results, ["a-1"])):
        assert [making.ended for making in list_making(results)] == [None]
    assert list_making(results) == []


def test_parts_that_were_given_up_are_told(results):
    with Watch(Telling(results, ["a-1"])) as watch:
        watch.telling.failed = "2 parts were given up"
    assert [making.ended for making in list_making(results)] == ["2 parts were given up"]


def test_a_disk_that_takes_nothing_stops_no_run(results, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(module, "write_making", full)
    with Watch(Telling(results, ["a-1"])) as watch, watch.screen.stage(results, "x", 1, 0) as done:
        done(1)
