"""A data set as a run sees it: its pictures in a fixed order, and the layout they were found in."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from precompute.images.files import by_ending
from precompute.images.item import ImageItem
from precompute.images.names import spelt_out


class UnknownLayout(ValueError):
    """A folder that is not laid out as its data set should be."""

    def __init__(
        self, dataset: str, path: Path | str, expected: str, got: str, remedy: str
    ) -> None:
        """Say what was expected, what was found, and what to do."""
        super().__init__(
            f"{path} is not laid out as {dataset}: expected {expected}; found {got}. {remedy}"
        )


class TooManyBroken(ValueError):
    """More pictures cannot be opened than the configuration puts up with."""


@dataclass(frozen=True)
class ImageSet(Sequence[ImageItem]):
    """Pictures of one data set.

    Attributes:
        items: the pictures, in a fixed order, with unique ids.
        layout: how they lie on disk, in words.
        left_out: how many other files lie there, by ending, in words; empty if there are none.
    """

    items: tuple[ImageItem, ...]
    layout: str
    left_out: str = ""

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, at: int) -> ImageItem: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[ImageItem, ...]: ...
    def __getitem__(self, at: int | slice) -> ImageItem | tuple[ImageItem, ...]:
        return self.items[at]


def image_set(
    items: Iterable[ImageItem], layout: str, where: Path | str, left_out: Iterable[str] = ()
) -> ImageSet:
    """Make a set of the pictures that a loader found.

    Args:
        items: the pictures.
        layout: how they lie on disk, in words.
        where: the data set, for messages.
        left_out: names of files that lie there, too, and are no pictures.

    Raises:
        ValueError: two have the same id.
    """
    others = by_ending(left_out)
    layout += f"; left out: {others}" if others else ""
    images = ImageSet(tuple(map(_in_characters, items)), layout, others)
    first: dict[str, str] = {}
    for item in images.items:
        if item.image_id in first:
            raise ValueError(
                f"image ids must be unique; {where} has {item.image_id!r} twice: "
                f"{first[item.image_id]} and {item.source}. Remove one of the two."
            )
        first[item.image_id] = item.source
    return images


def _in_characters(item: ImageItem) -> ImageItem:
    """A picture whose name can be stored and shown; where it lies, its `read` knows."""
    return replace(item, image_id=spelt_out(item.image_id), source=spelt_out(item.source))


def subset(pictures: ImageSet, n: int, seed: int) -> ImageSet:
    """Draw pictures without replacement; they keep their order.

    The draw is made from the sorted ids: the same seed draws the same pictures whatever layout
    the data set lies in.

    Raises:
        ValueError: there are fewer.
    """
    if n > len(pictures):
        raise ValueError(
            f"expected at least n = {n} pictures to draw from; the data set has {len(pictures)}. "
            "Take n out of the configuration to use all."
        )
    ids = sorted(item.image_id for item in pictures.items)
    drawn = set(random.Random(seed).sample(ids, n))
    kept = tuple(item for item in pictures.items if item.image_id in drawn)
    layout = f"{pictures.layout}; {n} of {len(pictures)}, drawn with seed {seed}"
    return ImageSet(kept, layout, pictures.left_out)


def require_few_broken(reasons: Sequence[str], n_total: int, share: float) -> None:
    """Stop a run in which too many pictures cannot be opened.

    Args:
        reasons: what is wrong with each that could not be opened so far.
        n_total: pictures of the whole data set.
        share: how many of those may be broken, in [0, 1].

    Raises:
        TooManyBroken: more than that are.
    """
    if len(reasons) > share * n_total:
        raise TooManyBroken(
            f"at most {share:.1%} of the {n_total} pictures may be broken (max_broken under "
            f"[[datasets]]); {len(reasons)} cannot be opened so far, the last: {reasons[-1]} "
            "Mend or remove them, or raise max_broken."
        )
