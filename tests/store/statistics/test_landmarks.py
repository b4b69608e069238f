"""Landmarks against their rules, tried layer by layer, sample by sample."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import open_run
from store.parts.write import stage_folder, write_part
from store.publish.generation import publish
from store.statistics import landmarks
from store.statistics.bootstrap import bootstrap_weights
from tests.synthetic import begin_run, image_id

LAYERS, IMAGES = 5, 8


@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_first_stays_by_trying_every_layer(holds: list[bool]) -> None:
    expected = next((k for k in range(len(holds)) if all(holds[k:])), np.inf)
    assert landmarks.first_stays(np.array(holds)) == expected


def slow(rule: str, curves: dict[str, list[float]]) -> float:
    """The rules in words, one layer at a time."""

    def holds(layer: int) -> bool:
        if rule == "confidence_onset":
            sure, again = curves["mean_logprob"], curves["repetition"]
            return sure[layer] >= sure[-1] - np.log(2) and again[layer] <= again[-1] + 0.05
        if rule == "cider_plateau":
            cider = curves["cider"]
            return abs(cider[layer] - cider[-1]) <= 0.01 * abs(cider[-1])
        gain = curves["grounded_gain_cider"]
        return gain[layer] >= 0.5 * gain[-1] and gain[-1] > 0

    return next((k for k in range(LAYERS) if all(map(holds, range(k, LAYERS)))), np.inf)


def write_curves(run: Path, values: dict[str, np.ndarray]) -> None:
    at = [(i, layer) for i in range(IMAGES) for layer in range(LAYERS)]
    where = [
        {"condition_id": "baseline", "image_id": image_id(i), "layer": layer} for i, layer in at
    ]
    against = {"repetition": "self", "cider": "reference", "grounded_gain_cider": "shuffled"}
    with write_part(stage_folder(run, "capture", {}), "p0") as part:
        part.table("image", [{"image_id": image_id(i)} for i in range(IMAGES)])
        part.table(
            "caption",
            [
                {**row, "text": "a", "mean_logprob": values["mean_logprob"][group]}
                for row, group in zip(where, at, strict=True)
            ],
        )
        part.table(
            "score",
            [
                {**row, "metric": metric, "against": kind, "value": values[metric][group]}
                for metric, kind in against.items()
                for row, group in zip(where, at, strict=True)
            ],
        )
        part.table(
            "answer",
            [
                {**row, "question": q, "text": "a", "expected": "a", "score": values[q][group]}
                for q in ("q1", "q2")
                for row, group in zip(where, at, strict=True)
            ],
        )


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 9999))
def test_landmarks_equal_a_slow_loop(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rise = np.sort(rng.random((1, LAYERS)), axis=1)
    shape = (IMAGES, LAYERS)
    values = {
        "mean_logprob": -2 + 2 * rise + 0.3 * rng.normal(size=shape),
        "repetition": 0.1 * rng.random(shape),
        "cider": np.minimum(rise * 1.3, 1) + 0.004 * rng.normal(size=shape),
        "grounded_gain_cider": rise + rng.normal(size=shape) * 0.3 - (seed % 3 == 0),
        "q1": rng.integers(0, 2, shape),
        "q2": rng.integers(0, 2, shape),
    }
    values = {name: group.astype(np.float32) for name, group in values.items()}
    run = begin_run(tmp_path_factory.mktemp("r"), "c", LAYERS, 1, (1, 1), 0)
    write_curves(run, values)
    publish(run)
    weights = bootstrap_weights(IMAGES)
    with open_run(run) as opened:
        matches = opened.table("landmark").set_index("metric")
        curve = opened.table("curve").set_index(["metric", "layer"])
    assert set(matches.index) == {"confidence_onset", "cider_plateau", "grounding_onset_cider"}
    for name, row in matches.iterrows():
        drawn = []
        for weight in weights:
            curves = {
                m: (weight @ group.astype(float) / IMAGES).tolist() for m, group in values.items()
            }
            drawn.append(slow(str(name), curves))
        ordered = sorted(drawn)
        low, high = (
            ordered[int(np.ceil(0.025 * len(ordered))) - 1],
            ordered[int(np.ceil(0.975 * len(ordered))) - 1],
        )
        here = slow(
            str(name), {m: group.astype(float).mean(0).tolist() for m, group in values.items()}
        )
        for got, expected in ((row.layer, here), (row.low, low), (row.high, high)):
            assert (np.inf if pd.isna(got) else got) == expected
        assert "at all layers above" in row.rule
    for layer in range(LAYERS):
        expected = (values["q1"][:, layer] + values["q2"][:, layer]).mean() / 2
        assert curve.loc["answer_accuracy", layer]["mean"] == pytest.approx(expected)


def test_a_run_without_grounding_has_no_grounding_onset() -> None:
    names = [rule.name for rule in landmarks.rules([("mean_logprob", "self"), ("exact", "final")])]
    assert names == []
