"""Fourteen of the fifteen corruptions of ImageNet-C, at its five severities.

Those of Hendrycks and Dietterich (2019).

The package `imagecorruptions` computes them, too, but runs with neither NumPy 2 nor today's SciPy,
scikit-image or setuptools. Here they need NumPy, SciPy and Pillow alone, with the package's
constants and in its order of draws, so that a seed gives the picture that it gives there
(`tests/precompute/inputs/test_corruptions.py`). The fifteenth, frost, lays photographs of frost
over the picture, which do not come with this project.

Sizes of blurs and blocks are in pixels, of pictures of about 224 pixels; smaller ones are broken
more by the same severity.
"""

import io
import math
from collections.abc import Callable

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Picture = NDArray[np.uint8]
"""[y, x, 3], 0..255."""

Values = NDArray[np.floating]
"""[y, x] or [y, x, 3]."""


def corrupt(picture: Picture, name: str, severity: int, seed: int) -> Picture:
    """A broken picture.

    Args:
        picture: [y, x, 3].
        name: one of `CORRUPTIONS`.
        severity: 1..5.
        seed: of what is random; the same seed, the same picture.

    Raises:
        ValueError: no such corruption or severity.
    """
    if name not in CORRUPTIONS or severity not in SEVERITIES:
        raise ValueError(
            f"a corruption is one of {', '.join(CORRUPTIONS)} at a severity of 1..5; got "
            f"{name!r} at {severity}."
        )
    values = CORRUPTIONS[name](picture, severity - 1, seed)
    return values.clip(0, 255).astype(np.uint8)  # cut off, not rounded, as the package does


def _gaussian_noise(picture: Picture, level: int, seed: int) -> Values:
    scale = (0.08, 0.12, 0.18, 0.26, 0.38)[level]
    return _of_one(picture / 255 + RandomState(seed).normal(size=picture.shape, scale=scale))


def _shot_noise(picture: Picture, level: int, seed: int) -> Values:
    photons = (60, 25, 12, 5, 3)[level]
    return _of_one(RandomState(seed).poisson(picture / 255 * photons) / photons)


def _impulse_noise(picture: Picture, level: int, seed: int) -> Values:
    # As scikit-image's random_noise draws it, half of it salt.
    amount, random = (0.03, 0.06, 0.09, 0.17, 0.27)[level], np.random.default_rng(seed)
    values = picture / 255
    flipped = random.random(values.shape) <= amount
    salted = random.random(values.shape) <= 0.5
    values[flipped] = salted[flipped]
    return _of_one(values)


def _defocus_blur(picture: Picture, level: int, seed: int) -> Values:
    radius, alias = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))[level]
    kernel = _disk(radius, alias)
    values = picture / 255
    blurred = [ndimage.correlate(values[..., c], kernel, mode="mirror") for c in range(3)]
    return _of_one(np.stack(blurred, -1))


def _glass_blur(picture: Picture, level: int, seed: int) -> Values:
    sigma, reach, times = ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))[level]
    shaken = (_blurred(picture / 255, sigma) * 255).astype(np.uint8)
    height, width = picture.shape[:2]
    rows, columns = range(height - reach, reach, -1), range(width - reach, reach, -1)
    n = times * len(rows) * len(columns)
    steps = iter(RandomState(seed).randint(-reach, reach, size=(n, 2)).tolist())
    for _ in range(times):
        for row in rows:
            for column in columns:
                x, y = next(steps)
                # The package means to swap the two, and copies: its numbers, not its intention.
                shaken[row, column] = shaken[row + y, column + x]
    return _of_one(_blurred(shaken / 255, sigma))


def _motion_blur(picture: Picture, level: int, seed: int) -> Values:
    radius, sigma = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))[level]
    values = picture.astype(np.float32)
    return _moved(values, radius, sigma, RandomState(seed).uniform(-45, 45))


