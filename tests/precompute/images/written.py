"""Picture files of more bits than Pillow writes, byte by byte from their specifications."""

import struct
import zlib

import numpy as np


def tiff(samples, photometric, sample_format=1, order="<", bits=None, packed=None):
    """An uncompressed TIFF.

    Args:
        samples: array [y, x, channel] of unsigned, signed or float numbers.
        photometric: 0 white is zero, 1 black is zero, 2 RGB.
        sample_format: 1 unsigned, 2 signed, 3 float.
        order: of bytes, `<` or `>`.
        bits: of a sample; those of the array if not given.
        packed: the samples as bytes, where the array's own are not meant.
    """
    height, width, channels = samples.shape
    data = packed or samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    bits = bits or samples.dtype.itemsize * 8
    lists = 8 + 2 + 11 * 12 + 4  # where what has no room in a tag stands: bits and formats
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, channels, bits if channels == 1 else lists),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, lists + 4 * channels),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, 1, len(data)),
        (284, 3, 1, 1),
        (339, 3, channels, sample_format if channels == 1 else lists + 2 * channels),
    ]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, count, value in entries:
        short = kind == 3 and count == 1
        head += struct.pack(order + ("HHIHxx" if short else "HHII"), tag, kind, count, value)
    more = struct.pack(f"{order}{2 * channels}H", *[bits] * channels, *[sample_format] * channels)
    return head + struct.pack("I", 0) + more + data


def twelve_bits(samples):
    """Samples of 12 bits, two in three bytes, as TIFF packs them."""
    pairs = samples.reshape(-1, 2).astype(np.uint32)
    both = (pairs[:, 0] << 12) | pairs[:, 1]
    return b"".join(int(pair).to_bytes(3, "big") for pair in both)


def png(samples):
    """A PNG of 16 bits: grey, grey with alpha, RGB or RGBA by its channels."""
    height, width, channels = samples.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = samples.astype(">u2").reshape(height, -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    )
