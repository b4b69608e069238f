"""What is known of a number beside its value."""

import math
from dataclasses import dataclass
from typing import Literal

CAPTION_SECTION = "captions"
"""The section of the page Layers for likeness of captions, and for a metric that names no other."""


@dataclass(frozen=True)
class Metric:
    """What a number is called, what it means, and where pages show it.

    Attributes:
        label: what an axis or a menu calls it.
        unit: its unit or range, in words.
        meaning: one sentence for a newcomer.
        range: its least and its largest value; an infinite end is open.
        better: which values are the better ones; None if neither are.
        quality: its rank among scores of captions against references, the least first; None if it
            is not to be looked at for that.
        likeness: its rank among scores that are 1 for two captions alike and less for others;
            likewise.
        yes_or_no: whether it is 0 or 1 of every image, so that a mean is a share of images.
        section: of the page Layers, by its id in links; None if it has no curve of its own there.
        class_token: the kind of tower that it is defined for, with a class token or without; None
            if both.
    """

    label: str
    unit: str
    meaning: str
    range: tuple[float, float] = (-math.inf, math.inf)
    better: Literal["more", "less"] | None = None
    quality: int | None = None
    likeness: int | None = None
    yes_or_no: bool = False
    section: str | None = CAPTION_SECTION
    class_token: bool | None = None

    @property
    def signed(self) -> bool:
        """Whether it has values on both sides of 0."""
        return self.range[0] < 0 < self.range[1]

    def is_of(self, class_token: bool) -> bool:
        """Whether a tower with a class token, or one without, has this number."""
        return self.class_token in (None, class_token)
