"""Decode pictures in the background, so that the device does not wait for JPEGs."""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from PIL import Image

from precompute.images.item import ImageItem, UnreadableImage

WORKERS = 4
"""Threads; decoding lets go of Python's lock."""


def readable_ahead(
    items: Sequence[ImageItem], skip: Callable[[UnreadableImage], object], ahead: int
) -> Generator[tuple[ImageItem, Image.Image], None, None]:
    """The same as `images.readable`, with pictures opened before they are asked for.

    Args:
        items: the pictures; they come in this order.
        skip: called, in this order too, for each that cannot be opened.
        ahead: how many open pictures wait at most.
    """
    rest = iter(items)
    opening: deque[tuple[ImageItem, Future[Image.Image]]] = deque()
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="jpeg") as pool:
        try:
            while True:
                while len(opening) < ahead and (item := next(rest, None)) is not None:
                    opening.append((item, pool.submit(item.open)))
                if not opening:
                    return
                item, future = opening.popleft()
                try:
                    picture = future.result()
                except UnreadableImage as error:
                    skip(error)
                else:
                    yield item, picture
        finally:
            for _, future in opening:
                future.cancel()
