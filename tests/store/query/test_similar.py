"""Likeness of stories against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.query import images as queries
from store.query import similar
from store.query.images import Selection
from store.query.similar import Likeness
from tests.store.memory import Memory

IMAGES = ("a", "b", "c", "d", "e")
scores = st.sampled_from((None, float("nan"), -0.25, 0.0, 0.3, 0.5, 0.9, 1.0, 1.5))
trajectories = st.fixed_dictionaries(
    {image: st.lists(scores, min_size=4, max_size=4) for image in IMAGES}
)


def memory(changes):
    rows = []
    for image, values in changes.items():
        for layer, value in enumerate(values, start=1):
            at = {"condition_id": "baseline", "image_id": image, "layer": layer}
            rows += [
                {**at, "metric": "rouge_l", "against": "previous", "value": value},
                # What must not be taken for it.
                {**at, "metric": "rouge_l", "against": "final", "value": 0.1 * layer},
                {**at, "metric": "exact", "against": "previous", "value": 0.0},
                {
                    **at,
                    "condition_id": "skip:1",
                    "metric": "rouge_l",
                    "against": "previous",
                    "value": 0.2,
                },
            ]
    return Memory(
        run=[{"run_id": "r", "n_layers": 4}],
        score=rows,
        image=[{"image_id": image} for image in changes],
    )


def slow(changes, mine):
    """Image -> distance, one layer after the other."""

    def change(image):
        return {
            layer: max(1 - float(np.float32(value)), 0.0)
            for layer, value in enumerate(changes[image])
            if value is not None and not np.isnan(value)
        }

    q = change(mine)
    got = {}
    for image in changes:
        p = {layer: c for layer, c in change(image).items() if layer in q}
        if sum(p.values()) > 0 and sum(q.values()) > 0:
            common = 0.0
            for layer, c in p.items():
                common += np.sqrt(c / sum(p.values()) * q[layer] / sum(q.values()))
            got[image] = np.sqrt(max(1 - common, 0.0))
    return got


@settings(max_examples=80, deadline=None)
@given(trajectories, st.sampled_from(IMAGES))
def test_the_order_is_that_of_a_loop(changes, mine):
    rows = queries.filter_images(memory(changes), Selection(), Likeness(mine, "rouge_l"))
    expected = slow(changes, mine)
    got = rows.dropna(subset="sort_value").set_index("image_id")["sort_value"].astype(float)
    assert dict(got) == pytest.approx(expected, abs=2e-7)
    assert got.is_monotonic_increasing
    assert list(rows["image_id"][len(got) :]) == sorted(set(changes) - set(expected))
    # A root near 0 magnifies what rounding leaves.
    assert got.get(mine, 0.0) == pytest.approx(0.0, abs=1e-7)


def test_the_same_layers_are_near_and_others_far():
    rows = queries.filter_images(
        memory(
            {
                "a": [1.0, 0.0, 1.0, 1.0],
                "b": [1.0, 0.5, 1.0, 1.0],
                "c": [0.0, 1.0, 1.0, 1.0],
                "d": [0.5, 0.5, 1.0, 1.0],
                "e": [1.0, 1.0, 1.0, 1.0],
            }
        ),
        Selection(),
        Likeness("a", "rouge_l"),
    )
    # b changes half as much, at the same layer; d at that and another; c elsewhere; e never.
    assert list(rows["image_id"]) == ["a", "b", "d", "c", "e"]
    assert rows["sort_value"][3] == 1.0
    assert rows["sort_value"].isna()[4]


def test_an_image_that_never_changes_or_is_not_there_is_like_none():
    run = memory({"a": [1.0] * 4, "b": [0.5] * 4})
    for image in ("a", "gone", "'; --"):
        rows = queries.filter_images(run, Selection(), Likeness(image, "rouge_l"))
        assert rows["sort_value"].isna().all()
        assert len(rows) == 2


def test_captions_are_compared_by_the_best_metric_there_is():
    curves = [
        {"condition_id": "baseline", "layer": 1, "metric": metric, "against": against}
        for metric, against in (
            ("exact", "previous"),
            ("rouge_l", "previous"),
            ("bertscore", "final"),
        )
    ]
    assert similar.metric_of(Memory(curve=curves)) == "rouge_l"
    assert similar.metric_of(Memory(curve=curves), "skip:1") is None
