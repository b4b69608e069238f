"""Data sets of pictures. A new one is a file with a loader, and a line in `LOADERS`.

It lists pictures, opens them, and says what is known of them; models, runs and parts it must not
know. `hub` and `imagenet_classes` are modules for others, too.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from precompute.config import DatasetConfig, local_path
from precompute.images import folder, hub, imagenet, imagenet_classes, whoops
from precompute.images.decode import shows_hidden_colours
from precompute.images.image_set import (
    ImageSet,
    TooManyBroken,
    UnknownLayout,
    require_few_broken,
    subset,
)
from precompute.images.item import ImageItem, UnreadableImage, fingerprint, readable
from precompute.images.masks import Masks, read_masks
from precompute.images.metadata import read_csv
from precompute.images.names import spelt_out
from precompute.images.prefetch import readable_ahead
from precompute.images.sources import file_reader

LOADERS: dict[str, Callable[[Path], ImageSet]] = {
    "whoops": whoops.load,
    "imagenet": imagenet.load,
    "folder": folder.load,
}
HUB_LOADERS: dict[str, Callable[[str], ImageSet]] = {
    "whoops": whoops.load_hub,
    "imagenet": imagenet.load_hub,
}


def load(kind: str, path: Path) -> ImageSet:
    """List the pictures in a folder, in a fixed order, without opening them.

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
    return LOADERS[kind](path)


def load_dataset(config: DatasetConfig) -> ImageSet:
    """List the pictures that a configuration asks for: a folder's or the hub's, or `n` of them.

    Raises:
        ValueError: as `load`, or there are fewer than `n`.
        HubRefused: the hub does not give the data set.
    """
    if config.hub:
        images = HUB_LOADERS[config.kind](config.hub)
    elif config.files:
        images = folder.load(local_path(config.path), config.files)
    else:
        images = load(config.kind, local_path(config.path))
    if config.background:
        items = tuple(replace(item, background=config.background) for item in images.items)
        images = replace(images, items=items)
    return images if config.n is None else subset(images, config.n, config.seed)


__all__ = [
    "HUB_LOADERS",
    "LOADERS",
    "ImageItem",
    "ImageSet",
    "Masks",
    "TooManyBroken",
    "UnknownLayout",
    "UnreadableImage",
    "file_reader",
    "fingerprint",
    "hub",
    "imagenet_classes",
    "load",
    "load_dataset",
    "read_csv",
    "read_masks",
    "readable",
    "readable_ahead",
    "require_few_broken",
    "shows_hidden_colours",
    "spelt_out",
]
