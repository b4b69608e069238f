import json
import xml.etree.ElementTree as ET

import pandas as pd

from dashboard.charts import base as base_charts
from dashboard.figures import files
from dashboard.names import metrics


def rows(spec, name="value"):
    return [row for data in spec["datasets"].values() for row in data if name in row]


def test_bands_show_mean_interval_and_n():
    frame = pd.DataFrame(
        {
            "layer": [0, 1],
            "series": "a",
            "mean": [1.0, 2],
            "low": [0.5, 1.5],
            "high": [1.5, 2.5],
            "n": 7,
        }
    )
    text = json.dumps(base_charts.bands(frame, "nats").to_dict())
    assert '"95% from"' in text
    assert '"images"' in text
    assert '"legend": null' in text


def test_layers_are_marked_where_the_curves_leave_space():
    frame = pd.DataFrame(
        {"layer": range(9), "series": "a", "n": 7, "mean": [0, 0, 0, 0, 0, 9, 9, 9, 9]}
    ).assign(low=lambda rows: rows["mean"], high=lambda rows: rows["mean"])
    marks = [(1, "low"), (6, "high"), (7, "late"), (9, "beyond")]
    spec = base_charts.bands(frame, "x", marks=marks).to_dict()
    names = {row["what"]: row["layer"] for row in rows(spec, "what")}
    assert names == {"low": 1, "high": 6, "late": 7}
    texts = [layer for layer in spec["layer"] if layer["mark"]["type"] == "text"]
    # Above a low curve and below a high one, each towards the middle.
    assert [(text["mark"]["align"], text["mark"]["baseline"]) for text in texts] == [
        ("left", "top"),
        ("right", "bottom"),
        ("right", "bottom"),
    ]
    assert len({text["mark"]["dy"] for text in texts}) == 3
    assert sum(layer["mark"]["type"] == "rule" for layer in spec["layer"]) == 3
    assert "beyond" not in files.svg(spec)


def test_bands_can_start_higher_and_name_every_layer():
    frame = pd.DataFrame(
        {"layer": [10, 11, 12], "series": "a", "mean": 1.0, "low": 0.5, "high": 1.5, "n": 7}
    )
    x = base_charts.bands(frame, "nats", first=10).to_dict()["layer"][0]["encoding"]["x"]
    assert x["scale"]["domain"] == [10, 12]
    assert x["axis"]["values"] == [10, 11, 12]
    assert x["axis"]["tickCount"] == 3


def test_legends_stand_side_by_side_only_if_they_fit_a_phone():
    def columns(*series):
        frame = pd.DataFrame(
            {"layer": 0, "series": series, "mean": 1.0, "low": 0.5, "high": 1.5, "n": 7}
        )
        return base_charts.bands(frame, "nats").to_dict()["layer"][0]["encoding"]["color"][
            "legend"
        ]["columns"]

    assert columns("short", "names") == 2
    assert columns(*metrics.SERIES.values()) == 2
    assert columns("a name that goes on for long", "and another") == 1


def test_a_long_axis_has_its_unit_on_a_line_of_its_own():
    assert base_charts.lines("BERTScore (F1)") == "BERTScore (F1)"
    long = "Likeness of all the answers, in ROUGE-L"
    assert base_charts.lines(f"{long} (0 to 1)") == [long, "(0 to 1)"]
    assert base_charts.lines(f"{long} and no unit") == f"{long} and no unit"


def test_charts_of_a_row_are_alike_in_height_whatever_their_legends():
    frame = pd.DataFrame(
        {"layer": [0, 1], "series": "a", "mean": 1.0, "low": 0.5, "high": 1.5, "n": 7}
    )
    many = pd.concat([frame.assign(series=name) for name in metrics.SERIES.values()])
    sizes = [
        ET.fromstring(files.svg(chart)).attrib["height"]
        for chart in (
            base_charts.bands(frame, "nats"),
            base_charts.bands(many, "nats", "against"),
            base_charts.settled(pd.DataFrame({"layer": [1], "n": [3]}), 2),
        )
    ]
    assert len(set(sizes)) == 1
    # A page adds a band below a chart that does not say how much space it wants there.
    assert base_charts.bands(frame, "nats").to_dict()["padding"]["bottom"] == 0


def test_a_bar_of_settled_images_stands_on_its_layer():
    frame = pd.DataFrame({"layer": [2, 12], "n": [3, 4]})
    spec = base_charts.settled(frame, 12).to_dict()
    assert [(row["low"], row["high"], row["n"]) for row in rows(spec, "n")] == [
        (1.5, 2.5, 3),
        (11.5, 12.5, 4),
    ]
    assert spec["encoding"]["x"]["axis"]["values"] == list(range(13))


def test_the_floor_lies_grey_under_the_curves_of_its_name_alone():
    frame = pd.DataFrame(
        {"layer": [0, 1] * 2, "series": ["a"] * 2 + ["b"] * 2, "mean": 3.0, "n": 7}
    ).assign(low=2.0, high=4.0)
    floor = pd.DataFrame(
        {"layer": [0, 1, 2, 0], "series": ["a", "a", "a", "c"], "n": 4, "towers": 2}
    ).assign(mean=0.5, low=0.25, high=0.75)
    spec = base_charts.bands(frame, "x", floor=floor).to_dict()
    area, line, *above = spec["layer"]
    assert area["encoding"]["color"] == {"value": base_charts.GREY}
    assert (area["mark"]["type"], line["mark"]["type"]) == ("area", "line")
    # Layer 2 and series c are not drawn: neither has a curve.
    drawn = spec["datasets"][area["data"]["name"]]
    assert [(row["layer"], row["series"], row["low"], row["high"]) for row in drawn] == [
        (0, "a", 0.25, 0.75),
        (1, "a", 0.25, 0.75),
    ]
    assert len(above) == 3
    without = base_charts.bands(frame, "x").to_dict()["layer"]
    assert [layer["mark"]["type"] for layer in without] == ["area", "line", "point"]


def test_an_axis_has_room_for_a_floor_where_curves_are_level():
    frame = pd.DataFrame({"layer": [0, 1], "series": "a", "mean": 3.0, "low": 3.0, "high": 3.0})
    floor = frame.assign(low=0.0, high=1.0, mean=0.5, n=2, towers=1)
    spec = base_charts.bands(frame.assign(n=7), "x", floor=floor).to_dict()
    assert "domain" not in spec["layer"][0]["encoding"]["y"]["scale"]
