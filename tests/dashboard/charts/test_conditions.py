import json
import math

import numpy as np
import pandas as pd
import pytest

from dashboard.charts import base as base_charts
from dashboard.charts import condition_tables, pruning_tables
from dashboard.charts import conditions as condition_charts
from dashboard.figures import files

VALUES = pd.DataFrame(
    {
        "condition_id": [
            "baseline",
            "mean:2",
            "mean:2-4",
            "skip:3",
            "mean:2-4@imagenet-1a2b~output",
            "heads:2-only-1",
        ],
        "n": 9,
        "mean": [1.0, 0.5, 0.4, 0.3, 0.2, 0.1],
        "low": 0.0,
        "high": 1.0,
    }
)
SAME = {"run": None, "n": 500, "seed": 0, "state": "input", "pool": "position"}
OTHER = {**SAME, "run": "imagenet-1a2b", "state": "output"}
CONDITIONS = pd.DataFrame(
    {
        "condition_id": VALUES["condition_id"][1:].to_list(),
        "kind": ["mean", "mean", "skip", "mean", "heads"],
        "layers": [[2], [2, 3, 4], [3], [2, 3, 4], [2]],
        "spec": [json.dumps({"mean": mean}) for mean in (SAME, SAME, None, OTHER, None)],
    }
)


def data_of(chart):
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def test_a_sweep_has_points_for_layers_and_bars_for_ranges():
    frame = condition_tables.sweep(CONDITIONS, VALUES)
    assert set(frame["condition_id"]) == set(VALUES["condition_id"][1:5])
    named = dict(zip(frame["condition_id"], frame["series"], strict=True))
    assert named["mean:2"] == named["mean:2-4"] == "averaging"
    assert named["skip:3"] == "removal"
    assert (
        named["mean:2-4@imagenet-1a2b~output"]
        == "averaging, mean of imagenet-1a2b, of the layer's output"
    )
    joint = frame[frame["joint"]]
    assert joint[["first", "last"]].drop_duplicates().to_numpy().tolist() == [[2, 4]]


@pytest.mark.parametrize("paper", [False, True])
def test_the_axis_counts_as_we_do_or_as_the_paper_does(paper):
    frame = condition_tables.sweep(CONDITIONS, VALUES)
    chart = condition_charts.sweep(frame, "y", paper=paper, baseline=1.0)
    rows = [row for row in data_of(chart) if row.get("condition_id") == "skip:3"]
    assert {row["first"] for row in rows} == {2 if paper else 3}
    assert ("the paper's numbers" in json.dumps(chart.to_dict())) == paper
    assert files.svg(chart).startswith("<svg")


def test_curves_at_the_same_values_are_all_seen():
    frame = pd.concat(
        [
            condition_tables.sweep(CONDITIONS, VALUES).assign(series=name, mean=1.0)
            for name in ("removal", "averaging", "confusion")
        ]
    )
    marks = [layer["mark"] for layer in condition_charts.sweep(frame, "y").to_dict()["layer"]]
    for kind, size in (("line", "strokeWidth"), ("point", "size")):
        sizes = [mark[size] for mark in marks if mark["type"] == kind]
        assert len(sizes) == 3  # the last one lies on top
        assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 3
    # What edits ranges alone has no curve: an empty one is nothing that a reader could name.
    ranges = frame[frame["joint"] | (frame["series"] == "removal")]
    marks = [layer["mark"] for layer in condition_charts.sweep(ranges, "y").to_dict()["layer"]]
    assert [mark["type"] for mark in marks].count("point") == 1


def test_shares_have_wilsons_interval():
    counts = pd.DataFrame(
        {"condition_id": list("abcde"), "n": [7, 7, 7, 500, 0], "found": [0, 3, 7, 120, 0]}
    )
    shares = condition_tables.shares(counts).set_index("condition_id")
    assert list(shares.index) == list("abcd")
    for row in shares.itertuples():
        assert 0 <= row.low <= row.mean <= row.high <= 1
        for end in {row.low, row.high} - {0.0, 1.0}:
            # The ends are the shares from which the observed one is 1.96 standard errors away.
            assert abs(row.mean - end) == pytest.approx(
                1.959964 * math.sqrt(end * (1 - end) / row.n), abs=1e-6
            )


