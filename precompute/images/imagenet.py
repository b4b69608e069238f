"""ImageNet validation pictures: a flat folder whose file names carry the wnid."""

import re
from collections.abc import Sequence
from pathlib import Path

from precompute.images.item import ImageItem, UnknownLayout, file_reader

CLASS_NAMES = ("synset_words.txt", "LOC_synset_mapping.txt")
"""Files that may name the classes, a line each: `n02056570 king penguin, Aptenodytes ...`."""

_PICTURES = {".jpeg", ".jpg", ".png"}
_NAMED = re.compile(r".+_(?P<wnid>n\d{8})$")


def load(path: Path) -> Sequence[ImageItem]:
    """List the pictures of a flat folder, by name.

    The label is the class's first name, or its wnid where no file names the classes.
    ImageNet has no captions: `references` stays empty.

    Raises:
        UnknownLayout: If there are no pictures or one has no wnid in its name.
    """
    pictures = sorted(file for file in path.iterdir() if file.suffix.lower() in _PICTURES)
    unnamed = [file.name for file in pictures if not _NAMED.match(file.stem)]
    if unnamed or not pictures:
        found = unnamed or sorted(entry.name for entry in path.iterdir()) or ["nothing"]
        raise UnknownLayout(
            "ImageNet",
            path,
            "pictures named ILSVRC2012_val_<number>_<wnid>.JPEG",
            ", ".join(found[:5]) + (" ..." if len(found) > 5 else ""),
            "Give each picture its wnid, such as ILSVRC2012_val_00000293_n01440764.JPEG.",
        )
    names = class_names(path)
    return tuple(_item(file, names) for file in pictures)


def class_names(path: Path) -> dict[str, str]:
    """Read wnid -> first class name from the first of `CLASS_NAMES` that is in the folder."""
    return {wnid: names[0] for wnid, names in _all_names(path).items()}


def synonyms(path: Path) -> dict[str, list[str]]:
    """Read first class name -> all names; `crane`, two classes' first name, has those of both."""
    found: dict[str, list[str]] = {}
    for names in _all_names(path).values():
        found.setdefault(names[0], []).extend(names)
    return found


def _all_names(path: Path) -> dict[str, list[str]]:
    for name in CLASS_NAMES:
        if (path / name).is_file():
            lines = (path / name).read_text(encoding="utf-8").splitlines()
            pairs = (line.split(maxsplit=1) for line in lines if line.strip())
            return {wnid: [n.strip() for n in words.split(",")] for wnid, words in pairs}
    return {}


def _item(file: Path, names: dict[str, str]) -> ImageItem:
    named = _NAMED.match(file.stem)
    assert named is not None, file
    wnid = named["wnid"]
    return ImageItem(
        image_id=file.stem,
        source=file.name,
        read=file_reader(file, file.name),
        label=names.get(wnid, wnid),
    )
