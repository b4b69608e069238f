"""Means of heads against a loop over images and samples."""

from pathlib import Path

import pandas as pd
import pytest

from store import open_run
from store.statistics import bootstrap, intervals, matrices
from tests.store.slow import left_out, slow_summary
from tests.synthetic import image_id, make_run

STATS = ["attn_to_patches", "attn_entropy", "contribution_norm", "contribution_share"]
KEY = ["condition_id", "metric", "against", "layer", "head"]


def test_head_curves_equal_a_slow_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "N_BOOTSTRAP", 40)
    monkeypatch.setattr(matrices, "_CHUNK", 4)
    monkeypatch.setattr(matrices, "_CELLS", 1)
    run = make_run(tmp_path, n_images=12, n_layers=4, conditions=True)
    weights, images = bootstrap.bootstrap_weights(12), [image_id(i) for i in range(12)]
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
        expected = slow_summary(by_image, images, weights, key[1] == "exact")
        got = tuple(curve.loc[key, ["n", "mean", "low", "high"]])
        assert got == pytest.approx(expected, rel=1e-3, abs=1e-3, nan_ok=True)


def test_effects_of_heads_alone_have_p_values(tmp_path: Path) -> None:
    run = make_run(tmp_path, n_images=14, n_layers=4, conditions=True)
    with open_run(run) as opened:
        curve = opened.table("head_curve")
        effects = opened.table("head_effect")
    rows = curve[curve["metric"] == "gradient"].sort_values(["layer", "head"])
    assert curve.loc[curve["adjusted_p"].notna(), "metric"].isin(["gradient", "without"]).all()
    wide = effects.pivot_table(index="image_id", columns=["layer", "head"], values="gradient")
    samples = bootstrap.bootstrap_weights(14) @ wide.to_numpy() / 14
    expected = intervals.adjusted_p(rows["mean"].to_numpy(), samples, rows["n"].to_numpy())
    assert rows["adjusted_p"].to_numpy() == pytest.approx(expected, abs=2e-3, nan_ok=True)
    assert rows["adjusted_p"].notna().all()