def test_pruned_models_are_kept_apart_from_their_controls():
    def spec(algorithm, seed=None):
        return json.dumps(
            {"pruning": {"group": "g", "algorithm": algorithm, "seed": seed, "n_pruned": 2}}
        )

    changes = pd.DataFrame(
        {
            "condition_id": ["c", "a", "b", "x"],
            "spec": [
                spec("random", 0),
                spec("least_norm"),
                spec("importance"),
                '{"pruning": null}',
            ],
            "n": 5,
            "baseline": 0.8,
            "edited": [0.5, 0.4, 0.7, 0.1],
            "difference": -0.1,
            "low": -0.2,
            "high": 0.0,
        }
    )
    rows = pruning_tables.pruned(changes)
    assert rows["condition_id"].tolist() == ["b", "c", "a"]
    assert rows["seed"].tolist() == ["", "0", ""]
    chart = condition_charts.pruning(rows, "y", baseline=0.8)
    points = [row for row in data_of(chart) if "algorithm" in row]
    assert [row["low"] for row in points] == pytest.approx([0.6] * len(points))
    assert files.png(chart)[:4] == b"\x89PNG"


def test_heads_with_two_signs_have_zero_in_the_middle():
    frame = pd.DataFrame(
        {"layer": [1, 1], "head": [0, 1], "n": 3, "mean": [-0.2, 0.1], "low": 0.0, "high": 0.0}
    )
    scale = condition_charts.head_matrix(frame, "gradient", "self").to_dict()["encoding"]["color"][
        "scale"
    ]
    assert scale["domain"][2] == 0
    assert scale["domain"][0] == -scale["domain"][-1]
    plain = condition_charts.head_matrix(frame.assign(mean=1.0), "attn_entropy", "self")
    assert "domain" not in plain.to_dict()["encoding"]["color"]["scale"]


def test_where_the_gradient_is_right_points_lie_on_the_diagonal():
    frame = pd.DataFrame(
        {"layer": [1, 2], "head": [0, 1], "n": 3, "foretold": [-0.2, 0.1], "measured": [-0.1, 0.3]}
    )
    chart = condition_charts.trust(frame)
    ends = [row for row in data_of(chart) if "layer" not in row]
    assert [row["foretold"] for row in ends] == [row["measured"] for row in ends]
    assert ends[0]["foretold"] <= -0.2 and ends[1]["foretold"] >= 0.3
    line, points = chart.to_dict()["layer"]
    assert line["mark"]["clip"]  # it stretches no axis
    across, up = (points["encoding"][axis]["scale"]["domain"] for axis in ("x", "y"))
    assert across == up, "a slope is seen as it is"
    assert across[0] < -0.2 and 0.3 < across[1] < 0.4


def changes_of(**measures):
    """Rows of pruned models by measure: (number of heads, difference, low, high) each."""
    return pd.DataFrame(
        [
            {
                "metric": name.partition("__")[0],
                "against": name.partition("__")[2],
                "n_pruned": count,
                "difference": difference,
                "low": low,
                "high": high,
            }
            for name, rows in measures.items()
            for count, difference, low, high in rows
        ]
    )


def test_measures_that_a_pruning_changed_come_first():
    rows = changes_of(
        label__label=[(20, 0.0, 0.0, 0.0), (40, 0.0, 0.0, 0.0)],
        repetition__self=[(20, 0.0, 0.0, 0.0), (40, 0.1, -0.3, 0.5)],  # a quarter of half
        final_logprob__final=[(20, 0.0, 0.0, 0.0), (40, -0.3, -0.4, -0.2)],  # three times half
        convergence_layer__self=[(40, 9.0, 8.0, 10.0)],  # at one number alone: no curve
        rouge_l__reference=[(20, 0.0, -0.1, 0.1), (40, 0.01, -0.1, 0.1)],
        cider__reference=[(20, 0.1, -1.0, 1.0), (40, 0.0, 0.0, 0.0)],
    )
    assert pruning_tables.telling(rows) == [
        "cider:reference",
        "rouge_l:reference",
        "final_logprob:final",
        "repetition:self",
        "label:label",
        "convergence_layer:self",
    ]


