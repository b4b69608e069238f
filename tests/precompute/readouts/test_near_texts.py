"""The nearest texts of every state, against a sort of each text's own log-probability."""

import pytest
import torch

from precompute.forward.capture import capture
from precompute.readouts.near_texts import COUNT, near_rows, nearest_texts
from tests.precompute.models.tiny_clip import MADE, TEMPLATE, TEXTS


@pytest.mark.parametrize("family", MADE)
def test_the_nearest_are_those_of_a_sort_over_all_texts(family, pictures):
    reader = MADE[family]()
    states = capture(reader.tower, reader.pixels(pictures)).states
    words = nearest_texts(reader, states, TEMPLATE)
    rows = near_rows([str(i) for i in range(5)], words)
    assert len(rows) == 4 * 5 * COUNT
    for layer, state in enumerate(states):
        memory = reader.read(state, TEMPLATE)
        each = torch.stack([reader.logprob(memory, [[k]] * 5) for k in range(len(TEXTS))])
        for image in range(5):
            order = sorted(range(len(TEXTS)), key=lambda k: -each[k, image].item())[:COUNT]
            of_state = [r for r in rows if (r["layer"], r["image_id"]) == (layer, str(image))]
            assert [row["text"] for row in of_state] == [TEXTS[k] for k in order]
            assert [row["rank"] for row in of_state] == [1, 2, 3, 4, 5]
            assert [row["probability"] for row in of_state] == pytest.approx(
                [each[k, image].exp().item() for k in order], abs=1e-6
            )


def test_a_short_list_has_no_more_than_its_texts(pictures):
    reader = MADE["clip"](TEXTS[:2])
    states = capture(reader.tower, reader.pixels(pictures)).states
    assert {len(of_image) for of_layer in nearest_texts(reader, states, TEMPLATE)
            for of_image in of_layer} == {2}  # fmt: skip
