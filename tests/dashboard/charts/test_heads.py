import math

import pandas as pd
import pytest

from dashboard.charts import head_tables, heads
from dashboard.figures import files

SETTINGS = {
    "sample": ["a", "b"],
    "null": {"2": 0.9, "5": None},
    "above_null": {
        "2": [[0.05, 0.01, 0.09], [0.0, -0.1, 0.1], [-0.2, -0.3, -0.1], None],
        "5": [None] * 4,
    },
}


def test_scores_stand_on_the_null_and_are_counted():
    frame = head_tables.above_null(SETTINGS)
    assert frame["layer"].unique().tolist() == [2], "a null that says nothing is no line"
    assert frame["head"].tolist() == [-1, 0, 1, 2]
    assert frame["mean"].tolist() == pytest.approx([0.9, 0.95, 0.9, 0.7])
    assert frame["verdict"].tolist() == [0, 1, 0, -1]
    text = head_tables.counted(frame)
    assert text.startswith("Of 3 heads 1 alone keep more")
    assert "1 keep less, and 1 are not told from it" in text
    assert head_tables.above_null({"sample": ["a"]}).empty, "of before there was a null"


@pytest.mark.parametrize("across", ["head", "layer"])
def test_the_null_is_a_line_and_heads_are_points(across):
    rows = [
        {"layer": layer, "head": head, "mean": mean, "low": mean - 0.1, "high": mean + 0.1, "n": 9}
        for layer in ((3,) if across == "head" else (3, 4))
        for head, mean in ((-1, 0.9), (0, 0.95), (1, 0.4))
    ]
    chart = heads.beside_null(pd.DataFrame(rows), "y", across)
    layers = chart.to_dict()["layer"]
    data = chart.to_dict()["datasets"]
    line = data[layers[1]["data"]["name"]]
    points = data[layers[3]["data"]["name"]]
    assert {row["mean"] for row in line} == {0.9} and len(line) == 2
    assert {row["head"] for row in points} == {0, 1}
    assert [row["at"] for row in line] == ([-0.5, 1.5] if across == "head" else [3, 4])
    assert files.svg(chart).startswith("<svg")


def test_a_null_without_an_interval_is_drawn_all_the_same():
    frame = head_tables.above_null(SETTINGS).drop(columns="verdict")
    assert math.isnan(frame["low"].iloc[0])
    assert files.svg(heads.beside_null(frame, "y", "layer")).startswith("<svg")


def foretelling(rank, slope):
    return pd.DataFrame(
        [
            {"statistic": name, "n_heads": 20, "n": 36, "value": value, "low": low, "high": high}
            for name, (low, value, high) in (("rank", rank), ("slope", slope))
        ]
    )


@pytest.mark.parametrize(
    ("rank", "slope", "said"),
    [
        ((0.6, 0.8, 0.9), (1.2, 1.8, 2.4), "ranks these heads well"),
        ((0.6, 0.8, 0.9), (1.2, 1.8, 2.4), "understates large effects (slope of measured on"),
        ((0.1, 0.4, 0.7), (0.2, 0.5, 0.8), "ranks these heads, not closely"),
        ((0.1, 0.4, 0.7), (0.2, 0.5, 0.8), "overstates large effects"),
        ((-0.2, 0.1, 0.4), (0.8, 1.0, 1.2), "is not shown to rank these heads"),
        ((-0.2, 0.1, 0.4), (0.8, 1.0, 1.2), "not shown to misstate large effects"),
    ],
)
def test_what_the_gradient_is_good_for_is_said_with_intervals(rank, slope, said):
    text = head_tables.trusted(foretelling(rank, slope))
    assert said in text
    assert f"{slope[1]:.2f} [{slope[0]:.2f}, {slope[2]:.2f}]" in text
    few = foretelling((None, rank[1], None), (None, slope[1], None))
    assert "cannot be told: fewer than 10 images" in head_tables.trusted(few)
    assert "Too few heads" in head_tables.trusted(foretelling(rank, slope).iloc[:0])
