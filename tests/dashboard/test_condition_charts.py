import json
import math

import pandas as pd
import pytest

from dashboard import condition_charts, condition_frames, exporting

VALUES = pd.DataFrame({"condition_id": ["baseline", "mean:2", "mean:2-4", "skip:3",
                                        "mean:2-4@imagenet-1a2b~output", "heads:2-only-1"],
                       "n": 9, "mean": [1.0, 0.5, 0.4, 0.3, 0.2, 0.1], "low": 0.0, "high": 1.0})
CONDITIONS = pd.DataFrame({
    "condition_id": VALUES["condition_id"][1:].to_list(),
    "kind": ["mean", "mean", "skip", "mean", "heads"],
    "layers": [[2], [2, 3, 4], [3], [2, 3, 4], [2]]})


def data_of(chart):
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def test_a_sweep_has_points_for_layers_and_bars_for_ranges():
    frame = condition_frames.sweep(CONDITIONS, VALUES)
    assert set(frame["condition_id"]) == set(VALUES["condition_id"][1:5])
    named = dict(zip(frame["condition_id"], frame["series"], strict=True))
    assert named["mean:2"] == named["mean:2-4"] == "averaging"
    assert named["skip:3"] == "removal"
    assert named["mean:2-4@imagenet-1a2b~output"] == "averaging, mean of imagenet-1a2b, output"
    joint = frame[frame["joint"]]
    assert joint[["first", "last"]].drop_duplicates().to_numpy().tolist() == [[2, 4]]


@pytest.mark.parametrize("paper", [False, True])
def test_the_axis_counts_as_we_do_or_as_the_paper_does(paper):
    frame = condition_frames.sweep(CONDITIONS, VALUES)
    chart = condition_charts.sweep(frame, "y", paper=paper, baseline=1.0)
    rows = [row for row in data_of(chart) if row.get("condition_id") == "skip:3"]
    assert {row["first"] for row in rows} == {2 if paper else 3}
    assert ("the paper's numbers" in json.dumps(chart.to_dict())) == paper
    assert exporting.svg(chart).startswith("<svg")


def test_wilsons_interval_solves_its_equation():
    for found, n in ((0, 7), (3, 7), (7, 7), (120, 500)):
        share, low, high = condition_frames.share_interval(found, n)
        assert share == found / n
        assert 0 <= low <= share <= high <= 1
        for end in {low, high} - {0.0, 1.0}:
            # The ends are the shares from which the observed one is 1.96 standard errors away.
            assert abs(share - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / n))


def test_pruned_models_are_told_apart_from_their_controls():
    def spec(algorithm, seed=None):
        return json.dumps({"pruning": {"group": "g", "algorithm": algorithm, "seed": seed,
                                       "n_pruned": 2}})

    changes = pd.DataFrame({
        "condition_id": ["c", "a", "b", "x"],
        "spec": [spec("random", 0), spec("least_norm"), spec("importance"), '{"pruning": null}'],
        "n": 5, "baseline": 0.8, "edited": [0.5, 0.4, 0.7, 0.1], "difference": -0.1,
        "low": -0.2, "high": 0.0})
    rows = condition_frames.pruned(changes)
    assert rows["condition_id"].tolist() == ["b", "c", "a"]
    assert rows["seed"].tolist() == ["", "0", ""]
    chart = condition_charts.pruning(rows, "y", baseline=0.8)
    points = [row for row in data_of(chart) if "algorithm" in row]
    assert [row["low"] for row in points] == pytest.approx([0.6] * len(points))
    assert exporting.png(chart)[:4] == b"\x89PNG"


def test_heads_with_two_signs_have_zero_in_the_middle():
    frame = pd.DataFrame({"layer": [1, 1], "head": [0, 1], "n": 3, "mean": [-0.2, 0.1],
                          "low": 0.0, "high": 0.0})
    scale = condition_charts.head_matrix(frame, "gradient", "self").to_dict()[
        "encoding"]["color"]["scale"]
    assert scale["domain"][2] == 0
    assert scale["domain"][0] == -scale["domain"][-1]
    plain = condition_charts.head_matrix(frame.assign(mean=1.0), "attn_entropy", "self")
    assert "domain" not in plain.to_dict()["encoding"]["color"]["scale"]


def test_where_the_gradient_is_right_points_lie_on_the_diagonal():
    frame = pd.DataFrame({"layer": [1, 2], "head": [0, 1], "n": 3, "foretold": [-0.2, 0.1],
                          "measured": [-0.1, 0.3]})
    chart = condition_charts.trust(frame)
    ends = [row for row in data_of(chart) if "layer" not in row]
    assert [row["foretold"] for row in ends] == [row["measured"] for row in ends] == [-0.2, 0.3]
