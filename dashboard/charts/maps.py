"""Maps of a picture's patches as pictures. Pure functions: arrays in, image out."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from store.parts import ImageTensors
from store.schema import MAD_TO_SIGMA, OUTLIER_MADS

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]
Pixels = NDArray[np.uint8]

INFERNO = (
    "#000004",
    "#1b0c41",
    "#4a0c6b",
    "#781c6d",
    "#a52c60",
    "#cf4446",
    "#ed6925",
    "#fb9b06",
    "#f7d13d",
    "#fcffa4",
)
"""Colours from low to high; even in lightness, and safe for colour-blind eyes. It begins in black,
so that over a picture low values dim it and leave it its own colours."""

OPACITY = 0.55
"""Of a map over a picture, unless one is asked for: both can be read."""

_NARROW = 0.6
"""Width over height below which a card would be too tall."""

_SHARED_QUANTILE = 0.998


@dataclass(frozen=True)
class Scale:
    """The values at the two ends of the colour bar.

    Attributes:
        low: shown in the first colour.
        high: shown in the last colour.
        clipped: whether values above `high` exist; they are shown in the last colour, too.
    """

    low: float
    high: float
    clipped: bool

    @property
    def end(self) -> str:
        """What stands at the last colour: `0.25`, or `≥ 0.25` where larger values have it too."""
        return f"{'≥ ' if self.clipped else ''}{self.high:.3g}"


def grid_of(tensors: ImageTensors) -> tuple[int, int]:
    """Rows and columns of a picture's patches: its own, where pictures keep their shape.

    Raises:
        ValueError: neither the picture nor its run says.
    """
    if tensors.grid is None:
        raise ValueError(f"expected the grid of {tensors.image_id}'s patches; its run has none")
    return tensors.grid


def first_patch(tokens: Floats, grid: tuple[int, int]) -> int:
    """Which token is the first patch: 1 behind CLS, 0 where there is no class token.

    Args:
        tokens: [..., N+1], token 0 being CLS, or [..., N] of a tower without it.
        grid: rows and columns of patches.

    Raises:
        ValueError: the grid has another number of patches.
    """
    n = grid[0] * grid[1]
    if tokens.shape[-1] not in (n, n + 1):
        raise ValueError(
            f"expected {n} tokens for a grid of {grid[0]} by {grid[1]} patches, or {n + 1} with "
            f"CLS; got shape {tokens.shape}"
        )
    return int(tokens.shape[-1]) - n


def patches_of(tokens: Floats, grid: tuple[int, int]) -> Floats:
    """Token values [..., N] without CLS, if there is one; see `first_patch`."""
    return tokens[..., first_patch(tokens, grid) :]


def patch_map(tokens: Floats, grid: tuple[int, int]) -> Floats:
    """Values of one map's tokens as the patches lie in the picture; see `first_patch`."""
    patches: Floats = patches_of(tokens, grid).astype(np.float32).reshape(grid)
    return patches


def head_tokens(values: Floats, layer: int, head: int | None) -> Floats:
    """Token values of one head, or of the mean over heads.

    Args:
        values: [L, H, token].
        layer: 1..L.
        head: 0..H-1, or None for the mean.
    """
    heads = values[layer - 1].astype(np.float32)
    tokens: Floats = heads.mean(0) if head is None else heads[head]
    return tokens


def shared_scale(values: Floats, grid: tuple[int, int]) -> Scale:
    """One scale for every head and layer of an image; CLS is left out."""
    return common_scale(patches_of(values, grid))


def common_scale(patches: Floats) -> Scale:
    """One scale for many patches: 0 to the 99.8th percentile.

    Not to the maximum: one patch of one head often takes nearly all attention, and on its scale
    every other map is black.
    """
    patches = patches.astype(np.float32)
    high = float(np.quantile(patches, _SHARED_QUANTILE))
    return Scale(0.0, high if high > 0 else 1.0, bool(patches.max() > high))


def outliers(norms: Floats, grid: tuple[int, int]) -> Bools:
    """Which patches' norms lie `OUTLIER_MADS` scaled MADs above the picture's median.

    Args:
        norms: [token], the token norms of one layer.
        grid: rows and columns of patches.
    """
    patches = patch_map(norms, grid)
    median = np.median(patches)
    mad = np.median(np.abs(patches - median))
    return np.asarray(patches > median + OUTLIER_MADS * MAD_TO_SIGMA * mad)


def colour(values: Floats, scale: Scale, palette: tuple[str, ...] = INFERNO) -> Pixels:
    """Values as colours, linear between the palette's; beyond the ends the end colour."""
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in palette], np.float32)
    place = np.clip((values - scale.low) / (scale.high - scale.low), 0, 1) * (len(stops) - 1)
    at = np.arange(len(stops))
    channels = [np.interp(place, at, stops[:, i]) for i in range(3)]
    pixels: Pixels = np.rint(np.stack(channels, -1)).astype(np.uint8)
    return pixels


def blend(
    picture: bytes,
    values: Floats,
    scale: Scale,
    *,
    opacity: float,
    smooth: bool,
    width: int,
) -> Pixels:
    """A map laid over its picture.

    Args:
        picture: the picture as the model saw it, JPEG.
        values: [rows, columns], one a patch.
        scale: colours' ends.
        opacity: 0 shows the picture alone, 1 the map alone.
        smooth: interpolate between patches; else every patch is one flat square.
        width: of the result, pixels; the height follows the grid.

    Returns:
        [height, width, 3].
    """
    size = (width, round(width * values.shape[0] / values.shape[1]))
    way = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    # Values are enlarged, not colours: between two colours of a palette lies a false third.
    large = np.asarray(Image.fromarray(values.astype(np.float32)).resize(size, way))
    below = np.asarray(enlarged(picture, size), np.float32)
    mixed = (1 - opacity) * below + opacity * colour(large, scale).astype(np.float32)
    pixels: Pixels = np.rint(mixed).astype(np.uint8)
    return pixels


def enlarged(picture: bytes, size: tuple[int, int]) -> Image.Image:
    """The picture at another size."""
    with Image.open(io.BytesIO(picture)) as image:
        return image.convert("RGB").resize(size, Image.Resampling.BICUBIC)


def png(pixels: Pixels) -> bytes:
    """PNG bytes, packed for speed."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def card(picture: bytes, width: int) -> bytes:
    """A small JPEG of the picture; a tall one stands narrow in a field that is square.

    That field is transparent, and the picture a PNG.
    """
    with Image.open(io.BytesIO(picture)) as image:
        wide = round(width * image.width / image.height)
    if wide >= _NARROW * width:
        return thumbnail(picture, width)
    field, wide = Image.new("RGBA", (width, width), (0, 0, 0, 0)), max(wide, 1)
    field.paste(enlarged(picture, (wide, width)), ((width - wide) // 2, 0))
    buffer = io.BytesIO()
    field.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def thumbnail(picture: bytes, width: int) -> bytes:
    """A small JPEG of the picture."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        height = round(width * image.height / image.width)
        enlarged(picture, (width, height)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