def test_what_reads_as_zero_has_no_sign():
    table = pd.DataFrame(
        {
            "measure": "CIDEr",
            "heads chosen by": ["Algorithm 1", "random heads", "heads of least norm"],
            "seed": ["", "3", ""],
            "before": 1.0,
            "after": 1.0,
            "difference": [-0.0004, -0.0006, 0.0],
            "95% from": 0.0,
            "95% to": 0.0,
            "images": 5,
        }
    )
    shown = pruning_tables.readable(table)
    assert shown["heads chosen by"].tolist() == [
        "Algorithm 1",
        "random heads, mean of 1, and their range",
        "heads of least norm",
    ]
    assert [f"{value:.3f}" for value in shown["difference"]] == ["0.000", "-0.001", "0.000"]
    assert "seed" not in shown


def test_many_random_heads_are_one_row_a_measure():
    table = pd.DataFrame(
        {
            "measure": ["A"] * 3 + ["B"] * 3,
            "heads chosen by": ["Algorithm 1", "random heads", "random heads"] * 2,
            "seed": ["", "0", "1"] * 2,
            "before": 1.0,
            "after": [0.9, 0.5, 0.7, 0.9, 0.1, 0.3],
            "difference": [-0.1, -0.5, -0.3, -0.1, -0.9, -0.7],
            "95% from": -1.0,
            "95% to": 0.0,
            "images": 5,
        }
    )
    shown = pruning_tables.readable(table)
    assert shown["measure"].tolist() == ["A", "A", "B", "B"]
    random = shown[shown["heads chosen by"] == "random heads, mean of 2, and their range"]
    assert random["after"].tolist() == pytest.approx([0.6, 0.2])
    assert random[["95% from", "95% to"]].to_numpy().tolist() == [[-0.5, -0.3], [-0.9, -0.7]]


@pytest.mark.parametrize(
    ("size", "column", "first"),
    [
        (6.47e-4, "mean, 1e-4 nats", 6.47),
        (6.47e-9, "mean, 1e-9 nats", 6.47),
        (0.647, "mean, nats", 0.647),
        (64.7, "mean, nats", 64.7),
        (6470.0, "mean, 1e3 nats", 6.47),
    ],
)
def test_heads_are_listed_in_one_power_of_ten(size, column, first):
    frame = pd.DataFrame(
        {"layer": [1, 2, 3], "head": [4, 5, 6], "mean": [size / 4, -size, size / 2]}
    )
    frame = frame.assign(low=frame["mean"] - size, high=frame["mean"] + size)
    table = condition_tables.largest_heads(frame, "nats", 2)
    assert table["head"].tolist() == [5, 6]
    assert list(table)[2] == column
    assert table[column].tolist() == pytest.approx([-first, first / 2])
    assert table["95% interval"].tolist() == [
        f"{-2 * first:.2f} to 0.00",
        f"{-first / 2:.2f} to {1.5 * first:.2f}",
    ]


def test_the_null_is_not_listed_and_has_a_column_of_its_own():
    frame = pd.DataFrame(
        {"layer": 1, "head": [-1, 0, 1], "n": 3, "mean": [9.0, 1.0, 2.0], "low": 0.0, "high": 9.0}
    )
    assert condition_tables.largest_heads(frame, "", 3)["head"].tolist() == [1, 0]
    chart = condition_charts.head_matrix(frame, "rouge_l", "baseline")
    assert "== -1 ? 'none'" in json.dumps(chart.to_dict()["encoding"]["x"])


