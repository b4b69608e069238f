"""Data sets of pictures. A new one is a file with a loader, and a line in `LOADERS`."""

from collections.abc import Callable, Sequence
from pathlib import Path

from precompute.images import imagenet, whoops
from precompute.images.item import (
    ImageItem,
    UnknownLayout,
    UnreadableImage,
    fingerprint,
    readable,
)

LOADERS: dict[str, Callable[[Path], Sequence[ImageItem]]] = {
    "whoops": whoops.load,
    "imagenet": imagenet.load,
}


def load(kind: str, path: Path) -> Sequence[ImageItem]:
    """List the pictures of a data set, in a fixed order, without opening them.

    Args:
        kind: Name of a loader, a key of `LOADERS`.
        path: The data set's folder.

    Raises:
        ValueError: If there is no such loader, no such folder, or two pictures share an id.
        UnknownLayout: If the folder is not laid out as this kind of data set.
    """
    if kind not in LOADERS:
        raise ValueError(
            f"the kind of a data set must be one of {', '.join(LOADERS)}; got {kind!r}."
        )
    if not path.is_dir():
        raise ValueError(
            f"expected the {kind} pictures in the folder {path}; there is no such folder. "
            "Correct the configuration's path, or try `make demo`, which needs no download."
        )
    items = LOADERS[kind](path)
    seen: set[str] = set()
    for item in items:
        if item.image_id in seen:
            raise ValueError(
                f"image ids must be unique; {path} has {item.image_id!r} twice. "
                "Remove one of the two."
            )
        seen.add(item.image_id)
    return items


__all__ = [
    "LOADERS",
    "ImageItem",
    "UnknownLayout",
    "UnreadableImage",
    "fingerprint",
    "load",
    "readable",
]
