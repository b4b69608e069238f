"""Curves against a loop over images and samples."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from store import open_run
from store.schema import CAPTION_METRICS, LAYER_METRICS
from store.statistics import bootstrap
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
    monkeypatch.setattr(bootstrap, "_CHUNK", 4)  # several chunks of 9 images
    monkeypatch.setattr(bootstrap, "_CELLS", 1)
    monkeypatch.setattr(bootstrap, "_COLUMNS", 50)
    monkeypatch.setattr(bootstrap, "_FEW", 7)
    run = make_run(tmp_path, n_images=9, n_layers=4, conditions=True)
    weights = bootstrap.bootstrap_weights(9)
    data = long(run)
    images = [image_id(i) for i in range(9)]
    with open_run(run) as opened:
        curve = opened.table("curve").set_index(KEY)
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
    for at in list(groups)[::7]:
        by_image = dict(zip(groups[at].image_id, groups[at].value, strict=True))
        expected = slow_summary(by_image, images, weights)
        assert tuple(curve.loc[at, ["n", "mean", "low", "high"]]) == pytest.approx(expected)