def test_effects_are_shrunk_ranked_so_and_said_to_hold_zero():
    frame = pd.DataFrame(
        {
            "layer": [1, 2, 3, 4],
            "head": 0,
            "mean": [0.9, 0.5, 0.01, -0.01],
            "low": [-1.1, 0.45, -0.04, -0.06],
            "high": [2.9, 0.55, 0.06, 0.04],
            "adjusted_p": [0.9, 0.01, 0.99, 1.0],
        }
    )
    table = condition_tables.largest_heads(frame, "nats", 2, effects=True)
    assert table["layer"].tolist() == [2, 1], "the unsure one does not lead"
    assert table["an effect?"].tolist() == ["yes, also adjusted", "not shown"]
    lucky = condition_tables.largest_heads(frame.assign(adjusted_p=0.66), "nats", 2, effects=True)
    assert lucky["an effect?"].tolist() == ["pointwise only", "not shown"]
    assert table["shrunk"].tolist()[1] < 0.5 < table["mean, nats"].tolist()[1]
    plain = condition_tables.largest_heads(frame, "nats", 2)
    assert plain["layer"].tolist() == [1, 2]
    assert "shrunk" not in plain
    few = condition_tables.largest_heads(frame.assign(low=math.nan), "nats", 2, effects=True)
    assert "shrunk" not in few, "without intervals there is nothing to shrink by"


def test_heads_that_do_nothing_are_listed_as_zero():
    frame = pd.DataFrame({"layer": [1], "head": [0], "mean": 0.0, "low": 0.0, "high": 0.0})
    table = condition_tables.largest_heads(frame, "", 3)
    assert table["mean"].tolist() == [0.0]


def test_numbers_that_are_all_the_same_stand_in_the_middle():
    spec = base_charts.values(pd.Series([0.4375, 0.4375]), pd.Series([0.4375, None])).to_dict()
    low, high = spec["domain"]
    assert low < 0.4375 < high
    assert low + high == pytest.approx(2 * 0.4375)
    assert "domain" not in base_charts.values(pd.Series([0.4375, 0.44])).to_dict()
    low, high = base_charts.values(pd.Series([0.0])).to_dict()["domain"]
    assert low < 0 < high
    base_charts.values(pd.Series([None], dtype=float))  # nothing at all is no error


def test_the_last_layers_floor_is_a_band_across_a_sweep():
    frame = condition_tables.sweep(CONDITIONS, VALUES)
    floor = pd.DataFrame({"low": [-9.0], "high": [-8.0]})
    chart = condition_charts.sweep(frame, "y", floor=floor)
    band = chart.to_dict()["layer"][0]
    assert (band["mark"]["type"], band["mark"]["color"]) == ("rect", "#808080")
    assert [row for row in data_of(chart) if row.get("low") == -9.0] == [{"low": -9, "high": -8}]
    plain = condition_charts.sweep(frame, "y").to_dict()["layer"]
    assert plain[0]["mark"]["type"] == "area"


def test_a_paired_difference_of_shares_covers_where_images_are_the_same():
    rng, n, covered, narrower = np.random.default_rng(0), 48, 0, 0
    before, flips = 0.5, (0.02, 0.12)  # of those with the phrase a few lose it, others gain it
    truth = (1 - before) * flips[1] - before * flips[0]
    for _ in range(1000):
        has = rng.random(n) < before
        lost = (has & (rng.random(n) < flips[0])).sum()
        gained = (~has & (rng.random(n) < flips[1])).sum()
        counts = pd.DataFrame(
            {"condition_id": ["mean:2"], "pairs": [n], "gained": [gained], "lost": [lost]}
        )
        table = condition_tables.paired_shares(counts)
        if table.empty:
            continue
        (row,) = table.itertuples()
        assert row.difference == (gained - lost) / n
        covered += row.low <= truth <= row.high
        narrower += row.high - row.low < 2 * 1.96 * (0.5 / n) ** 0.5  # of shares of two sets
    assert 0.93 <= covered / 1000 <= 0.99
    assert narrower == pytest.approx(1000, abs=60)


def test_differences_of_shares_come_largest_first_without_those_that_changed_nothing():
    counts = pd.DataFrame(
        {
            "condition_id": ["baseline", "a", "b", "c"],
            "pairs": 10,
            "gained": [0, 1, 0, 0],
            "lost": [0, 0, 7, 0],
        }
    )
    table = condition_tables.paired_shares(counts)
    assert table["condition_id"].tolist() == ["b", "a"]
    assert table["difference"].tolist() == [-0.7, 0.1]
    assert (table["low"] < table["difference"]).all()
    assert (table["high"] > table["difference"]).all()
