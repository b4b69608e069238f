"""Conditions on the picture: the states of a batch that is broken, and how far they lie apart."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.forward import run_states
from precompute.inputs import Clean, break_pixels
from precompute.interventions.apply import Prepared, States
from precompute.models import Captioner
from precompute.runner import Row
from store.metrics import STATE_COSINE
from store.schema import BASELINE


def broken_pixels(
    captioner: Captioner, clean: Clean, prepared: Iterable[Prepared]
) -> Iterator[tuple[Prepared, Float[Tensor, "batch 3 y x"]]]:
    """Every condition on the picture, with the pixels that the tower then sees."""
    for p in prepared:
        assert p.condition.broken is not None
        yield p, break_pixels(captioner, p.condition.broken, clean)


def broken_states(
    captioner: Captioner, clean: Clean, prepared: Iterable[Prepared]
) -> Iterator[tuple[Prepared, States]]:
    """Conditions on the picture and their states Z^0..Z^L, edits of layers included."""
    tower = captioner.tower
    for p, pixels in broken_pixels(captioner, clean, prepared):
        state = tower.embed(pixels)
        yield p, [state, *run_states(tower, state, p.edits)]


def state_cosine(one: States, other: States) -> Float[Tensor, "batch states"]:
    """Cosine between two states of an image at every layer, mean over tokens, in [-1, 1].

    Token by token: where patches were moved, a place is held against what now lies there.
    """
    return torch.stack(
        [
            torch.cosine_similarity(a.float(), b.float(), dim=-1).mean(1)
            for a, b in zip(one, other, strict=True)
        ],
        1,
    )


def cosine_rows(condition_id: str, ids: Sequence[str], cosines: Tensor) -> list[Row]:
    """Rows of `score`: of every image at every layer, against the clean picture's state."""
    return [
        {
            "condition_id": condition_id,
            "image_id": image_id,
            "layer": layer,
            "metric": STATE_COSINE,
            "against": BASELINE,
            "value": value,
        }
        for image_id, of_image in zip(ids, cosines.tolist(), strict=True)
        for layer, value in enumerate(of_image)
    ]
