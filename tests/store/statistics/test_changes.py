"""Changes under conditions against a loop over pairs of images."""

from pathlib import Path

import numpy as np
import pytest

from store import open_run
from store.query.run import Run
from store.statistics import bootstrap, changes, intervals, matrices
from tests.store.slow import left_out, slow_summary
from tests.synthetic import image_id, make_run

LAST = 4
SIDES = ("reference", "label", "shuffled", "self")
Values = dict[tuple[str, str, str], dict[str, float]]


def values_of(opened: Run) -> Values:
    """Condition, metric, against -> image -> value at the last layer."""
    got: Values = {}
    for row in opened.table("score").itertuples():
        if row.layer == LAST and row.against in SIDES:
            got.setdefault((row.condition_id, row.metric, row.against), {})[row.image_id] = (
                row.value
            )
    for row in opened.table("caption").itertuples():
        if row.layer == LAST:
            got.setdefault((row.condition_id, "final_logprob", "final"), {})[row.image_id] = (
                row.final_logprob
            )
    for row in opened.table("image_stat").itertuples():
        got.setdefault((row.condition_id, row.metric, "self"), {})[row.image_id] = row.value
    return got


def agresti_min(edited: list[float], baseline: list[float]) -> tuple[float, float]:
    """Half a pair more in each of the four cells, then Wald's interval of the table."""
    cells = {
        (a, b): 0.5 + sum(pair == (a, b) for pair in zip(edited, baseline, strict=True))
        for a in (0, 1)
        for b in (0, 1)
    }
    n = sum(cells.values())
    gained, lost = cells[1, 0] / n, cells[0, 1] / n
    half = 1.959964 * np.sqrt((gained + lost - (gained - lost) ** 2) / n)
    return max(gained - lost - half, -1), min(gained - lost + half, 1)


def test_changes_equal_a_loop_over_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "N_BOOTSTRAP", 40)
    monkeypatch.setattr(matrices, "_CHUNK", 4)
    monkeypatch.setattr(matrices, "_CELLS", 1)
    monkeypatch.setattr(changes, "_COLUMNS", 7)
    run = make_run(tmp_path, n_images=14, n_layers=LAST, conditions=True)
    weights, images = bootstrap.bootstrap_weights(14), [image_id(i) for i in range(14)]
    with open_run(run) as opened:
        values, without = values_of(opened), left_out(opened.table("condition"))
        change = opened.table("change").set_index(["condition_id", "metric", "against"])
    expected = {at for at in values if at[0] != "baseline" and ("baseline", *at[1:]) in values}
    assert set(change.index) == expected
    shares = 0
    for condition, *what in expected:
        edited, baseline = values[condition, *what], values["baseline", *what]
        pairs = [
            image
            for image in set(edited) & set(baseline) - without[condition]
            if np.isfinite(edited[image]) and np.isfinite(baseline[image])
        ]
        row = change.loc[condition, *what]
        apart = {image: edited[image] - baseline[image] for image in pairs}
        n, mean, low, high = slow_summary(apart, images, weights)
        if what[0] == "exact":
            low, high = agresti_min([edited[i] for i in pairs], [baseline[i] for i in pairs])
            shares += 1
        assert row.n == n
        assert (row.difference, row.low, row.high) == pytest.approx(
            (mean, low, high), rel=1e-3, abs=1e-3, nan_ok=True
        )
        assert row.baseline == pytest.approx(np.mean([baseline[image] for image in pairs]))
        assert row.edited == pytest.approx(np.mean([edited[image] for image in pairs]))
    assert shares


def test_convergence_changes_only_where_all_layers_are_known(tmp_path: Path) -> None:
    run = make_run(tmp_path, n_images=4, conditions=True)
    with open_run(run) as opened:
        rows = opened.table("change", "metric = 'convergence_layer'")
    assert {name.partition(":")[0] for name in rows.condition_id} == {"prune", "skip"}


def test_p_values_are_adjusted_for_all_conditions_of_a_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_COLUMNS", 2)  # a family is never cut
    run = make_run(tmp_path, n_images=30, n_layers=LAST, conditions=True)
    with open_run(run) as opened:
        values, without = values_of(opened), left_out(opened.table("condition"))
        change = opened.table("change").set_index(["condition_id", "metric", "against"])
    weights, images = bootstrap.bootstrap_weights(30), [image_id(i) for i in range(30)]
    what = ("rouge_l", "reference")
    conditions = sorted(at[0] for at in change.index if at[1:] == what)
    assert len(conditions) > 4
    means, samples, n = [], [], []
    for condition in conditions:
        apart = np.array(
            [
                np.nan
                if image in without[condition]
                else values[condition, *what][image] - values["baseline", *what][image]
                for image in images
            ]
        )
        there = np.isfinite(apart)
        means.append(apart[there].mean())
        samples.append([(row[there] @ apart[there]) / row[there].sum() for row in weights])
        n.append(there.sum())
    expected = intervals.adjusted_p(np.array(means), np.array(samples).T, np.array(n))
    got = change.loc[[(condition, *what) for condition in conditions], "adjusted_p"]
    assert got.to_numpy() == pytest.approx(expected, abs=2e-3)
    assert got.min() < 1
