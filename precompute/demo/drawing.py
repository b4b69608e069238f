"""Pictures of scenes, and how much of each subject can be seen in them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image, ImageDraw, ImageFilter

from precompute.demo.backgrounds import paint
from precompute.demo.scenes import Layout, Scene, caption, noun, questions
from precompute.demo.sprites import Sprite
from precompute.demo.vocabulary import Level

SIDE = 96
"""Pixels of a picture as the captioner sees it: its width and its height."""

FLOOR = 6.0
"""Grey levels of 255 that are lost in any picture: to JPEG, and to nearby detail."""

THRESHOLDS: tuple[tuple[Level, float], ...] = (("name", 250.0), ("kind", 90.0), ("realm", 30.0))
"""Level -> bits of a subject that must reach the eye for it to be named so far."""


@dataclass(frozen=True)
class Picture:
    """A drawn scene.

    Attributes:
        scene: What was drawn.
        image: RGB, side x side pixels.
        masks: For each thing pasted, where it is seen (mode L, 255 where wholly): one for each
            subject, or two or three of the one subject of a `pair` or `trio`.
        bits: For each subject, how much of it reaches the eye (see `bits_seen`); of a `pair` or
            `trio`, of the one seen best.
        colours: For each subject, the colour that its sprite has most of.
    """

    scene: Scene
    image: Image.Image
    masks: tuple[Image.Image, ...]
    bits: tuple[float, ...]
    colours: tuple[str, ...]

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """How far each subject can be named."""
        return tuple(level_of(bits) for bits in self.bits)

    @cached_property
    def nouns(self) -> tuple[str, ...]:
        """What each subject can be called."""
        seen = zip(self.scene.subjects, self.levels, strict=True)
        return tuple(noun(word, level) for word, level in seen)

    @property
    def caption(self) -> str:
        """The one right caption."""
        return caption(self.scene, self.levels, self.colours)

    @property
    def questions(self) -> tuple[tuple[str, str], ...]:
        """Questions with their right answers."""
        return questions(self.scene, self.levels, self.colours)


def level_of(bits: float) -> Level:
    """How far a thing is named of which so many bits are seen.

    >>> [level_of(bits) for bits in (1000, 100, 50, 3)]
    ['name', 'kind', 'realm', 'colour']
    """
    return next((level for level, least in THRESHOLDS if bits >= least), "colour")


def bits_seen(
    contrast: Float[np.ndarray, "rows columns rgb"],
    mask: Bool[np.ndarray, "rows columns"],
    blur: float,
    grain: float,
) -> float:
    """How much of a thing reaches the eye, as the capacity of a channel.

    Shannon (1949), eq. 19: n cells that can be told apart carry n/2 log2(1 + S/N) bits. A pixel is
    a cell, or, under a blur, one in 1 + 4 pi blur^2 pixels (the area over which a Gaussian
    averages). S is the mean square of what the thing changes in the picture, N that of the noise,
    never below `FLOOR`^2.

    Args:
        contrast: The picture minus the same picture without the thing, before noise; grey levels.
        mask: Where the thing is seen, in pixels of a picture of `SIDE`.
        blur: Standard deviation of the blur, in such pixels.
        grain: Standard deviation of the noise, in grey levels.

    Returns:
        Bits; 0 where nothing is seen.
    """
    if not mask.any():
        return 0.0
    signal = float((contrast[mask] ** 2).mean())
    cells = mask.sum() / (1 + 4 * np.pi * blur**2)
    return float(cells / 2 * np.log2(1 + signal / (grain**2 + FLOOR**2)))


def _placements(layout: Layout, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Centre x, centre y and width of each thing, in fractions of the side."""
    if layout in ("large", "middle", "small"):
        low, high = {"large": (0.66, 0.82), "middle": (0.4, 0.54), "small": (0.1, 0.3)}[layout]
        width = rng.uniform(low, high)
        x, y = 0.5 + (1 - width) * rng.uniform(-0.4, 0.4, 2)
        return [(x, y, width)]
    if layout == "front":
        aside = rng.uniform(0.14, 0.22) * rng.choice([-1, 1])
        return [
            (0.5 + aside, rng.uniform(0.6, 0.68), rng.uniform(0.4, 0.48)),
            (0.5 - aside, rng.uniform(0.4, 0.46), rng.uniform(0.48, 0.56)),
        ]
    if layout in ("trio", "row"):
        across = np.array([0.18, 0.5, 0.82]) + rng.uniform(-0.02, 0.02, 3)
        heights, widths = 0.5 + rng.uniform(-0.2, 0.2, 3), rng.uniform(0.27, 0.32, 3)
        return list(zip(across, heights, widths, strict=True))
    apart = np.array([0.26, 0.74]) + rng.uniform(-0.02, 0.02, 2)
    across = 0.5 + rng.uniform(-0.1, 0.1, 2)
    sizes = rng.uniform(0.36, 0.48, 2)
    if layout == "above":
        return list(zip(across, apart, sizes, strict=True))
    return list(zip(apart, across, sizes, strict=True))


