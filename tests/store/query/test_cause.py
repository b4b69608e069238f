"""The queries of broken pictures and of pairs, against plain Python over the same rows."""

import math
from statistics import median

import pandas as pd
import pytest
from scipy.stats import spearmanr

from store import open_run
from store.query import broken, patching
from store.statistics.patching import interval
from tests.synthetic import make_run
from tests.synthetic_cause import BROKEN, make_caused

L, H, N = 3, 3, 16


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with open_run(make_caused(tmp_path_factory.mktemp("r"), 11, L, H, n_pairs=12)) as opened:
        yield opened


def test_conditions_and_measures_are_those_of_broken_pictures(run):
    assert set(broken.conditions(run)["condition_id"]) == set(BROKEN)
    pairs = set(broken.measures(run).itertuples(index=False, name=None))
    assert {("exact", "baseline"), ("state_cosine", "baseline"), ("repetition", "self")} <= pairs
    assert not any(metric == "map_shift" for metric, _ in pairs)


def test_curves_are_means_over_images(run):
    rows = broken.curves(run, "state_cosine", "baseline")
    assert set(rows["condition_id"]) == set(BROKEN)
    values = run.table("score", "metric = 'state_cosine'")
    means = values.groupby(["condition_id", "layer"])["value"].mean()
    for row in rows.itertuples():
        assert row.mean == pytest.approx(means[row.condition_id, row.layer], abs=1e-6)
    own = broken.curves(run, "repetition", "self")
    assert own["condition_id"].iloc[0] == "baseline"


def test_where_stories_part_is_counted(run):
    stat = run.table("image_stat")
    for row in broken.divergence(run).itertuples():
        of = stat[stat["condition_id"] == row.condition_id].set_index(["metric", "image_id"])
        first = of.value["divergence_layer"].dropna()
        lasting = of.value["lasting_divergence_layer"].dropna()
        assert (row.n, row.for_good) == (11, len(lasting))
        assert row.first == pytest.approx(median(first))
        assert row.lasting == pytest.approx(median(lasting))


def test_pictures_are_ranked_by_where_they_part_for_good(run):
    condition = "gaussian_noise@5"
    pages = [broken.first_to_break(run, condition, 4, start) for start in (0, 4, 8)]
    rows = [row for page in pages for row in page.itertuples()]
    stat = run.table(
        "image_stat", "condition_id = ? AND metric = 'lasting_divergence_layer'", [condition]
    )
    value = dict(zip(stat["image_id"], stat["value"], strict=True))
    expected = sorted(value, key=lambda i: (math.inf if math.isnan(value[i]) else value[i], i))
    assert [row.image_id for row in rows] == expected
    last = run.table("caption", "layer = ?", [L]).set_index(["condition_id", "image_id"]).text
    for row in rows:
        assert row.before == last["baseline", row.image_id]
        assert row.after == last[condition, row.image_id]


def test_curves_over_pairs_are_means_of_their_two_ways(run):
    effects = run.table("patch_effect", "chosen = 'all'")
    rows = patching.curves(run)
    assert len(rows) == 3 * (L + 1) + 2 * L
    for row in rows.itertuples():
        of = effects[(effects["site"] == row.site) & (effects["layer"] == row.layer)]
        means = [
            sum(of.loc[of["pair"] == pair, "exact"]) / 2 for pair in sorted(of["pair"].unique())
        ]
        assert row.n == len(means) == 11
        assert row.mean == pytest.approx(sum(means) / 11, abs=1e-6)
        assert row.low < row.mean < row.high
    assert all(map(math.isnan, interval(effects["exact"].to_numpy()[:9])))  # too few pairs


def test_trust_in_the_gradient_is_spearman_s(run):
    effects = run.table("patch_effect")
    rows = patching.trust(run)
    assert len(rows) == 4
    for row in rows.itertuples():
        of = effects[(effects["site"] == row.site) & (effects["chosen"] == row.chosen)]
        each = [
            spearmanr(way["gradient"], way["exact"]).statistic
            for _, way in of.groupby(["pair", "side"])
        ]
        assert row.n == len(each) == 22
        assert row.rank == pytest.approx(sum(each) / len(each), abs=1e-6)


def test_a_pair_has_its_stories_pictures_and_effects(run):
    pairs = patching.pairs(run)
    assert list(pairs["pair"]) == [f"{i:02}" for i in range(12)]
    assert pairs["span_a"].isna().tolist() == [False] * 11 + [True]
    stories = patching.stories(run, "03")
    assert stories["layer"].tolist() == list(range(L + 1))
    assert stories["b"].iloc[2] == "story b of 2"
    (seen,) = patching.pictures(run, "03").to_dict("records")
    assert seen["picture_a"].startswith(b"\xff\xd8")
    effects = patching.effects(run, "03", "b")
    assert len(effects) == 3 * (L + 1) + 2 * L + L * H + (L + 1) * N
    assert patching.effects(run, "11", "a").empty


@pytest.mark.parametrize("text", [None, "", "no base64", "aGVsbG8="])
def test_what_is_no_picture_is_not_given_out(run, text):
    class Stranger:
        def sql(self, query, params=()):
            return pd.DataFrame({"picture_a": [text], "picture_b": [text]})

    assert patching.pictures(Stranger(), "x").iloc[0].tolist() == [None, None]


def test_a_run_without_them_has_none(tmp_path):
    with open_run(make_run(tmp_path, n_images=2, with_scores=False)) as opened:
        assert broken.conditions(opened).empty
        assert patching.trust(opened).empty
        assert patching.curves(opened).empty
