"""Curves against a loop over images and samples."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from store import open_run
from store.schema import CAPTION_METRICS, LAYER_METRICS
from store.statistics import bootstrap, intervals, matrices
from tests.store.slow import left_out, slow_summary
from tests.synthetic import image_id, make_run


def long(run: Path) -> pd.DataFrame:
    """Everything that has a curve, one value a row."""
    with open_run(run) as opened:
        stats, captions = opened.table("layer_stat"), opened.table("caption")
        key = ["condition_id", "image_id", "layer"]
        frames = [opened.table("score")]
        for frame, metrics in ((stats, LAYER_METRICS), (captions, CAPTION_METRICS)):
            melted = frame.melt(key, list(metrics), "metric")
            final = melted.metric == "final_logprob"
            frames.append(melted.assign(against=np.where(final, "final", "self")))
    return pd.concat(frames).astype({"value": float})


KEY = ["condition_id", "metric", "against", "layer"]


def test_curves_equal_a_slow_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "N_BOOTSTRAP", 40)
    monkeypatch.setattr(matrices, "_CHUNK", 4)  # several chunks of 12 images
    monkeypatch.setattr(matrices, "_CELLS", 1)
    monkeypatch.setattr(matrices, "_COLUMNS", 50)
    monkeypatch.setattr(matrices, "_FEW", 7)
    run = make_run(tmp_path, n_images=12, n_layers=4, conditions=True)
    weights = bootstrap.bootstrap_weights(12)
    data = long(run)
    images = [image_id(i) for i in range(12)]
    with open_run(run) as opened:
        curve = opened.table("curve").set_index(KEY)
        band = opened.table("band").set_index(KEY)
        without = left_out(opened.table("condition"))
    assert any(without.values()) and not all(without.values())
    data = data[
        [
            image not in without[condition]
            for condition, image in zip(data.condition_id, data.image_id, strict=True)
        ]
    ]
    groups = {at: group for at, group in data.groupby(KEY) if group.value.notna().any()}
    assert set(groups) == set(curve.index)
    for at in list(groups)[::5]:
        by_image = dict(zip(groups[at].image_id, groups[at].value, strict=True))
        _, metric, against, layer = at
        share = metric == "exact" and not (against == "final" and layer == 4)
        expected = slow_summary(by_image, images, weights, share)
        got = tuple(curve.loc[at, ["n", "mean", "low", "high"]])
        assert got == pytest.approx(expected, rel=1e-3, abs=1e-3, nan_ok=True)
    assert set(band.index) == set(curve.index)
    for name in ([*next(iter(groups))[:3]], ["baseline", "rouge_l", "reference"]):
        layers = sorted({at[3] for at in groups if list(at[:3]) == name})
        columns = [
            [dict(zip(g.image_id, g.value, strict=True)).get(i, np.nan) for i in images]
            for g in (groups[*name, layer] for layer in layers)
        ]
        values = np.array(columns).T
        samples = np.array([row @ values / 12 for row in weights])
        low, high = intervals.simultaneous(
            values.mean(0), samples, np.full(len(layers), 12), np.zeros(len(layers), bool)
        )
        got = band.loc[[(*name, layer) for layer in layers]]
        assert got["low"].to_numpy() == pytest.approx(low, nan_ok=True)
        assert got["high"].to_numpy() == pytest.approx(high, nan_ok=True)


def test_the_last_caption_against_itself_has_no_uncertain_share(tmp_path: Path) -> None:
    run = make_run(tmp_path, n_images=12, n_layers=3)
    with open_run(run) as opened:
        exact = opened.table("curve", "metric = 'exact' AND \"against\" = 'final'")
    last, others = exact[exact["layer"] == 3].iloc[0], exact[exact["layer"] < 3]
    assert (last["mean"], last["low"], last["high"]) == (1, 1, 1)
    assert (others["high"] > others["low"]).all()