def _zoom_blur(picture: Picture, level: int, seed: int) -> Values:
    end, step = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))[level]
    factors = np.arange(1, end, step)
    values = (picture / 255).astype(np.float32)
    total = np.zeros_like(values)
    for factor in factors:
        zoomed = _zoomed(values, factor)[: values.shape[0], : values.shape[1]]
        total[: zoomed.shape[0], : zoomed.shape[1]] += zoomed
    return _of_one((values + total) / (len(factors) + 1))


def _snow(picture: Picture, level: int, seed: int) -> Values:
    mean, scale, zoom, least, radius, sigma, kept = (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    )[level]
    values, random = picture.astype(np.float32) / 255, RandomState(seed)
    flakes = _zoomed(random.normal(size=values.shape[:2], loc=mean, scale=scale)[..., None], zoom)
    flakes[flakes < least] = 0
    flakes = _moved(flakes[..., 0].clip(0, 1), radius, sigma, random.uniform(-135, -45))
    flakes = np.round(flakes * 255)[: values.shape[0], : values.shape[1], None]
    grey = (values @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    whiter = kept * values + (1 - kept) * np.maximum(values, grey * 1.5 + 0.5)
    return _of_one(whiter + flakes / 255 + np.rot90(flakes / 255, k=2))


def _fog(picture: Picture, level: int, seed: int) -> Values:
    amount, decay = ((1.5, 2), (2.0, 2), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))[level]
    values = picture / 255
    side = 1 << (max(picture.shape) - 1).bit_length()
    cloud = _plasma(side, decay, RandomState(seed))[: picture.shape[0], : picture.shape[1]]
    brightest = values.max()
    return _of_one((values + amount * cloud[..., None]) * brightest / (brightest + amount))


def _brightness(picture: Picture, level: int, seed: int) -> Values:
    # Value in HSV goes up; hue and saturation stay, so that all three channels are scaled alike.
    values = picture / 255
    value = values.max(-1, keepdims=True)
    risen = (value + (0.1, 0.2, 0.3, 0.4, 0.5)[level]).clip(0, 1)
    return _of_one(np.where(value > 0, values / np.where(value > 0, value, 1), 1) * risen)


def _contrast(picture: Picture, level: int, seed: int) -> Values:
    values = picture / 255
    means = values.mean((0, 1), keepdims=True)
    return _of_one((values - means) * (0.4, 0.3, 0.2, 0.1, 0.05)[level] + means)


def _elastic_transform(picture: Picture, level: int, seed: int) -> Values:
    alpha, random = 250 * (0.05, 0.065, 0.085, 0.1, 0.12)[level], RandomState(seed)
    values = picture.astype(np.float32) / 255
    height, width = values.shape[:2]
    x, y = (
        ndimage.gaussian_filter(
            random.uniform(-height * 0.005, height * 0.005, size=(height, width)),
            (height * 0.01, width * 0.01),
            mode="reflect",
            truncate=3,
        )
        * alpha
        for _ in range(2)
    )
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    at = [down + y.astype(np.float32), across + x.astype(np.float32)]
    moved = [ndimage.map_coordinates(values[..., c], at, order=1, mode="reflect") for c in range(3)]
    return _of_one(np.stack(moved, -1))


def _pixelate(picture: Picture, level: int, seed: int) -> Values:
    share, (height, width) = (0.6, 0.5, 0.4, 0.3, 0.25)[level], picture.shape[:2]
    small = Image.fromarray(picture).resize(
        (int(width * share), int(height * share)), Image.Resampling.BOX
    )
    return np.asarray(small.resize((width, height), Image.Resampling.NEAREST), float)


def _jpeg_compression(picture: Picture, level: int, seed: int) -> Values:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=(25, 18, 15, 10, 7)[level])
    return np.asarray(Image.open(file), float)


def _of_one(values: Values) -> Values:
    """Values of 0..1 as those of 0..255."""
    return values.clip(0, 1) * 255


def _blurred(values: Values, sigma: float) -> Values:
    blurred: Values = ndimage.gaussian_filter(values, (sigma, sigma, 0), mode="nearest")
    return blurred


