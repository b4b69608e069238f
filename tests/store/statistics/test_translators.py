"""Gains of readers above the native one and controls: against a loop over images and samples."""

import numpy as np
import pytest
from scipy.stats import t as student

from store import open_run
from store.query import translators as queries
from store.statistics.bootstrap import bootstrap_weights
from tests.synthetic_translators import GAIN, HIDDEN, condition_of, with_readers

N, TOP = 14, 5


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with open_run(with_readers(tmp_path_factory.mktemp("readers"), N, TOP)) as run:
        yield run


def test_differences_and_their_intervals_equal_a_loop(opened):
    scores = opened.table("score", "metric = ?", [GAIN])
    value = scores.set_index(["condition_id", "image_id", "layer"]).value
    images = sorted(opened.table("image").image_id)
    got = queries.gains(opened, "tuned").set_index(["versus", "layer"])
    assert set(got.metric) == {GAIN} and set(got.against) == {"shuffled"}
    pairs = [
        (versus, layer)
        for versus in ("baseline", "bias", "untrained", "zero")
        for layer in range(TOP)
        if (versus, layer) != ("zero", 0)
    ]
    assert set(got.index) == set(pairs)
    draws = bootstrap_weights(N)
    each, samples = {}, {}
    for versus, layer in pairs:
        role = {"baseline": "native", "zero": "tuned"}.get(versus, versus)
        other = 0 if versus == "zero" else layer
        differences = np.array(
            [
                value.get(("tuned", i, layer), np.nan)
                - value.get((condition_of(role), i, other), np.nan)
                for i in images
            ]
        )
        each[versus, layer] = differences
        there = np.isfinite(differences)
        assert there.sum() == N - 1, "one image fitted the translators"
        samples[versus, layer] = np.array(
            [(w[there] * differences[there]).sum() / w[there].sum() for w in draws]
        )
    worst = np.zeros(len(draws))
    for pair in pairs:
        off = np.abs(samples[pair] - np.nanmean(each[pair])) / samples[pair].std()
        worst = np.maximum(worst, off)
    z = np.quantile(worst, 0.95)
    from statistics import NormalDist

    wide = student.ppf(NormalDist().cdf(z), N - 2)
    for pair in pairs:
        row = got.loc[pair]
        mean = np.nanmean(each[pair])
        half = wide * samples[pair].std() * np.sqrt((N - 1) / (N - 2))
        assert (row.n, row.difference) == (N - 1, pytest.approx(mean, abs=1e-6))
        assert row.low == pytest.approx(mean - half, rel=2e-2, abs=2e-3)
        assert row.high == pytest.approx(mean + half, rel=2e-2, abs=2e-3)


def test_the_lens_is_held_against_few(opened):
    assert set(queries.gains(opened, "tuned-jacobian").versus) == {"baseline", "bias", "zero"}
    assert queries.gains(opened, "tuned-bias").empty


def test_present_is_said_only_where_all_differences_are_above_zero(opened):
    gains = queries.gains(opened, "tuned")
    told = queries.unread(gains).set_index("layer")
    assert list(told.index) == [1, 2, 3, 4]
    assert set(told.index[told.present]) == set(HIDDEN)
    # One comparison that fails, or is not there, is enough.
    worse = gains.assign(low=gains.low.where(gains.versus.ne("bias") | gains.layer.ne(2), -0.1))
    assert set(queries.unread(worse).query("present").layer) == {3}
    lacking = gains[gains.versus.ne("bias") | gains.layer.ne(3)]
    assert set(queries.unread(lacking).query("present").layer) == {2}


def test_they_are_no_changes_of_the_model_and_no_edits(opened):
    from store.query import conditions

    readers = set(queries.readers(opened).condition_id)
    assert readers == {condition_of(role) for role in ("tuned", "bias", "untrained", "jacobian")}
    assert not readers & set(opened.table("change").condition_id)
    assert not readers & set(conditions.conditions(opened).condition_id)
    assert not readers & set(conditions.edited_captions(opened, "img00001").condition_id)
    assert not readers & set(conditions.at_last_layer(opened, "final_kl", "final").condition_id)
    assert "final_kl" not in set(conditions.sweep_metrics(opened).metric)
