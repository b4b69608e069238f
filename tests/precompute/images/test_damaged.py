"""Whatever decoding makes of a damaged file: a picture, or one that is skipped by name."""

import io
import logging
import random
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from precompute.images import ImageItem, UnreadableImage, readable
from precompute.images import item as item_module

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8))
MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")
MUTANTS = 10_000
BYTES = (b"\xff" * 4, b"\0" * 4, b"\x80\0\0\0", b"\0\0\0\x80")


def exif_of(*tags):
    """EXIF with these tags: number, type, value."""
    entries = b"".join(struct.pack("<HHIi", *tag[:2], 1, tag[2]) for tag in sorted(tags))
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)


TURNED, NEGATIVE_WIDTH = (0x0112, 3, 6), (0x0100, 9, -1)


def jpeg(exif, kind="JPEG"):
    written = io.BytesIO()
    PICTURE.save(written, kind, exif=exif)
    return written.getvalue()


def test_a_photograph_is_turned_though_another_tag_of_its_exif_is_wrong():
    content = jpeg(exif_of(TURNED, NEGATIVE_WIDTH))
    with pytest.raises(struct.error), Image.open(io.BytesIO(content)) as image:
        ImageOps.exif_transpose(image)
    with Image.open(io.BytesIO(content)) as image:
        expected = np.rot90(np.asarray(image), -1)
    assert np.array_equal(np.asarray(ImageItem("a", "a.jpg", lambda: content).open()), expected)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0", exif_of(TURNED)[:20], b"Exif\0\0nothing"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pixels_that_are_sound_open_whatever_the_exif_is(kind, exif, caplog):
    caplog.set_level(logging.INFO, "precompute.images.decode")
    content = jpeg(exif, kind)
    with Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(image)
    assert np.array_equal(np.asarray(ImageItem("a", "a.jpg", lambda: content).open()), expected)
    if kind != "JPEG" and exif.endswith(b"nothing"):
        (message,) = caplog.messages
        assert message.startswith("a.jpg: its EXIF cannot be read, so that it is not turned: not a")


def files():
    """Every format that Pillow writes here, in the modes that each has."""
    Image.init()
    exif = Image.Exif()
    exif[0x0112], exif[0x0100], exif[0x010F] = 6, 32, "camera"
    for kind in sorted(Image.SAVE):
        for mode in MODES:
            grey = PICTURE.convert("L") if mode in ("I;16", "I", "F") else PICTURE
            written = io.BytesIO()
            try:
                grey.convert(mode).save(written, kind, exif=exif)
            except Exception:  # there is no such file
                continue
            yield kind, written.getvalue()
    for compression in ("tiff_lzw", "jpeg", "group4", "packbits", "tiff_adobe_deflate", "zstd"):
        written = io.BytesIO()
        mode = "1" if compression == "group4" else "RGB"
        PICTURE.convert(mode).save(written, "TIFF", compression=compression)
        yield "TIFF", written.getvalue()


def mutant(content, draw):
    """A file of which a few bytes are others, or gone; most near its head, where its sense is."""
    content = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        at = draw.randrange(min(len(content), draw.choice((64, 256, len(content)))))
        match draw.randrange(4):
            case 0:
                content[at] = draw.randrange(256)
            case 1:
                content[at] ^= 1 << draw.randrange(8)
            case 2:
                content[at : at + 4] = draw.choice(BYTES)
            case 3:
                del content[at : at + draw.randrange(1, 20)]
    return bytes(content)


@pytest.mark.filterwarnings("ignore")  # of which decoders have many for such files
def test_no_damaged_file_ends_a_run():
    draw = random.Random(21)
    whole = list(files())
    assert {"JPEG", "PNG", "TIFF", "WEBP", "GIF", "AVIF", "JPEG2000"} <= {kind for kind, _ in whole}
    named = [
        (f"{k}.{kind}", mutant(content, draw))
        for k in range(MUTANTS)
        for kind, content in [draw.choice(whole)]
    ]
    items = [ImageItem(name, name, lambda content=content: content) for name, content in named]
    skipped = []
    opened = {item.image_id: picture for item, picture in readable(items, skipped.append)}
    assert all(picture.mode == "RGB" and min(picture.size) > 0 for picture in opened.values())
    assert len(opened) > MUTANTS / 20
    assert opened.keys() | {error.source for error in skipped} == {name for name, _ in named}
    assert not any("0x7f" in error.reason or not error.reason for error in skipped)


@pytest.mark.parametrize(
    "error", [struct.error("short"), RuntimeError("no"), TypeError(), NotImplementedError, KeyError]
)
def test_whatever_a_decoder_raises_is_the_pictures_fault(error, monkeypatch):
    def decode(*_):
        raise error

    monkeypatch.setattr(item_module, "decode", decode)
    with pytest.raises(UnreadableImage, match=r"cannot read the picture a\.png: \w+\."):
        ImageItem("a", "a.png", bytes).open()


def test_too_little_memory_is_not(monkeypatch):
    def decode(*_):
        raise MemoryError

    monkeypatch.setattr(item_module, "decode", decode)
    with pytest.raises(MemoryError):
        ImageItem("a", "a.png", bytes).open()
