"""Changes under conditions against a loop over pairs of images."""

from pathlib import Path

import numpy as np
import pytest

from store import open_run
from store.query.run import Run
from store.statistics import bootstrap, changes
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


def test_changes_equal_a_loop_over_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "N_BOOTSTRAP", 40)
    monkeypatch.setattr(bootstrap, "_CHUNK", 4)
    monkeypatch.setattr(bootstrap, "_CELLS", 1)
    monkeypatch.setattr(changes, "_COLUMNS", 7)
    run = make_run(tmp_path, n_images=9, n_layers=LAST, conditions=True)
    weights, images = bootstrap.bootstrap_weights(9), [image_id(i) for i in range(9)]
    with open_run(run) as opened:
        values, without = values_of(opened), left_out(opened.table("condition"))
        change = opened.table("change").set_index(["condition_id", "metric", "against"])
    expected = {at for at in values if at[0] != "baseline" and ("baseline", *at[1:]) in values}
    assert set(change.index) == expected
    for condition, *what in expected:
        edited, baseline = values[condition, *what], values["baseline", *what]
        pairs = [
            image
            for image in set(edited) & set(baseline) - without[condition]
            if np.isfinite(edited[image]) and np.isfinite(baseline[image])
        ]
        row = change.loc[condition, *what]
        n, mean, low, high = slow_summary(
            {image: edited[image] - baseline[image] for image in pairs}, images, weights
        )
        assert row.n == n
        assert (row.difference, row.low, row.high) == pytest.approx((mean, low, high))
        assert row.baseline == pytest.approx(np.mean([baseline[image] for image in pairs]))
        assert row.edited == pytest.approx(np.mean([edited[image] for image in pairs]))


def test_convergence_changes_only_where_all_layers_are_known(tmp_path: Path) -> None:
    run = make_run(tmp_path, n_images=4, conditions=True)
    with open_run(run) as opened:
        rows = opened.table("change", "metric = 'convergence_layer'")
    assert {name.partition(":")[0] for name in rows.condition_id} == {"prune", "skip"}
