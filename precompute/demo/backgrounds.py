"""The places, drawn by rule with a little chance in each picture."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Brush = Callable[[Image.Image, np.random.Generator], None]


def _sky(image: Image.Image, top: Colour, bottom: Colour) -> ImageDraw.ImageDraw:
    column = np.linspace(np.array(top), np.array(bottom), image.height).astype(np.uint8)
    strip = Image.fromarray(column[:, None, :])
    image.paste(strip.resize(image.size))
    return ImageDraw.Draw(image)


def _hill(
    pen: ImageDraw.ImageDraw, side: int, x: float, y: float, width: float, colour: Colour
) -> None:
    """A flat ellipse whose crest is at (x, y), in fractions of the side."""
    pen.ellipse([(x - width) * side, y * side, (x + width) * side, (y + 1.4) * side], fill=colour)


def _desert(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (120, 190, 235), (250, 225, 180)), image.width
    x, y = rng.uniform(0.1, 0.9), rng.uniform(0.08, 0.2)
    pen.ellipse(
        [(x - 0.08) * side, (y - 0.08) * side, (x + 0.08) * side, (y + 0.08) * side],
        fill=(255, 240, 170),
    )
    _hill(pen, side, rng.uniform(0, 0.5), rng.uniform(0.5, 0.6), 0.8, (226, 178, 110))
    _hill(pen, side, rng.uniform(0.5, 1), rng.uniform(0.58, 0.68), 0.8, (240, 196, 125))
    _hill(pen, side, rng.uniform(0.2, 0.8), rng.uniform(0.78, 0.86), 1.0, (214, 160, 92))


def _beach(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (90, 175, 245), (205, 235, 255)), image.width
    horizon, shore = rng.uniform(0.36, 0.44), rng.uniform(0.6, 0.7)
    pen.rectangle([0, horizon * side, side, side], fill=(30, 130, 190))
    pen.rectangle([0, (horizon + 0.1) * side, side, side], fill=(50, 165, 205))
    tilt = rng.uniform(-0.08, 0.08)
    for lift, colour in ((0.03, (235, 250, 255)), (0.0, (250, 226, 165))):
        left, right = shore - tilt - lift, shore + tilt - lift
        pen.polygon([(0, left * side), (side, right * side), (side, side), (0, side)], fill=colour)


def _snow(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (165, 185, 215), (215, 228, 242)), image.width
    _hill(pen, side, rng.uniform(0, 0.4), rng.uniform(0.45, 0.55), 0.7, (232, 240, 250))
    _hill(pen, side, rng.uniform(0.6, 1), rng.uniform(0.55, 0.65), 0.8, (250, 252, 255))
    for x, y, r in rng.uniform(0, 1, (45, 3)):
        size = (0.006 + 0.012 * r) * side
        x, y = x * side, y * side
        pen.ellipse([x - size, y - size, x + size, y + size], fill=(255, 255, 255))


def _forest(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (165, 205, 150), (105, 160, 95)), image.width
    for row, green in ((0.62, 105), (0.72, 80)):
        for x in np.arange(-0.05, 1.1, 0.19) + rng.uniform(-0.08, 0.08):
            top, foot = row - rng.uniform(0.42, 0.6), row + 0.08
            pen.rectangle(
                [(x - 0.02) * side, row * side, (x + 0.02) * side, foot * side], fill=(92, 62, 40)
            )
            pen.polygon(
                [
                    (x * side, top * side),
                    ((x - 0.11) * side, row * side),
                    ((x + 0.11) * side, row * side),
                ],
                fill=(25, green, 45),
            )
    pen.rectangle([0, 0.78 * side, side, side], fill=(70, 120, 50))


def _city(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (245, 165, 130), (255, 220, 175)), image.width
    x = -rng.uniform(0, 0.1)
    while x < 1:
        width, top = rng.uniform(0.13, 0.2), rng.uniform(0.12, 0.45)
        grey = int(rng.integers(75, 125))
        pen.rectangle(
            [x * side, top * side, (x + width) * side, 0.8 * side], fill=(grey, grey, grey + 25)
        )
        for wx in np.arange(x + 0.025, x + width - 0.03, 0.05):
            for wy in np.arange(top + 0.04, 0.74, 0.08):
                pen.rectangle(
                    [wx * side, wy * side, (wx + 0.022) * side, (wy + 0.04) * side],
                    fill=(255, 225, 120),
                )
        x += width + rng.uniform(0.0, 0.03)
    pen.rectangle([0, 0.8 * side, side, side], fill=(85, 85, 90))
    for dash in np.arange(rng.uniform(-0.2, 0), 1, 0.25):
        pen.rectangle(
            [dash * side, 0.89 * side, (dash + 0.12) * side, 0.91 * side], fill=(240, 240, 240)
        )


def _kitchen(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (250, 244, 225), (240, 230, 205)), image.width
    shift = rng.uniform(0, 0.15, 2)
    for line in np.arange(0, 1.2, 0.15):
        x, y = (line - shift[0]) * side, (line - shift[1]) * side
        width = max(1, round(side / 64))
        pen.line([x, 0, x, side], fill=(200, 185, 160), width=width)
        pen.line([0, y, side, y], fill=(200, 185, 160), width=width)
    top = rng.uniform(0.68, 0.76)
    pen.rectangle([0, top * side, side, side], fill=(165, 105, 60))
    pen.rectangle([0, top * side, side, (top + 0.05) * side], fill=(205, 145, 90))


def _sea(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (40, 150, 200), (8, 50, 110)), image.width
    _hill(pen, side, rng.uniform(0.2, 0.8), rng.uniform(0.84, 0.9), 0.9, (190, 175, 120))
    for x in rng.uniform(0, 1, 5):
        points = [
            ((x + 0.02 * (-1) ** k) * side, (0.98 - 0.06 * k) * side)
            for k in range(int(rng.integers(3, 7)))
        ]
        pen.line(points, fill=(30, 140, 95), width=max(2, side // 40))
    for x, y, r in rng.uniform(0, 1, (12, 3)):
        size = (0.012 + 0.02 * r) * side
        x, y = x * side, y * side
        pen.ellipse(
            [x - size, y - size, x + size, y + size],
            outline=(170, 225, 245),
            width=max(1, side // 100),
        )


def _moon(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (5, 5, 20), (20, 20, 50)), image.width
    for x, y, r in rng.uniform(0, 1, (40, 3)):
        size = (0.004 + 0.006 * r) * side
        x, y = x * side, y * side
        pen.ellipse([x - size, y - size, x + size, y + size], fill=(255, 255, 230))
    _hill(pen, side, rng.uniform(0.3, 0.7), rng.uniform(0.66, 0.74), 1.0, (165, 165, 170))
    for x, y, r in rng.uniform(0, 1, (6, 3)):
        width, x, y = (0.04 + 0.06 * r) * side, x * side, (0.8 + 0.2 * y) * side
        pen.ellipse([x - width, y - width / 3, x + width, y + width / 3], fill=(125, 125, 132))


def _mountains(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (95, 150, 215), (225, 235, 245)), image.width
    for foot, low, high, grey in ((0.85, 0.12, 0.3, 110), (1.0, 0.4, 0.55, 75)):
        for x in np.arange(0.05, 1.1, 0.42) + rng.uniform(-0.12, 0.12):
            top, reach = rng.uniform(low, high), rng.uniform(0.34, 0.46)
            slope = reach / (foot - top)
            pen.polygon(
                [(x * side, top * side), ((x - reach) * side, foot * side),
                 ((x + reach) * side, foot * side)],
                fill=(grey, grey + 8, grey + 25),
            )  # fmt: skip
            cap = 0.14 * slope
            pen.polygon(
                [(x * side, top * side), ((x - cap) * side, (top + 0.14) * side),
                 (x * side, (top + 0.1) * side), ((x + cap) * side, (top + 0.14) * side)],
                fill=(250, 250, 255),
            )  # fmt: skip


def _library(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (92, 58, 36), (70, 42, 26)), image.width
    spines = ((150, 45, 40), (40, 85, 120), (60, 110, 70), (190, 150, 80), (110, 65, 110))
    for shelf in np.arange(0.04, 0.8, 0.19):
        x = rng.uniform(0, 0.03)
        while x < 1:
            width, top = rng.uniform(0.025, 0.055), shelf + rng.uniform(0, 0.045)
            pen.rectangle(
                [x * side, top * side, (x + width) * side, (shelf + 0.16) * side],
                fill=spines[rng.integers(5)],
            )
            x += width + 0.008
        pen.rectangle([0, (shelf + 0.16) * side, side, (shelf + 0.185) * side], fill=(150, 100, 60))
    pen.rectangle([0, 0.82 * side, side, side], fill=(120, 75, 45))


def _stage(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (60, 8, 20), (95, 12, 28)), image.width
    for x in np.arange(rng.uniform(-0.1, 0), 1, 0.1):
        pen.rectangle([x * side, 0, (x + 0.045) * side, 0.8 * side], fill=(150, 22, 40))
    pen.rectangle([0, 0.76 * side, side, side], fill=(190, 135, 80))
    for board in np.arange(0.8, 1, 0.06):
        pen.line([0, board * side, side, board * side], fill=(150, 100, 58))
    for x in np.array([0.25, 0.75]) + rng.uniform(-0.06, 0.06, 2):
        pen.ellipse(
            [(x - 0.2) * side, 0.78 * side, (x + 0.2) * side, 0.92 * side], fill=(240, 205, 150)
        )


def _meadow(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (120, 200, 255), (220, 240, 255)), image.width
    for x, y in zip(rng.uniform(0, 1, 3), rng.uniform(0.06, 0.22, 3), strict=True):
        for shift in (-0.06, 0, 0.06):
            pen.ellipse(
                [(x + shift - 0.07) * side, (y - 0.04) * side,
                 (x + shift + 0.07) * side, (y + 0.04) * side],
                fill=(255, 255, 255),
            )  # fmt: skip
    _hill(pen, side, rng.uniform(0, 1), rng.uniform(0.42, 0.5), 1.1, (140, 205, 95))
    _hill(pen, side, rng.uniform(0, 1), rng.uniform(0.62, 0.7), 1.1, (115, 185, 75))
    petals = ((255, 240, 120), (250, 250, 250), (235, 130, 170))
    for x, y, size in zip(*rng.uniform(0, 1, (2, 26)), rng.uniform(0.008, 0.016, 26), strict=True):
        x, y = x * side, (0.55 + 0.45 * y) * side
        pen.ellipse(
            [x - size * side, y - size * side, x + size * side, y + size * side],
            fill=petals[rng.integers(3)],
        )


def _cave(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (58, 50, 48), (82, 72, 66)), image.width
    x, y = rng.uniform(0.35, 0.65), rng.uniform(0.36, 0.46)
    for reach, grey in ((0.36, 105), (0.26, 140), (0.16, 185)):
        pen.ellipse(
            [(x - reach) * side, (y - reach) * side, (x + reach) * side, (y + reach) * side],
            fill=(grey, grey - 8, grey - 25),
        )
    for tooth in np.arange(0, 1.05, 0.13) + rng.uniform(-0.05, 0.05):
        for base, tip in ((0, rng.uniform(0.1, 0.3)), (1, rng.uniform(0.8, 0.92))):
            pen.polygon(
                [((tooth - 0.06) * side, base * side), ((tooth + 0.06) * side, base * side),
                 (tooth * side, tip * side)],
                fill=(40, 34, 33),
            )  # fmt: skip


def _pool(image: Image.Image, rng: np.random.Generator) -> None:
    pen, side = _sky(image, (120, 225, 240), (70, 195, 225)), image.width
    shift, edge = rng.uniform(0, 0.25), rng.uniform(0.14, 0.2)
    for lane in np.arange(shift - 0.25, 1.25, 0.25):
        pen.line(
            [lane * side, edge * side, (1.6 * lane - 0.3) * side, side],
            fill=(30, 110, 190),
            width=max(2, side // 32),
        )
    for x, y in zip(*rng.uniform(0, 1, (2, 16)), strict=True):
        x, y = x * side, (edge + (1 - edge) * y) * side
        box = [x - 0.05 * side, y - 0.015 * side, x + 0.05 * side, y + 0.015 * side]
        pen.arc(box, 180, 360, fill=(225, 250, 255), width=max(1, side // 80))
    pen.rectangle([0, 0, side, edge * side], fill=(235, 230, 222))
    for tile in np.arange(shift, 1, 0.125):
        pen.line([tile * side, 0, tile * side, edge * side], fill=(200, 190, 180))


BRUSHES: dict[str, Brush] = {
    "desert": _desert, "beach": _beach, "snow": _snow, "forest": _forest,
    "city": _city, "kitchen": _kitchen, "sea": _sea, "moon": _moon,
    "mountains": _mountains, "library": _library, "stage": _stage, "meadow": _meadow,
    "cave": _cave, "pool": _pool,
}  # fmt: skip


def paint(place: str, side: int, rng: np.random.Generator) -> Image.Image:
    """Paint an empty place.

    Args:
        place: One of `vocabulary.PLACES`.
        side: Width and height in pixels.
        rng: Decides what varies: hills, clouds, houses, bubbles.

    Returns:
        RGB picture of side x side pixels.
    """
    image = Image.new("RGB", (side, side))
    BRUSHES[place](image, rng)
    return image
