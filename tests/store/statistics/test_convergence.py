"""Convergence of images against trying layer by layer."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import open_run
from store.parts.write import stage_folder, write_part
from store.publish.generation import publish
from store.text import normalise
from tests.synthetic import begin_run, image_id, make_run


def brute_force(there: list[bool]) -> int | None:
    """The least layer from which all are there, tried one by one."""
    return next((layer for layer in range(len(there)) if all(there[layer:])), None)


TEXTS = st.lists(
    st.sampled_from(["a cat", "A  cat.", "a dog", "", "a cat!"]), min_size=1, max_size=6
)


@settings(max_examples=15, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=6), st.integers(0, 9999))
def test_convergence_equals_brute_force(
    tmp_path_factory: pytest.TempPathFactory, trajectories: list[list[str]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    run = begin_run(tmp_path_factory.mktemp("r"), "c", 5, 1, (1, 1), 0)
    scores = [
        [None if rng.random() < 0.1 else float(rng.choice([0.5, 0.9, 1.0])) for _ in captions]
        for captions in trajectories
    ]
    at = [(i, layer) for i, captions in enumerate(trajectories) for layer in range(len(captions))]
    with write_part(stage_folder(run, "capture", {}), "p0") as part:
        part.table("image", [{"image_id": image_id(i)} for i in range(len(trajectories))])
        part.table(
            "caption",
            [
                {
                    "condition_id": "baseline",
                    "image_id": image_id(i),
                    "layer": layer,
                    "text": trajectories[i][layer],
                }
                for i, layer in at
            ],
        )
        part.table(
            "score",
            [
                {
                    "condition_id": "baseline",
                    "image_id": image_id(i),
                    "layer": layer,
                    "metric": "rouge_l",
                    "against": "final",
                    "value": scores[i][layer],
                }
                for i, layer in at
            ],
        )
    publish(run)
    with open_run(run) as opened:
        stats = opened.table("image_stat").set_index(["metric", "image_id"]).value
    for i, captions in enumerate(trajectories):
        same = [normalise(text) == normalise(captions[-1]) for text in captions]
        assert stats["convergence_layer", image_id(i)] == brute_force(same)
        near = brute_force([value is not None and value >= 0.9 for value in scores[i]])
        got = stats["convergence_layer_rouge_l", image_id(i)]
        assert pd.isna(got) if near is None else got == near


def test_only_what_was_decoded_at_all_layers_converges(tmp_path: Path) -> None:
    run = make_run(tmp_path, n_images=4, conditions=True)
    with open_run(run) as opened:
        layers = (
            opened.sql(
                "SELECT condition_id, count(DISTINCT layer) AS n FROM caption GROUP BY condition_id"
            )
            .set_index("condition_id")
            .n
        )
        stats = opened.table("image_stat", "metric LIKE 'convergence%'")
    whole = set(layers[layers == 6].index)
    assert 1 < len(whole) < len(layers)
    assert set(stats.condition_id) == whole
