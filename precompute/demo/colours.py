"""The colours of sprites: what they are called, and other paint on them."""

from colorsys import rgb_to_hsv

import numpy as np
from PIL import Image

_HUES = (
    (17, "red"), (42, "orange"), (64, "yellow"), (165, "green"), (250, "blue"), (300, "purple"),
    (345, "pink"), (361, "red"),
)  # fmt: skip
"""Where each colour ends on the circle of hues, in degrees."""


_PAINT_HUES = {
    "red": (2, 1.0), "yellow": (53, 1.35), "green": (130, 0.9), "blue": (215, 1.0),
    "purple": (275, 1.0),
}  # fmt: skip
"""Paint -> its hue in degrees, and by how much it lightens."""


def name_of(red: float, green: float, blue: float) -> str:
    """What people call a colour of three values in [0, 1].

    >>> [name_of(*rgb) for rgb in ((0.9, 0.1, 0.1), (0.5, 0.3, 0.15), (0.9, 0.9, 0.9))]
    ['red', 'brown', 'white']
    """
    hue, saturation, value = rgb_to_hsv(red, green, blue)
    if value < 0.35:
        return "black"
    if saturation < 0.18:
        return "white" if value > 0.8 else "grey"
    degrees = hue * 360
    name = next(name for end, name in _HUES if degrees < end)
    if name in ("red", "orange") and value > 0.85 and saturation < 0.5:
        return "pink" if degrees < 25 or name == "red" else "yellow"
    if name in ("red", "orange") and degrees > 6 and value < 0.78:
        return "brown"
    return name


def dominant(sprite: Image.Image) -> str:
    """The colour that a sprite has most of, by a vote of its pixels weighted by opacity."""
    votes: dict[str, float] = {}
    values, counts = np.unique(np.asarray(sprite).reshape(-1, 4), axis=0, return_counts=True)
    seen = values[:, 3] > 0
    for (red, green, blue, opacity), count in zip(values[seen] / 255, counts[seen], strict=True):
        name = name_of(float(red), float(green), float(blue))
        votes[name] = votes.get(name, 0) + opacity * count
    return max(votes, key=lambda one: votes[one])


def repaint(sprite: Image.Image, colour: str) -> Image.Image:
    """Paint what is coloured in a sprite in another colour; greys, and opacity, stay.

    Hue is set, saturation and value are kept, so that light and shade stay; yellow is lightened,
    as a dark yellow is a brown.

    Args:
        sprite: RGBA, of one colour beside greys.
        colour: One of `vocabulary.PAINTS`.
    """
    hue, lift = _PAINT_HUES[colour]
    hsv = np.asarray(sprite.convert("RGB").convert("HSV")).copy()
    coloured = hsv[..., 1] > 70
    hsv[..., 0][coloured] = round(hue / 360 * 255)
    hsv[..., 2][coloured] = np.clip(hsv[..., 2][coloured] * lift, 0, 255)
    painted = Image.fromarray(hsv, "HSV").convert("RGB")
    painted.putalpha(sprite.getchannel("A"))
    return painted
