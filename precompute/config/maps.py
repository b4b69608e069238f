"""The sections of a configuration on maps: of single words, and how far maps can be believed."""

from typing import Annotated, Literal

from pydantic import Field

from precompute.config.section import Section, Seed

Chosen = Annotated[int, Field(ge=0)] | tuple[str, ...]
"""Images of a data set: how many of its first, or their ids."""

Fill = Literal["blur", "mean"]
"""What stands where patches are taken away: the picture, blurred, or its mean colour."""

MAP_KINDS = (
    "attention",
    "contribution",
    "head",
    "rollout",
    "gradient_attention",
    "gradient_state",
)
"""The maps that are tried; `precompute.maps.kinds` says what each is."""


class WordMapsConfig(Section):
    """Which patches carry each word of a caption (`precompute.maps.word_maps`).

    Attributes:
        images: of which images: their ids, or how many of a data set's first.
        layers: states Z^l in which gradients are taken, 0..L; if none are named, the last and
            those at a quarter, a half and three quarters of the tower.
        captions: layers, 0..L, whose captions' words are followed; the last layer's, if none are
            named. Of a lower layer's caption there are maps up to that layer.
        checked: of how many of these images, the first, groups of patches are taken away, too.
        groups: so many groups a side; each is a rectangle of patches.
        batch_size: words (and edited pictures) that go through the model together.
    """

    images: Chosen = 8
    layers: tuple[int, ...] | None = Field(default=None, min_length=1)
    captions: tuple[int, ...] | None = Field(default=None, min_length=1)
    checked: int = Field(default=4, ge=0)
    groups: int = Field(default=4, ge=2, le=64)
    batch_size: int = Field(default=16, ge=1)


class FaithfulnessConfig(Section):
    """Whether maps show where the model looked (`precompute.maps.faithfulness`).

    Attributes:
        images: of which images: their ids, or how many of a data set's first.
        layers: whose maps are tried, 1..L; if none are named, the last and those at a quarter, a
            half and three quarters of the tower.
        steps: in how many steps all patches are taken away, or put back.
        fills: what stands where a patch is taken away.
        orders: random orders of patches that every map is held against.
        randomised: how many blocks, from the top, have their weights permuted in the check that
            maps depend on them; if none are named one, half of them, and all with the embeddings.
        seed: of the orders and the permutations.
        batch_size: edited pictures that go through the model together.
        map_batch_size: images whose activations are in memory together for the backward pass.
    """

    images: Chosen = 16
    layers: tuple[int, ...] | None = Field(default=None, min_length=1)
    steps: int = Field(default=8, ge=2, le=100)
    fills: tuple[Fill, ...] = Field(default=("blur", "mean"), min_length=1)
    orders: int = Field(default=3, ge=1, le=100)
    randomised: tuple[int, ...] | None = None
    seed: Seed = 0
    batch_size: int = Field(default=64, ge=1)
    map_batch_size: int = Field(default=4, ge=1)


def spread(named: tuple[int, ...] | None, n_layers: int) -> list[int]:
    """The layers that are named, each once; else the last and those at quarters of the tower.

    >>> spread(None, 12), spread(None, 3), spread((4, 2, 4), 12)
    ([3, 6, 9, 12], [1, 2, 3], [2, 4])
    """
    quarters = (-(-n_layers * k // 4) for k in (1, 2, 3, 4))
    return sorted(set(named or quarters))
