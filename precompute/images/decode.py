"""From the bytes of a picture file to what a captioner is shown: upright, in RGB, of 8 bits."""

import io
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

log = logging.getLogger(__name__)

_OF_FIRST_VERSION = ("BMP", "GIF", "JPEG", "MPO", "PNG", "PPM", "TIFF", "WEBP")


def _formats() -> tuple[str, ...]:
    always = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return always
    register_heif_opener()
    return (*always, "HEIF")


FORMATS = _formats()
"""Of those that Pillow knows; some of the others start programs (EPS starts Ghostscript). HEIF, in
which phones photograph, where its plugin is installed."""
MAX_PIXELS = 80_000_000
"""Of one picture: a file of 20 kB can unpack to gigabytes. Nearly all cameras stay below."""

_VERSION = 1
"""Of how pictures are read that the first version of Peel read otherwise, or not at all."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF's orientation -> what turns the picture upright."""

_TRANSPARENT = "transparent"  # a key of a picture's `info`
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # TIFF's tags
_WHITE_IS_ZERO, _UNSIGNED = 0, 1


def decode(content: bytes, source: str, background: str | None = None) -> Image.Image:
    """Decode a picture by its content, whatever its name says.

    Args:
        content: of its file.
        source: what the log calls it.
        background: the colour that it is laid on where it is transparent; without one, the colours
            hidden there are shown.

    Raises:
        Exception: whatever Pillow raises of a file that is damaged, or no picture; ValueError of
            more than `MAX_PIXELS`, or of values that have no range.
    """
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(
                f"{image.width} by {image.height} pixels, where at most {MAX_PIXELS} may be"
            )
        image.load()
        grey = _to_8_bits(image, source) if _is_deep(image) else image
        turn = _turn(image, source)
        return _in_rgb(grey if turn is None else grey.transpose(turn), background)


def shows_hidden_colours(picture: Image.Image) -> bool:
    """Whether a decoded picture is transparent in its file, and laid on no background."""
    return bool(picture.info.get(_TRANSPARENT))


def reading(content: bytes) -> str | None:
    """How a picture is read, where the first version of Peel read it otherwise, or not at all.

    It belongs into what identifies a run: the same file gives other pixels than it did.

    Returns:
        Its format and mode, and the version of what is done with it; None for all other pictures,
        and for what is none.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.format in _OF_FIRST_VERSION and not _is_deep(image):
                return None
            return f"{image.format} {image.mode} {_VERSION}"
    except Exception:  # whatever it is, the picture is skipped when it is opened
        return None


def _turn(image: Image.Image, source: str) -> Image.Transpose | None:
    """How to turn a phone's photograph, which lies on its side; its EXIF says so."""
    # Not ImageOps.exif_transpose, which writes the EXIF anew: one tag that is wrong stops it.
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception as error:  # pixels that are sound are shown, as they lie
        log.info("%s: its EXIF cannot be read, so that it is not turned: %s", source, error)
        return None


def _in_rgb(image: Image.Image, background: str | None) -> Image.Image:
    clear = image.has_transparency_data and bool(
        np.asarray(image.convert("RGBA").getchannel("A")).min() < 255
    )
    if clear and background:
        whole = image.convert("RGBA")
        rgb = Image.alpha_composite(Image.new("RGBA", whole.size, background), whole).convert("RGB")
    else:
        image.info.pop("transparency", None)  # of which Pillow would say that it is lost
        rgb = image.convert("RGB")
    rgb.info = {_TRANSPARENT: clear and not background}
    return rgb


def _is_deep(image: Image.Image) -> bool:
    """Whether it has one channel of more than 8 bits, of which `convert` cuts off the rest."""
    return image.mode.startswith("I") or image.mode == "F"


def _to_8_bits(image: Image.Image, source: str) -> Image.Image:
    """Scale the values of a deep picture to 0..255.

    By the range that its bits have; floats, and integers of 32 bits, have none that pictures keep
    to: theirs is from the least value to the greatest.
    """
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    values = np.asarray(image)
    if image.mode == "I" and image.format == "TIFF" and _is_unsigned(tags):
        values = values.view(np.uint32)
    if image.mode.startswith("I;16"):
        low, high = 0.0, 2.0 ** tags.get(_BITS, (16,))[0] - 1
    elif image.format == "PPM" and image.mode == "I":
        low, high = 0.0, 65535.0  # to which Pillow scales whatever the file's own maximum is
    else:
        low, high = _extremes(values)
        log.info("%s: its values from %g to %g are shown as black to white", source, low, high)
    scaled = (np.nan_to_num(values.astype(np.float64), True, low, high, low) - low) / (high - low)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        scaled = 1 - scaled
    grey = Image.fromarray((scaled * 255).round().clip(0, 255).astype(np.uint8))
    if (clear := image.info.get("transparency")) is not None:  # the value that is no pixel
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey


def _is_unsigned(tags: Mapping[int, Any]) -> bool:
    return bool(tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED)


def _extremes(values: NDArray[Any]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size or finite.min() == finite.max():
        what = f"the value {finite[0]:g} alone" if finite.size else "no finite value"
        raise ValueError(f"it holds {what}, which has no range to be scaled by")
    return float(finite.min()), float(finite.max())
