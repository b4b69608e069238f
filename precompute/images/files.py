"""Which files of a folder are pictures, and how many are left out."""

import os
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path, PurePath

from PIL import Image

from precompute.images.decode import FORMATS
from precompute.images.names import spelt_out


@cache
def suffixes() -> frozenset[str]:
    """The endings of pictures that can be opened, in small letters."""
    kinds = {*FORMATS, "MPO"}  # which is read as JPEG
    return frozenset(end for end, kind in Image.registered_extensions().items() if kind in kinds)


def is_picture(name: str) -> bool:
    """Whether a file is named as a picture is."""
    return PurePath(name).suffix.lower() in suffixes()


def files_in(folder: Path) -> list[str]:
    """The names of a folder's files, sorted; hidden ones are left out, and all if it is none."""
    _, _, names = next(os.walk(folder), ("", [], list[str]()))
    return sorted(name for name in names if not name.startswith("."))


def files_below(root: Path) -> list[str]:
    """The names of all files of a folder and the folders in it, relative to it, sorted.

    Hidden files and folders are left out. Links to folders are followed to what does not lie in
    the folder anyhow; one that leads back up is not.
    """
    names, seen, todo = list[str](), set[Path](), [root]
    while todo:
        start = todo.pop(0)
        if start != root and root.resolve().is_relative_to(start.resolve()):
            continue
        for where, folders, files in os.walk(start):
            here = Path(where)
            new = here.resolve() not in seen
            seen.add(here.resolve())
            folders[:] = sorted(name for name in folders if new and not name.startswith("."))
            todo += [here / name for name in folders if (here / name).is_symlink()]
            inner = here.relative_to(root)
            names += [(inner / name).as_posix() for name in files if new and name[0] != "."]
    return sorted(names)


def by_ending(names: Iterable[str]) -> str:
    """How many files there are of every ending, in words; empty if there are none.

    >>> by_ending(["a.txt", "b.HEIC", "c.heic", "Makefile"])
    '2 .heic, 1 .txt, 1 without an ending'
    """
    endings = Counter(spelt_out(PurePath(name).suffix.lower()) for name in names)
    ordered = sorted(endings.items(), key=lambda item: (-item[1], not item[0], item[0]))
    return ", ".join(f"{n} {ending or 'without an ending'}" for ending, n in ordered)
