"""Two sides compared: held against plain loops over the tables, and against table `change`."""

import numpy as np
import pytest

from store import open_run
from store.query import two_runs as compare_queries
from store.query.two_runs import Compared
from store.statistics.bootstrap import bootstrap_weights
from tests.store.slow import left_out, slow_interval
from tests.synthetic import make_run

L = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    make_run(folder, "same", n_images=14, n_layers=L, n_heads=3, conditions=True)
    make_run(folder / "other", "same", n_images=10, n_layers=4, n_heads=2, seed=3)
    return folder


@pytest.fixture(scope="module")
def run(folder):
    with open_run(folder, "same") as opened:
        yield opened


@pytest.fixture(scope="module")
def shallow(folder):
    with open_run(folder / "other", "same") as opened:
        yield opened


def values(run, condition, layer):
    frame = run.table(
        "score",
        "condition_id = ? AND metric = 'rouge_l' AND \"against\" = 'reference' AND layer = ?",
        [condition, layer],
    )
    return dict(zip(frame["image_id"], frame["value"], strict=True))


def compared(pair, one, two, tops):
    return compare_queries.curves(
        pair, Compared(one, two, "rouge_l", "reference", compare_queries.depths(*tops))
    )


@pytest.mark.parametrize("condition", ["skip:5", "prune"])
def test_curves_of_two_conditions_are_those_of_plain_loops(run, condition):
    conditions = run.table("condition")
    if condition == "prune":
        condition = next(name for name in conditions["condition_id"] if name.startswith("prune:"))
    sample = left_out(conditions)[condition]
    pair = compare_queries.open_pair(run, run)
    frame = compared(pair, "baseline", condition, (L, L)).set_index("layer")
    pair.close()
    images = sorted(run.table("image")["image_id"])
    weights = bootstrap_weights(len(images))
    assert list(frame.index) == sorted(
        set(run.table("score", "condition_id = ?", [condition])["layer"])
    )
    for layer, row in frame.iterrows():
        one, two = values(run, "baseline", layer), values(run, condition, layer)
        apart = np.array(
            [np.nan if image in sample else two[image] - one[image] for image in images]
        )
        assert row["n"] == len(images) - len(sample) == np.isfinite(apart).sum()
        assert row["difference"] == pytest.approx(np.nanmean(apart))
        assert row["two"] - row["one"] == pytest.approx(row["difference"])
        assert (row["low"], row["high"]) == pytest.approx(
            slow_interval(apart, weights), rel=1e-3, abs=1e-3, nan_ok=True
        )


def test_the_last_layer_is_that_of_table_change(run):
    pair = compare_queries.open_pair(run, run)
    for row in run.table("change", "metric = 'rouge_l' AND \"against\" = 'reference'").itertuples():
        last = compared(pair, "baseline", row.condition_id, (L, L)).iloc[-1]
        got = last[["n", "one", "two", "difference", "low", "high"]].astype(float).tolist()
        assert got == pytest.approx(
            [row.n, row.baseline, row.edited, row.difference, row.low, row.high]
        )
    pair.close()


def test_towers_of_other_depth_meet_at_the_same_share_of_it(run, shallow):
    pair = compare_queries.open_pair(run, shallow)
    assert compare_queries.shared_images(pair) == 10
    frame = compared(pair, "baseline", "baseline", (L, 4))
    assert frame[["layer", "other_layer"]].values.tolist() == [
        [0, 0],
        [2, 1],
        [3, 2],
        [4, 3],
        [6, 4],
    ]
    for row in frame.itertuples():
        one = values(run, "baseline", row.layer)
        two = values(shallow, "baseline", row.other_layer)
        assert row.n == 10
        assert row.difference == pytest.approx(np.mean([two[group] - one[group] for group in two]))
    pair.close()


def test_images_are_ranked_by_the_size_of_the_difference(run, shallow):
    pair = compare_queries.open_pair(run, shallow)
    asked = Compared("baseline", "baseline", "rouge_l", "reference", compare_queries.depths(L, 4))
    one, two = values(run, "baseline", 2), values(shallow, "baseline", 1)
    expected = sorted(two, key=lambda group: (-abs(two[group] - one[group]), group))
    first = compare_queries.most_different(pair, asked, 2, 4)
    then = compare_queries.most_different(pair, asked, 2, 20, 4)
    pair.close()
    assert [*first["image_id"], *then["image_id"]] == expected
    for row in first.itertuples():
        assert row.difference == pytest.approx(two[row.image_id] - one[row.image_id])
        for opened, layer, text in ((run, 2, row.one_text), (shallow, 1, row.two_text)):
            caption = opened.table(
                "caption",
                "condition_id = 'baseline' AND image_id = ? AND layer = ?",
                [row.image_id, layer],
            )
            assert caption["text"].tolist() == [text]


def test_the_same_id_in_another_data_set_is_another_picture(folder, run, tmp_path, monkeypatch):
    from tests import synthetic

    made = synthetic._Scene.__init__

    def init(self, *args):
        made(self, *args)
        self.row |= {"dataset": "elsewhere", "sha256": "f" * 64}

    monkeypatch.setattr(synthetic._Scene, "__init__", init)
    make_run(tmp_path, "elsewhere", n_images=3, n_layers=L)
    with open_run(tmp_path) as other:
        pair = compare_queries.open_pair(run, other)
        assert compare_queries.shared_images(pair) == 0
        assert compared(pair, "baseline", "baseline", (L, L)).empty
        pair.close()


def test_measures_are_those_that_both_sides_have(run):
    pair = compare_queries.open_pair(run, run)
    both = {tuple(row) for row in compare_queries.measures(pair, "baseline", "skip:5").values}
    pair.close()
    curves = run.table("curve")
    sides = [
        {tuple(row) for row in curves[curves["condition_id"] == name][["metric", "against"]].values}
        for name in ("baseline", "skip:5")
    ]
    assert both == sides[0] & sides[1]
    assert ("rouge_l", "reference") in both
