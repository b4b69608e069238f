"""Trials of maps and the rule, against loops over pictures and bootstrap samples."""

from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from store.statistics import believed
from store.statistics.bootstrap import bootstrap_weights
from store.statistics.intervals import Z, students

N = 12
COLUMNS = ["image_id", "layer", "map", "measure", "fill", "word", "blocks"]


def rows(kind, layer, gains, seed=0):
    """Rows of `map_score`: of each measure, every picture's gain around a mean."""
    rng = np.random.default_rng(seed)
    made = []
    for measure, gain in gains.items():
        for k in range(N):
            value = gain + 0.05 * rng.normal()
            floor = None if measure == "randomised" else 0.4
            made.append(
                {
                    "image_id": f"img{k:02d}",
                    "layer": layer,
                    "map": kind,
                    "measure": measure,
                    "fill": "blur" if measure in believed.FAITHFUL else "",
                    "word": "",
                    "blocks": 3 if measure == "randomised" else 0,
                    "value": value
                    if floor is None
                    else 0.4 + value * (-1) ** (measure == "deletion"),
                    "floor": floor,
                }
            )
    return pd.DataFrame(made)


def test_gains_are_paired_and_means_are_over_things_first():
    table = pd.concat(
        [
            rows("attention", 3, {"deletion": 0.2}),
            pd.DataFrame(
                [
                    ("img00", 3, "attention", "rank", "", "cat", 0, 0.5, 0.1),
                    ("img00", 3, "attention", "rank", "", "dog", 0, 0.1, 0.3),
                    ("img01", 3, "attention", "rank", "", "cat", 0, 1.0, 0.2),
                ],
                columns=[*COLUMNS, "value", "floor"],
            ),
        ]
    )  # fmt: skip
    got = believed.trials(table).set_index("measure")
    deleted = table[table["measure"] == "deletion"]
    expected = [f - v for v, f in zip(deleted["value"], deleted["floor"], strict=True)]
    assert got.loc["deletion", "gain"] == pytest.approx(np.mean(expected))
    assert got.loc["deletion", "n"] == N
    weights = bootstrap_weights(N)
    means = sorted(float((row * np.array(expected)).sum() / N) for row in weights)
    wide = float(students(Z, np.array([N]))[0] * np.sqrt(N / (N - 1)))
    place = NormalDist().cdf(-wide) * (len(means) - 1)
    low = np.interp(place, range(len(means)), means)
    assert got.loc["deletion", "low"] == pytest.approx(low)
    assert got.loc["rank", "gain"] == pytest.approx(((0.4 - 0.2) / 2 + 0.8) / 2)
    assert got.loc["rank", "n"] == 2
    assert np.isnan(got.loc["rank", "low"])


MEASURES = ("deletion", "insertion", "mass", "rank", "randomised")


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ((0.2, 0.2, 0.2, 0.2, 0.1), "yes"),
        ((0.2, 0.2, None, None, 0.1), "yes"),
        ((0.2, 0.2, 0.2, 0.0, 0.1), "carries"),
        ((0.2, 0.0, 0.2, 0.2, 0.1), "points"),
        ((-0.2, 0.2, None, None, 0.1), "no"),
        ((0.2, 0.2, 0.2, 0.2, 0.9), "no"),
        ((None, None, 0.2, 0.2, None), "points"),
    ],
)
def test_the_rule(gains, verdict):
    there = {name: gain for name, gain in zip(MEASURES, gains, strict=True) if gain is not None}
    (row,) = believed.verdicts(believed.trials(rows("attention", 3, there))).to_dict("records")
    assert (row["map"], row["layer"], row["verdict"]) == ("attention", 3, verdict)
    below = [name for name in believed.FAITHFUL if there.get(name, 1) < 0.1]
    assert row["lacking"] == tuple((name, "blur") for name in below)


def test_few_pictures_tell_nothing():
    table = rows("attention", 3, {"deletion": 0.2, "insertion": 0.2})
    few = table[table["image_id"] < "img09"]
    assert believed.verdicts(believed.trials(few))["verdict"].tolist() == ["few"]
    assert believed.verdicts(believed.trials(table.iloc[:0])).empty
