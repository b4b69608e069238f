"""Captioners that keep a picture's shape: a batch, all of one layout, and the model for it.

What lies how of a picture, its patches or its tiles, is its layout. Positions, windows and the
language model's places for an image depend on it, so that pictures of one layout go together, and
what computes on them is the captioner *in* that layout.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from precompute.models.captioner import Captioner

Layout = tuple[int, int]
"""Rows and columns: of patches, or of a picture's tiles."""

C = TypeVar("C", bound=Captioner)
_Pixels = Float[Tensor, "batch 3 y x"]


@runtime_checkable
class HasLayouts(Captioner, Protocol):
    """A captioner whose tower is of one layout and that gives others for other layouts."""

    @property
    def keeps_shape(self) -> bool:
        """Whether layouts differ among pictures; else all have the tower's."""
        ...

    def layout_of(self, picture: Image.Image) -> Layout:
        """The layout that a picture has."""
        ...

    def layout_on(self, pixels: _Pixels) -> Layout:
        """The layout of a batch that `pixels` has made."""
        ...

    def in_layout(self, layout: Layout) -> Self:
        """The same captioner, its tower for pictures of a layout."""
        ...

    def squashed(self, pictures: Sequence[Image.Image]) -> list[Image.Image]:
        """Any pictures, brought to this captioner's layout."""
        ...


def keeps_shape(captioner: Captioner) -> bool:
    """Whether pictures have layouts, and so states numbers of tokens, of their own."""
    return isinstance(captioner, HasLayouts) and captioner.keeps_shape


def layout_key(captioner: Captioner) -> Callable[[tuple[Any, Image.Image]], Layout] | None:
    """What tells which pairs of something and a picture go together; None where all do."""
    if not (isinstance(captioner, HasLayouts) and captioner.keeps_shape):
        return None
    return lambda pair: captioner.layout_of(pair[1])


def fitted(captioner: C, pixels: _Pixels) -> C:
    """The captioner for a batch of pixels: itself, where all pictures have one layout."""
    if not isinstance(captioner, HasLayouts):
        return captioner
    return captioner.in_layout(captioner.layout_on(pixels))


def squashed(captioner: Captioner, pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Any pictures in the layout of a captioner that is `fitted`."""
    return captioner.squashed(pictures) if isinstance(captioner, HasLayouts) else list(pictures)


def by_layout(
    captioner: C, batches: Iterable[tuple[Any, _Pixels]]
) -> Iterator[tuple[C, Iterator[tuple[Any, _Pixels]]]]:
    """Batches that follow each other in one layout, and the captioner for them.

    Args:
        captioner: the model.
        batches: whatever stands before their pixels, and these.

    Yields:
        The captioner; its batches, to be consumed before the next.
    """

    def shape(batch: tuple[Any, _Pixels]) -> tuple[int, ...]:
        return tuple(batch[1].shape[2:])

    for _, alike in groupby(batches, key=shape):
        first = next(alike)
        yield fitted(captioner, first[1]), chain([first], alike)  # noqa: B031 what is left of it
