"""Which images fit a translator, which choose its penalty, and which are read by it."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from precompute.images import ImageItem

_OWN = (0.5, 0.2)
"""Of the run's own images: the shares that fit and choose; the others are read."""
_OTHER = (0.75,)
"""Of another data set's, none of which is read."""


@dataclass(frozen=True)
class Split:
    """Ids of images, sorted.

    Attributes:
        fit: those that fit the maps.
        choose: those that choose the penalty, and where refining ends.
    """

    fit: tuple[str, ...]
    choose: tuple[str, ...]

    def of(self, items: Mapping[str, ImageItem]) -> tuple[list[ImageItem], list[ImageItem]]:
        """The images that fit, and those that choose."""
        return [items[i] for i in self.fit], [items[i] for i in self.choose]


def shares(n: int, own: bool) -> tuple[int, int]:
    """Of so many images drawn, how many fit and how many choose.

    Args:
        n: three at least.
        own: whether others of them are kept to be read.
    """
    fits = max(1, round((_OWN if own else _OTHER)[0] * n))
    return fits, max(1, round(_OWN[1] * n)) if own else n - fits


def split(items: Iterable[ImageItem], n: int, seed: int, own: bool) -> Split:
    """Draw the images that fit and choose.

    Args:
        items: of the data set that they are drawn from.
        n: how many are drawn; all if there are fewer.
        seed: of the draw.
        own: whether it is the run's own data set, of which some are kept to be read.

    Raises:
        ValueError: fewer than three images.
    """
    ids = sorted(item.image_id for item in items)
    drawn = random.Random(seed).sample(ids, min(n, len(ids)))
    if len(drawn) < 3:
        raise ValueError(
            f"translators need 3 images at least, to fit, to choose and to be read; got {len(ids)}."
            " Name a larger data set as images_of under [[translators]]."
        )
    fits, chooses = shares(len(drawn), own)
    return Split(tuple(sorted(drawn[:fits])), tuple(sorted(drawn[fits : fits + chooses])))
