"""The time left, reckoned from what stages have taken."""

import pytest

from precompute.runner import forecast as module
from precompute.runner.forecast import MODEL, Forecast, Size

SIZES = {
    ("a", "capture"): Size(MODEL, 10.0),
    ("a", "sweep.x"): Size(MODEL, 30.0),
    ("a", "score.exact"): Size("exact", 100.0),
    ("a", "score.exact.sweep.x"): Size("exact", 50.0),
    ("b", "capture"): Size(MODEL, 10.0),
}


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set on."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def passes(seconds):
        now[0] += seconds

    return passes


def make(forecast, clock, run, label, seconds):
    """A whole stage, which takes so long."""
    forecast.begin(run, label, 0.0)
    clock(seconds)
    forecast.advance(1.0)
    forecast.end()


def test_nothing_is_known_before_the_model_has_done_anything(clock):
    forecast = Forecast(SIZES)
    assert forecast.left == (None, True)
    forecast.begin("a", "capture", 0.0)
    assert forecast.left == (None, True)
    clock(4)
    forecast.advance(0.5)
    # 5 of 50 in 4 s: 0.8 s each of the 45 that are left; the scores are not known yet.
    assert forecast.left == (pytest.approx(36.0), True)


def test_every_kind_has_a_pace_of_its_own(clock):
    forecast = Forecast(SIZES)
    make(forecast, clock, "a", "capture", 8)
    make(forecast, clock, "a", "score.exact", 20)
    seconds, at_least = forecast.left
    assert seconds == pytest.approx(40 * 0.8 + 50 * 0.2)
    assert not at_least


def test_what_is_there_already_took_no_time(clock):
    forecast = Forecast({("a", "capture"): Size(MODEL, 10.0)})
    forecast.begin("a", "capture", 0.6)
    clock(3)
    forecast.advance(0.9)  # 3 of 10 in 3 s
    assert forecast.left == (pytest.approx(1.0), False)


def test_a_run_that_is_complete_leaves_nothing(clock):
    forecast = Forecast(SIZES)
    make(forecast, clock, "b", "capture", 10)
    forecast.drop("a")
    assert forecast.left == (0.0, False)


def test_stages_that_nobody_foretold_count_nothing(clock):
    forecast = Forecast({})
    forecast.begin("a", "certificate", 0.0)
    clock(10)
    forecast.advance(1.0)
    forecast.end()
    assert forecast.left == (None, False)
