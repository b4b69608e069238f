"""The classes of ImageNet: their wnids in the order of labels, and their names.

A wnid is `n` and the offset of a noun in WordNet 3.0, so that WordNet knows the names: those of
ImageNet's own `synset_words.txt`, all 1,000 of them.
"""

import re
import reprlib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from precompute.images.metadata import read_text
from precompute.metrics.wordnet import nouns, synset_names

CLASS_NAMES = ("synset_words.txt", "LOC_synset_mapping.txt")
"""Files that may name the classes, a line each: `n02056570 king penguin, Aptenodytes ...`."""

KIND_CLASSES = 125
"""Of the 1,000 classes: `dog` has 118 of them, `bird` 59, `canine` 130."""

WNID = re.compile(r"n\d{8}")

Names = Mapping[str, tuple[str, ...]]
"""wnid -> names of the class, the best known first."""

_WNIDS = Path(__file__).with_name("imagenet_wnids.txt")


@cache
def wnids() -> tuple[str, ...]:
    """The wnids of the 1,000 classes, sorted: a label k of a parquet file is the k-th."""
    return tuple(_WNIDS.read_text(encoding="ascii").split())


def class_names(folder: Path | None) -> Names:
    """The names of classes, from the first of `CLASS_NAMES` in a folder, else from WordNet.

    Args:
        folder: of the data set; None if there is none.
    """
    return _from_file(folder) or _from_wordnet()


def synonyms(folder: Path | None) -> dict[str, list[str]]:
    """First class name -> all names that a caption may call it by, those of its kinds included.

    `crane`, two classes' first name, has those of both.
    """
    known = _from_file(folder) or {wnid: _from_wordnet()[wnid] for wnid in wnids()}
    kinds = kind_names()
    names_of: dict[str, list[str]] = {}
    for wnid, names in known.items():
        names_of.setdefault(names[0], []).extend((*names, *kinds.get(wnid, ())))
    return names_of


@cache
def kind_names() -> Names:
    """Each wnid -> what the class is a kind of: a king penguin is a penguin, and a bird.

    A captioner says "a guitar" of an electric guitar, and is right. What more than `KIND_CLASSES`
    classes are (an animal, a device) tells too little of a picture to count.
    """
    above = {wnid: nouns().ancestors(int(wnid[1:])) for wnid in wnids()}
    classes = Counter(sense for senses in above.values() for sense in senses)
    names = synset_names()
    return {
        wnid: tuple(
            name
            for sense in sorted(senses)
            if classes[sense] <= KIND_CLASSES
            for name in names[sense]
        )
        for wnid, senses in above.items()
    }


def _from_file(folder: Path | None) -> Names:
    there = (folder / name for name in CLASS_NAMES) if folder else ()
    path = next((path for path in there if path.is_file()), None)
    lines = read_text(path).splitlines() if path else []
    return dict(
        _class(line, f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )


def _class(line: str, where: str) -> tuple[str, tuple[str, ...]]:
    wnid, *rest = line.split(maxsplit=1)
    names = tuple(name.strip() for name in "".join(rest).split(",") if name.strip())
    if not WNID.fullmatch(wnid) or not names:
        raise ValueError(
            f"{where}: expected a class and its names, such as `n02056570 king penguin`; got "
            f"{reprlib.repr(line)}. Correct that line, or remove the file: WordNet knows the names."
        )
    return wnid, names


@cache
def _from_wordnet() -> Names:
    return {f"n{sense:08d}": names for sense, names in synset_names().items()}