def _disk(radius: int, alias: float) -> Values:
    """A disk whose edge is blurred, as a kernel."""
    reach, taps = (8, 1) if radius <= 8 else (radius, 2)
    at = np.arange(-reach, reach + 1)
    x, y = np.meshgrid(at, at)
    disk = (x**2 + y**2 <= radius**2).astype(np.float32)
    disk /= disk.sum()  # before its edge is blurred, which may change the sum a little
    weights = np.exp(-(np.arange(-taps, taps + 1) ** 2) / (2 * alias**2))
    for axis in (0, 1):
        disk = ndimage.correlate1d(disk, weights / weights.sum(), axis, mode="mirror")
    return disk


def _zoomed(values: Values, factor: float) -> Values:
    """The middle of a picture, enlarged to its size or a little more."""
    height, width = (math.ceil(side / factor) for side in values.shape[:2])
    top, left = (values.shape[0] - height) // 2, (values.shape[1] - width) // 2
    middle = values[top : top + height, left : left + width]
    zoomed: Values = ndimage.zoom(middle, (factor, factor, 1), order=1)
    return zoomed


def _moved(values: Values, radius: int, sigma: float, angle: float) -> Values:
    """Blurred along a line, one way; what comes in at the edge repeats the edge."""
    n = 2 * radius + 1
    weights = np.exp(-(np.arange(n) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    down, across = n * math.sin(math.radians(angle)), n * math.cos(math.radians(angle))
    length = math.hypot(down, across)
    total = np.zeros(values.shape, np.float32)
    for i, weight in enumerate(weights):
        y, x = (-math.ceil(i * part / length - 0.5) for part in (down, across))
        if abs(y) >= values.shape[0] or abs(x) >= values.shape[1]:
            break
        rows = (np.arange(values.shape[0]) - y).clip(0, values.shape[0] - 1)
        columns = (np.arange(values.shape[1]) - x).clip(0, values.shape[1] - 1)
        total = total + weight * values[rows][:, columns]
    return total


def _plasma(side: int, decay: float, random: RandomState) -> Values:
    """Clouds by the diamond-square algorithm, 0..1.

    Args:
        side: a power of two.
        decay: by which what is added shrinks a step.
        random: of what is added.
    """
    heights = np.zeros((side, side))
    step, wobble = side, 100.0

    def middle(total: Values) -> Values:
        return total / 4 + wobble * random.uniform(-wobble, wobble, total.shape)

    while step >= 2:
        half = step // 2
        corners = heights[::step, ::step]
        total = corners + np.roll(corners, -1, 0)
        heights[half::step, half::step] = middle(total + np.roll(total, -1, 1))
        inner, corners = heights[half::step, half::step], heights[::step, ::step]
        heights[::step, half::step] = middle(
            inner + np.roll(inner, 1, 0) + corners + np.roll(corners, -1, 1)
        )
        heights[half::step, ::step] = middle(
            inner + np.roll(inner, 1, 1) + corners + np.roll(corners, -1, 0)
        )
        step, wobble = half, wobble / decay
    heights -= heights.min()
    heights /= heights.max()
    return heights


CORRUPTIONS: dict[str, Callable[[Picture, int, int], Values]] = {
    "gaussian_noise": _gaussian_noise,
    "shot_noise": _shot_noise,
    "impulse_noise": _impulse_noise,
    "defocus_blur": _defocus_blur,
    "glass_blur": _glass_blur,
    "motion_blur": _motion_blur,
    "zoom_blur": _zoom_blur,
    "snow": _snow,
    "fog": _fog,
    "brightness": _brightness,
    "contrast": _contrast,
    "elastic_transform": _elastic_transform,
    "pixelate": _pixelate,
    "jpeg_compression": _jpeg_compression,
}
"""Name -> the corruption, in ImageNet-C's order; the second argument is its severity less one."""

SEVERITIES = range(1, 6)
