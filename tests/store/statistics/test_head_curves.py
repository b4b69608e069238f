"""Means of heads against a loop over images and samples."""

from pathlib import Path

import pandas as pd
import pytest

from store import open_run
from store.statistics import bootstrap
from tests.store.slow import left_out, slow_summary
from tests.synthetic import image_id, make_run

STATS = ["attn_to_patches", "attn_entropy", "contribution_norm", "contribution_share"]
KEY = ["condition_id", "metric", "against", "layer", "head"]


def test_head_curves_equal_a_slow_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "N_BOOTSTRAP", 40)
    monkeypatch.setattr(bootstrap, "_CHUNK", 4)
    monkeypatch.setattr(bootstrap, "_CELLS", 1)
    run = make_run(tmp_path, n_images=9, n_layers=4, conditions=True)
    weights, images = bootstrap.bootstrap_weights(9), [image_id(i) for i in range(9)]
    with open_run(run) as opened:
        at = ["condition_id", "image_id", "layer", "head"]
        frames = [
            opened.table("head_stat").melt(at, STATS, "metric").assign(against="self"),
            opened.table("head_effect")
            .melt(at, ["gradient", "without"], "metric")
            .assign(against="self"),
            opened.table("head_score"),
        ]
        curve = opened.table("head_curve").set_index(KEY)
        without = left_out(opened.table("condition"))
    data = pd.concat(frames).astype({"value": float}).dropna(subset="value")
    data = data[
        [
            image not in without[condition]
            for condition, image in zip(data.condition_id, data.image_id, strict=True)
        ]
    ]
    groups = dict(list(data.groupby(KEY)))
    assert set(groups) == set(curve.index)
    for key in list(groups)[::11]:
        by_image = dict(zip(groups[key].image_id, groups[key].value, strict=True))
        expected = slow_summary(by_image, images, weights)
        assert tuple(curve.loc[key, ["n", "mean", "low", "high"]]) == pytest.approx(expected)
