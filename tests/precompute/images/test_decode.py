"""Pictures of any depth and mode look as their 8-bit originals do."""

import io
import logging
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from precompute.images import ImageItem, UnreadableImage, fingerprint, shows_hidden_colours
from precompute.images.decode import FORMATS
from tests.precompute.images.by_hand import fingerprint_by_hand
from tests.precompute.images.written import png, tiff, twelve_bits

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
RGB = np.stack([GREY, GREY.T, GREY[::-1]], axis=-1)
DEEP = GREY[..., None].astype(np.uint16) * 257


def item(content):
    return ImageItem("a", "a.png", lambda: content)


def opened(content):
    picture = item(content).open()
    assert picture.mode == "RGB"
    return np.asarray(picture).astype(int)


def saved(picture, kind, **options):
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def as_float(low, high):
    return GREY[..., None].astype(np.float32) / 255 * (high - low) + low


def with_holes():
    values = as_float(-3, 5)
    values[0, 1], values[0, 2], values[0, 3] = np.nan, np.inf, -np.inf
    return values


DEEP_GREYS = {
    "PNG of 16 bits": png(DEEP),
    "TIFF of 16 bits": tiff(DEEP, 1),
    "TIFF of 16 bits, big-endian": tiff(DEEP, 1, order=">"),
    "TIFF of 16 bits, white is zero": tiff(65535 - DEEP, 0),
    "TIFF of 12 bits": tiff(DEEP, 1, bits=12, packed=twelve_bits(DEEP >> 4)),
    "TIFF of 16 bits, signed": tiff((DEEP.astype(int) - 32768).astype(np.int16), 1, 2),
    "TIFF of 32 bits, signed": tiff((DEEP.astype(int) * 65537 - 2**31).astype(np.int32), 1, 2),
    "TIFF of 32 bits, unsigned": tiff(DEEP.astype(np.uint32) * 65537, 1),
    "TIFF of 32 bits, few of them used": tiff(GREY[..., None].astype(np.int32) * 3 + 7, 1, 2),
    "TIFF of floats in 0..1": tiff(as_float(0, 1), 1, 3),
    "TIFF of floats, big-endian": tiff(as_float(0, 1), 1, 3, order=">"),
    "TIFF of floats in -1000..3000": tiff(as_float(-1000, 3000), 1, 3),
    "PGM of 16 bits": b"P5 16 16 65535\n" + DEEP.astype(">u2").tobytes(),
    "PGM of 10 bits": b"P5 16 16 1023\n" + (DEEP >> 6).astype(">u2").tobytes(),
    "PFM": b"Pf 16 16 -1.0\n" + as_float(0, 1)[::-1].astype("<f4").tobytes(),
}


@pytest.mark.parametrize("name", DEEP_GREYS)
def test_a_deep_grey_picture_is_its_8_bit_original(name):
    got = opened(DEEP_GREYS[name])
    assert np.abs(got - GREY[..., None].astype(int)).max() <= 2
    assert got.std() > 50, "neither white nor black"


