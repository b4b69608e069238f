"""What every data set yields: pictures that open on demand, with what is known of them."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields

from PIL import Image

from precompute.images.decode import decode, reading
from precompute.images.names import spelt_out
from store.disk import canonical


class UnreadableImage(ValueError):
    """A picture that cannot be opened; a run records it as skipped and goes on."""

    def __init__(self, source: str, reason: str) -> None:
        """Name the picture and say why it cannot be read."""
        self.source = spelt_out(source)
        super().__init__(self.source, reason)  # as given, so that it can be pickled
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot read the picture {self.source}: {self.reason}."


@dataclass(frozen=True)
class ImageItem:
    """One picture of a data set.

    Attributes:
        image_id: Unique in its data set and stable between runs.
        source: Where the picture is, relative to the data set's folder.
        read: Gives the picture file's bytes; raises `UnreadableImage`. One of
            `precompute.images.sources`, all of which can be pickled.
        references: What people wrote of it, to score captions against; may be empty.
        label: Name of its class, or None.
        category: Name of its group in the data set, or None.
        explanation: What a person wrote is odd about it, or None.
        questions: Pairs of a question and its expected answer.
        background: The colour that it is laid on where it is transparent, or None.
    """

    image_id: str
    source: str
    read: Callable[[], bytes]
    references: tuple[str, ...] = ()
    label: str | None = None
    category: str | None = None
    explanation: str | None = None
    questions: tuple[tuple[str, str], ...] = ()
    background: str | None = None

    def open(self) -> Image.Image:
        """Decode the picture by its content, whatever its name says, upright and to RGB.

        Raises:
            UnreadableImage: If the bytes are missing, damaged, no picture, or one of more than
                `MAX_PIXELS`.
        """
        content = self.read()
        try:
            return decode(content, self.source, self.background)
        except MemoryError:  # may well be this machine's fault
            raise
        except Exception as error:  # a list would not be whole: decoders are other people's
            # An unknown format's message names a buffer's address, which changes every time.
            reason = str(error).split("<_io")[0].strip() or type(error).__name__
            raise UnreadableImage(self.source, reason) from error


def readable(
    items: Iterable[ImageItem], skip: Callable[[UnreadableImage], object] = lambda _: None
) -> Iterator[tuple[ImageItem, Image.Image]]:
    """Open pictures one after the other, skipping those that cannot be opened.

    Args:
        items: The pictures.
        skip: Called for each that is skipped.
    """
    for item in items:
        try:
            picture = item.open()
        except UnreadableImage as error:
            skip(error)
            continue
        yield item, picture


def fingerprint(items: Iterable[ImageItem]) -> str:
    """Hash pictures and all that is known of them, one picture in memory at a time.

    Every field of an `ImageItem` counts, since every one is stored: a run made of a corrected list
    of classes is another run. So does how a picture is read, where that has changed since the first
    version. A picture that cannot be read counts as such.

    Returns:
        A sha256 in hexadecimal.
    """
    total = hashlib.sha256()
    for item in items:
        known = {field.name: getattr(item, field.name) for field in fields(item)}
        if item.background is None:
            del known["background"]  # so that runs from before there was one keep their names
        try:
            content = item.read()
        except UnreadableImage:
            known["read"] = None
        else:
            known["read"] = hashlib.sha256(content).hexdigest()
            if how := reading(content):
                known["reading"] = how
        total.update(canonical(known).encode() + b"\n")
    return total.hexdigest()