def _mound(side: int, x: float, y: float, width: float, share: float) -> Image.Image:
    """A mask of what stands before the lower part of a thing of that centre and width."""
    crest = (y + width / 2 - share * width) * side
    mound = Image.new("L", (side, side))
    reach = 0.75 * width * side
    ImageDraw.Draw(mound).ellipse(
        [x * side - reach, crest, x * side + reach, crest + 2.4 * side], fill=255
    )
    return mound


def draw(scene: Scene, sprites: dict[str, Sprite], side: int = SIDE) -> Picture:
    """Draw a scene: the same for the same scene, whatever the side.

    Args:
        scene: What to draw.
        sprites: By `Scene.sprites`, from `sprites.load`.
        side: Width and height in pixels.
    """
    # Chance of its own for each, so that another place or subject leaves all else where it was.
    place, stand, noise = (np.random.default_rng([scene.seed, k]) for k in range(3))
    without = paint(scene.place, side, place)
    image = without.copy()
    spots = _placements(scene.layout, stand)
    things = scene.sprites if len(scene.sprites) == len(spots) else scene.sprites * len(spots)
    masks = [Image.new("L", image.size) for _ in spots]
    # What stands in front comes last.
    for k in reversed(range(len(spots))):
        x, y, width = spots[k]
        pixels = max(3, round(width * side))
        sprite = sprites[things[k]].image.resize((pixels, pixels), Image.Resampling.BICUBIC)
        corner = (round(x * side - pixels / 2), round(y * side - pixels / 2))
        alpha = sprite.getchannel("A")
        image.paste(sprite, corner, alpha)
        for behind in masks[k + 1 :]:
            behind.paste(0, corner, alpha)
        masks[k].paste(alpha, corner)
    if scene.view.hidden:
        mound = _mound(side, *spots[0], scene.view.hidden)
        earth = without.crop((0, side * 3 // 4, side, side)).resize((1, 1), Image.Resampling.BOX)
        shade = tuple(round(0.85 * value) for value in np.asarray(earth)[0, 0])
        for shown in (image, without):
            shown.paste(shade, (0, 0), mound)
        masks[0].paste(0, (0, 0), mound)
    image, without = (_dim(shown, scene, side) for shown in (image, without))
    bits = _bits_of(image, without, masks, scene)
    if scene.view.grain:
        image = _with_grain(image, scene.view.grain, noise)
    return Picture(
        scene, image, tuple(masks),
        bits if len(bits) == len(scene.subjects) else (max(bits),),
        tuple(sprites[name].colour for name in scene.sprites),
    )  # fmt: skip


def _dim(image: Image.Image, scene: Scene, side: int) -> Image.Image:
    """Night, which leaves a little more of blue, and blur."""
    light, blur = scene.view.light, scene.view.blur
    if light < 1:
        left = [light, light, 0.75 * light + 0.25 * light**0.5]
        bands = [
            band.point([round(share * value) for value in range(256)])
            for share, band in zip(left, image.split(), strict=True)
        ]
        image = Image.merge("RGB", bands)
    if blur:
        image = image.filter(ImageFilter.GaussianBlur(blur * side / SIDE))
    return image


def _bits_of(
    image: Image.Image, without: Image.Image, masks: list[Image.Image], scene: Scene
) -> tuple[float, ...]:
    """Bits seen of every thing, in a picture of `SIDE`."""
    full, empty = (
        np.asarray(shown.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=float)
        for shown in (image, without)
    )
    return tuple(
        bits_seen(
            full - empty,
            np.asarray(mask.resize((SIDE, SIDE), Image.Resampling.BOX)) > 127,
            scene.view.blur,
            scene.view.grain,
        )
        for mask in masks
    )


def _with_grain(image: Image.Image, grain: float, rng: np.random.Generator) -> Image.Image:
    """Noise in pixels of a picture of `SIDE`, so that it is the same in a larger one."""
    noise = rng.normal(0, grain, (SIDE, SIDE, 3))
    rows = np.arange(image.height) * SIDE // image.height
    loud = np.asarray(image) + noise[rows][:, rows]
    return Image.fromarray(np.clip(loud, 0, 255).astype(np.uint8))