def test_16_bits_are_scaled_by_their_range_and_not_by_what_is_in_the_picture():
    assert np.abs(opened(png(DEEP // 4)) - GREY[..., None] / 4).max() <= 1


OTHERS = {
    "PNG of 16 bits in RGB": (png(RGB.astype(np.uint16) * 257), RGB),
    "PNG of 16 bits in RGBA": (
        png(np.concatenate([RGB.astype(np.uint16) * 257, DEEP[::-1]], axis=-1)),
        RGB,
    ),
    "PNG of 16 bits, grey and alpha": (
        png(np.concatenate([DEEP, DEEP[::-1]], -1)),
        GREY[..., None],
    ),
    "TIFF of 16 bits in RGB": (tiff(RGB.astype(np.uint16) * 257, 2), RGB),
    "TIFF of 16 bits in RGB, big-endian": (tiff(RGB.astype(np.uint16) * 257, 2, order=">"), RGB),
    "grey": (saved(Image.fromarray(GREY), "PNG"), GREY[..., None]),
    "RGB": (saved(Image.fromarray(RGB), "PNG"), RGB),
    "palette": (saved(Image.fromarray(GREY).convert("P"), "PNG"), GREY[..., None]),
    "two levels": (
        saved(Image.fromarray(GREY > 127), "PNG"),
        np.where(GREY > 127, 255, 0)[..., None],
    ),
    "CMYK": (saved(Image.fromarray(RGB).convert("CMYK"), "TIFF"), RGB),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_modes_stay_right(name):
    content, expected = OTHERS[name]
    assert np.abs(opened(content) - expected.astype(int)).max() <= 2


def test_lab_stays_right():
    """Greys: their L alone is not 0, and 8 bits of it lose little."""
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(Image.fromarray(GREY).convert("RGB"), to_lab)
    assert np.abs(opened(saved(lab, "TIFF")) - GREY[..., None].astype(int)).max() <= 2


def test_the_log_says_what_is_black_and_what_is_white(caplog):
    with caplog.at_level(logging.INFO, "precompute.images.decode"):
        opened(png(DEEP))
        assert not caplog.messages, "16 bits have a range of their own"
        got = opened(tiff(with_holes(), 1, 3))
    assert caplog.messages == ["a.png: its values from -3 to 5 are shown as black to white"]
    expected = GREY[..., None].astype(int) + np.zeros(3, int)
    expected[0, 1:4] = [[0], [255], [0]]  # no number, the greatest, the least
    assert np.abs(got - expected).max() <= 1


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.5, "it holds the value 0.5 alone, which has no range"), (np.nan, "holds no finite value")],
)
def test_values_without_a_range_are_skipped_with_the_reason(value, words):
    with pytest.raises(UnreadableImage, match=rf"a\.png: .*{words}"):
        opened(tiff(np.full((4, 4, 1), value, np.float32), 1, 3))


def ordinary():
    """Pictures that no version reads otherwise: every format, turned and not, with their modes."""
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        yield saved(Image.fromarray(RGB), kind, exif=exif)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"):
        yield saved(Image.fromarray(RGB).convert(mode), "TIFF")
    for kind in ("BMP", "GIF", "PPM"):
        yield saved(Image.fromarray(RGB), kind)
    clear = Image.fromarray(GREY).convert("P")
    yield saved(clear, "PNG", transparency=3)
    yield saved(clear, "GIF", transparency=3)
    yield saved(clear, "PNG", transparency=bytes(range(255)))
    yield saved(Image.fromarray(RGB), "PNG", transparency=(1, 2, 3))


@pytest.mark.filterwarnings("ignore:Palette images with Transparency:UserWarning")  # before
def test_ordinary_pictures_and_their_runs_stay_what_they_were():
    """To the last bit, by the two calls of the first version; and so do their fingerprints."""
    for content in ordinary():
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            before = ImageOps.exif_transpose(image).convert("RGB")
        assert np.array_equal(opened(content), np.asarray(before))
        assert fingerprint([item(content)]) == fingerprint_by_hand(content, "a.png")
    assert fingerprint([item(png(DEEP))]) != fingerprint_by_hand(png(DEEP), "a.png")


ALPHA = GREY[:, ::-1].copy()


def clear(mode):
    """A picture and its alpha, 0..1, as one of the kinds of transparency has it; and its file."""
    with_alpha = Image.fromarray(RGB).convert("RGBA")
    with_alpha.putalpha(Image.fromarray(ALPHA))
    grey = np.repeat(GREY[..., None], 3, axis=-1)
    in_palette = Image.fromarray(GREY, "L").convert("P")
    smooth, one = ALPHA / 255, np.where(GREY == 200, 0.0, 1.0)
    return {
        "RGBA, PNG": lambda: (RGB, smooth, saved(with_alpha, "PNG")),
        "RGBA, TIFF": lambda: (RGB, smooth, saved(with_alpha, "TIFF")),
        "RGBA, WEBP": lambda: (RGB, smooth, saved(with_alpha, "WEBP", lossless=True, exact=True)),
        "LA": lambda: (
            grey,
            smooth,
            saved(Image.merge("LA", (Image.fromarray(GREY), Image.fromarray(ALPHA))), "PNG"),
        ),
        "16 bits, grey and alpha": lambda: (
            grey,
            smooth,
            png(np.concatenate([DEEP, ALPHA[..., None].astype(np.uint16) * 257], axis=-1)),
        ),
        "palette, one colour": lambda: (grey, one, saved(in_palette, "PNG", transparency=200)),
        "palette, GIF": lambda: (grey, one, saved(in_palette, "GIF", transparency=200)),
        "palette, many colours": lambda: (
            grey,
            GREY / 255,
            saved(in_palette, "PNG", transparency=bytes(range(256))),
        ),
        "grey, one value": lambda: (
            grey,
            one,
            saved(Image.fromarray(GREY), "PNG", transparency=200),
        ),
        "16 bits, one value": lambda: (
            grey,
            one,
            saved(Image.fromarray(DEEP[..., 0]), "PNG", transparency=200 * 257),
        ),
    }[mode]()


KINDS_OF_ALPHA = (
    "RGBA, PNG",
    "RGBA, TIFF",
    "RGBA, WEBP",
    "LA",
    "16 bits, grey and alpha",
    "palette, one colour",
    "palette, GIF",
    "palette, many colours",
    "grey, one value",
    "16 bits, one value",
)


@pytest.mark.parametrize("kind", KINDS_OF_ALPHA)
def test_a_transparent_picture_shows_its_hidden_colours_or_lies_on_white(kind):
    colours, alpha, content = clear(kind)
    hidden = item(content).open()
    assert np.abs(np.asarray(hidden).astype(int) - colours).max() <= 1
    assert shows_hidden_colours(hidden)
    on_white = replace(item(content), background="white").open()
    expected = colours * alpha[..., None] + 255 * (1 - alpha[..., None])
    assert np.abs(np.asarray(on_white) - expected).max() <= 1
    assert not shows_hidden_colours(on_white)


def test_what_is_opaque_is_the_same_on_white():
    for content in (saved(Image.fromarray(RGB).convert("RGBA"), "PNG"), png(DEEP)):
        opaque, on_white = item(content).open(), replace(item(content), background="white").open()
        assert np.array_equal(np.asarray(opaque), np.asarray(on_white))
        assert not shows_hidden_colours(opaque)


def test_pictures_that_look_the_same_differ_by_their_hidden_colours_unless_they_lie_on_white():
    def cut_out(hidden):
        pixels = np.concatenate([RGB, np.full((16, 16, 1), 255, np.uint8)], axis=-1)
        pixels[:8] = (*hidden, 0)
        return item(saved(Image.fromarray(pixels), "PNG"))

    def differ(*items):
        one, other = (np.asarray(each.open()).astype(int) for each in items)
        return np.abs(one - other).max()

    red, blue = cut_out((255, 0, 0)), cut_out((0, 0, 255))
    assert differ(red, blue) == 255
    assert differ(*(replace(each, background="white") for each in (red, blue))) == 0
