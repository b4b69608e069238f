"""Curves and convergence against slow, obvious computations."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import open_run, summaries
from store.parts import stage_folder, write_part
from store.publish import publish
from store.schema import CAPTION_METRICS, LAYER_METRICS
from store.text import normalise
from tests.synthetic import begin_run, image_id, make_run


def slow_interval(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The bootstrap one sample at a time, each image written out as often as it was drawn."""
    means = []
    for row in weights:
        drawn = [v for v, times in zip(values, row, strict=True) for _ in range(times)]
        drawn = [v for v in drawn if np.isfinite(v)]
        if drawn:
            means.append(np.mean(drawn))
    return float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))


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


def test_curves_equal_a_slow_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summaries, "N_BOOTSTRAP", 40)
    monkeypatch.setattr(summaries, "_CHUNK", 4)  # several chunks of 9 images
    run = make_run(tmp_path, n_images=9, n_layers=3)
    weights = summaries.bootstrap_weights(9)
    data = long(run)
    images = [image_id(i) for i in range(9)]
    with open_run(run) as opened:
        curve = opened.table("curve").set_index(["metric", "against", "layer"])
    groups = {at: group for at, group in data.groupby(["metric", "against", "layer"])
              if group.value.notna().any()}
    assert set(groups) == set(curve.index)
    for at, group in groups.items():
        values = group.set_index("image_id").value.reindex(images).to_numpy()
        row = curve.loc[at]
        assert row.n == np.isfinite(values).sum()
        assert row["mean"] == pytest.approx(np.nanmean(values))
        assert (row.low, row.high) == pytest.approx(slow_interval(values, weights))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 5), st.integers(0, 9999))
def test_chunks_do_not_matter_and_gaps_are_left_out(n: int, k: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, k))
    values[rng.random((n, k)) < 0.3] = np.nan
    weights = rng.multinomial(n, np.full(n, 1 / n), size=30).astype(np.uint8)
    cut = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    summary = summaries.summarise(iter([(s, values[s]) for s in cut]), weights, k)
    for column in range(k):
        mine = values[:, column]
        there = np.isfinite(mine)
        assert summary.n[column] == there.sum()
        if weights[:, there].sum():
            low, high = slow_interval(mine, weights)
            assert summary.mean[column] == pytest.approx(mine[there].mean())
            assert (summary.low[column], summary.high[column]) == pytest.approx((low, high))


def test_weights_draw_as_many_images_as_there_are(tmp_path: Path) -> None:
    kept = summaries.bootstrap_weights(50, tmp_path / "w")
    assert (kept.sum(axis=1) == 50).all()
    np.testing.assert_array_equal(kept, summaries.bootstrap_weights(50))


def brute_force(there: list[bool]) -> int | None:
    """The least layer from which all are there, tried one by one."""
    return next((layer for layer in range(len(there)) if all(there[layer:])), None)


TEXTS = st.lists(st.sampled_from(["a cat", "A  cat.", "a dog", "", "a cat!"]),
                 min_size=1, max_size=6)


@settings(max_examples=15, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=6), st.integers(0, 9999))
def test_convergence_equals_brute_force(
    tmp_path_factory: pytest.TempPathFactory, stories: list[list[str]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    run = begin_run(tmp_path_factory.mktemp("r"), "c", 5, 1, (1, 1), 0)
    scores = [[None if rng.random() < 0.1 else float(rng.choice([0.5, 0.9, 1.0]))
               for _ in story] for story in stories]
    at = [(i, layer) for i, story in enumerate(stories) for layer in range(len(story))]
    with write_part(stage_folder(run, "capture", {}), "p0") as part:
        part.table("image", [{"image_id": image_id(i)} for i in range(len(stories))])
        part.table("caption", [{"condition_id": "baseline", "image_id": image_id(i),
                                "layer": layer, "text": stories[i][layer]} for i, layer in at])
        part.table("score", [{"condition_id": "baseline", "image_id": image_id(i),
                              "layer": layer, "metric": "rouge_l", "against": "final",
                              "value": scores[i][layer]} for i, layer in at])
    publish(run)
    with open_run(run) as opened:
        stats = opened.table("image_stat").set_index(["metric", "image_id"]).value
    for i, story in enumerate(stories):
        same = [normalise(text) == normalise(story[-1]) for text in story]
        assert stats["convergence_layer", image_id(i)] == brute_force(same)
        near = brute_force([value is not None and value >= 0.9 for value in scores[i]])
        got = stats["convergence_layer_rouge_l", image_id(i)]
        assert pd.isna(got) if near is None else got == near
