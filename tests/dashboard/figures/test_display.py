"""Charts on a page: made once, and whole after they were drawn."""

import pandas as pd
from streamlit.testing.v1 import AppTest

from dashboard.charts import base as base_charts
from dashboard.figures import display

FRAME = pd.DataFrame(
    {"layer": [0, 1], "series": "a", "mean": [1.0, 2.0], "low": 0.5, "high": 2.5, "n": 7}
)


def test_a_chart_is_made_once_for_the_same_numbers():
    calls = []

    def made(frame, axis, *, height=240):
        calls.append((axis, height))
        return base_charts.bands(frame, axis, height=height)

    first = display.spec(made, FRAME, "nats")
    assert first == base_charts.bands(FRAME, "nats", height=240).to_dict()
    assert display.spec(made, FRAME.copy(), "nats") == first
    assert calls == [("nats", 240)]
    other = display.spec(made, FRAME.assign(mean=3.0), "nats", height=200)
    assert other["height"] == 200
    assert other["datasets"] != first["datasets"]
    assert len(calls) == 2


def test_a_chart_that_was_drawn_still_has_its_numbers():
    def page():
        import pandas as pd

        from dashboard.charts import base as base_charts
        from dashboard.figures import display, files

        frame = pd.DataFrame(
            {"layer": [0, 1], "series": "a", "mean": [1.0, 2.0], "low": 0.5, "high": 2.5, "n": 7}
        )
        spec = display.spec(base_charts.bands, frame, "nats")
        display.chart(spec, "A curve.")
        assert spec == base_charts.bands(frame, "nats").to_dict()
        assert "2.5" in files.svg(spec)

    at = AppTest.from_function(page).run()
    assert not at.exception
    drawn_ = at.get("vega_lite_chart")[0].proto
    assert drawn_.datasets
    assert drawn_.alt == "A curve."
