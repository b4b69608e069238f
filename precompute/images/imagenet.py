"""ImageNet's validation pictures, in the layouts that people have them in.

Flat with the devkit's ground truth, flat with the wnid in each name, a folder a wnid, parquet
shards, and by name on the hub. Ids and labels are equal in all: the id is the original file's
name, `ILSVRC2012_val_00000001`; the label is the first name of the class.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import scipy.io
from pydantic import BaseModel, ValidationError

from precompute.images import hub
from precompute.images.files import files_in, is_picture
from precompute.images.image_set import ImageSet, UnknownLayout, image_set
from precompute.images.imagenet_classes import CLASS_NAMES, WNID, Names, class_names, wnids
from precompute.images.item import ImageItem
from precompute.images.metadata import read_text
from precompute.images.sources import (
    IMAGE,
    Read,
    file_reader,
    has_pictures,
    listing,
    parquet_rows,
    shards,
    shortened,
)

GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"
SPLIT = "validation"
_DEVKIT = ("ILSVRC2012_devkit_t12/data", "devkit/data", "data", ".")
_STEM = re.compile(r"(?P<id>.+?)(?:_(?P<wnid>n\d{8}))?")
_NUMBERED = re.compile(r"ILSVRC2012_val_(\d{8})")

Classed = tuple[Path, str]
"""A picture's file and its wnid."""


def load(path: Path) -> ImageSet:
    """List the pictures, by id. ImageNet has no captions: `references` stays empty.

    Args:
        path: the folder of the pictures, or the one in which they lie in `val`.

    Raises:
        UnknownLayout: if it is none of the layouts.
    """
    names = class_names(path)
    for folder in (path, path / "val", path / "ILSVRC2012_img_val"):
        flat, others = _pictures(folder)
        if flat:
            layout, classed = _flat(path, folder, flat)
            return image_set(_of_files(path, classed, names), layout, path, others)
        if kinds := [inner for inner in _inner(folder) if WNID.fullmatch(inner.name)]:
            found = [(kind.name, *_pictures(kind)) for kind in kinds]
            classed = [(file, wnid) for wnid, files, _ in found for file in files]
            others = [name for _, _, names in found for name in names]
            layout = f"{len(kinds)} folders, one a wnid"
            return image_set(_of_files(path, classed, names), layout, path, others)
    if files := [shard for shard in shards(path, SPLIT) if has_pictures(shard)]:
        return image_set(_parquet(path, files, names), f"{len(files)} parquet files", path)
    raise _unknown(
        path,
        f"pictures named ILSVRC2012_val_<number>_<wnid>.JPEG, or without the wnid beside the "
        f"devkit's {GROUND_TRUTH} and {META}, or in folders named by wnid, or *.parquet",
        listing(path),
    )


def load_hub(name: str) -> ImageSet:
    """List the validation pictures of a data set on the hub, such as `ILSVRC/imagenet-1k`.

    Raises:
        HubRefused: the hub does not give it.
    """
    names = class_names(None)
    # Only the shards of this split: the training pictures are 140 GB.
    rows = hub.rows(hub.Split(name, SPLIT, f"**/{SPLIT}-*"), ("label",))
    items = _labelled(rows, [names[wnid][0] for wnid in wnids()], name)
    return image_set(_sorted(items), f"{name} of the hub, split {SPLIT}", name)


def _of_files(root: Path, files: Sequence[Classed], names: Names) -> list[ImageItem]:
    classes = defaultdict[str, set[str]](set)
    for file, wnid in files:
        classes[_id(file.stem)].add(wnid)
    items = []
    for file, wnid in files:
        source = file.relative_to(root).as_posix()
        image_id = _id(file.stem)
        # ImageNet-R has an art_0.jpg in every class.
        of_class = image_id if len(classes[image_id]) == 1 else f"{wnid}/{image_id}"
        label = names[wnid][0] if wnid in names else wnid
        items.append(ImageItem(of_class, source, file_reader(file, source), label=label))
    return _sorted(items)


def _flat(root: Path, folder: Path, pictures: list[Path]) -> tuple[str, list[Classed]]:
    """The layout's name, and the wnids from the names, or from the devkit where no name has one."""
    named = [
        (file, match["wnid"])
        for file in pictures
        if (match := _STEM.fullmatch(file.stem)) and match["wnid"]
    ]
    if len(named) == len(pictures):
        return "flat, with wnids in the names", named
    devkit = _devkit(root, folder)
    if named or devkit is None:
        without = shortened(sorted({f.name for f in pictures} - {f.name for f, _ in named}))
        raise _unknown(
            root,
            f"pictures named ILSVRC2012_val_<number>_<wnid>.JPEG, or, with no wnid in any name, "
            f"the devkit's {GROUND_TRUTH} and {META} in {_DEVKIT[0]} here or beside",
            f"{without} without either",
        )
    classes = _ground_truth(devkit)
    return "flat, with the devkit's ground truth", [
        (file, classes[_number(root, file, len(classes)) - 1]) for file in pictures
    ]


def _devkit(root: Path, folder: Path) -> Path | None:
    places = (base / inner for base in (root, folder, root.parent) for inner in _DEVKIT)
    return next((p for p in places if (p / GROUND_TRUTH).is_file() and (p / META).is_file()), None)


def _ground_truth(devkit: Path) -> list[str]:
    """The wnid of each validation picture, by its number.

    The file has the devkit's own class ids, which are not the order of the wnids.
    """
    try:
        synsets = scipy.io.loadmat(devkit / META, squeeze_me=True)["synsets"]
        wnid_of = {str(int(row["ILSVRC2012_ID"])): str(row["WNID"]) for row in synsets}
    except Exception as error:  # whatever its reader says of a damaged file
        raise _unknown(devkit, f"the devkit's classes in {META}", str(error)) from error
    classes = read_text(devkit / GROUND_TRUTH).split()
    if strange := [number for number in classes if number not in wnid_of]:
        expected = f"numbers of classes of {META} in {GROUND_TRUTH}"
        raise _unknown(devkit, expected, shortened(strange))
    return [wnid_of[number] for number in classes]


def _number(root: Path, file: Path, count: int) -> int:
    match = _NUMBERED.fullmatch(file.stem)
    if match is None or not 1 <= int(match[1]) <= count:
        expected = f"names ILSVRC2012_val_<number 1 to {count}>.JPEG, as many as {GROUND_TRUTH} has"
        raise _unknown(root, expected, file.name)
    return int(match[1])


def _parquet(root: Path, files: list[Path], names: Names) -> list[ImageItem]:
    labels = _labels_of(files[0]) or [names[w][0] if w in names else w for w in wnids()]
    rows = (row for shard in files for row in parquet_rows(root, shard, ("label",)))
    return _sorted(_labelled(rows, [_first_name(label, names) for label in labels], root))


class _Label(BaseModel):
    names: list[str] | None = None


class _Features(BaseModel):
    label: _Label = _Label()


class _Info(BaseModel):
    features: _Features = _Features()


class _Noted(BaseModel):
    """What Hugging Face's `datasets` notes in a file, as far as it is read here."""

    info: _Info = _Info()


def _labels_of(shard: Path) -> list[str] | None:
    """The names of labels that Hugging Face's `datasets` writes into a file; None if it has not."""
    noted = (pq.read_schema(shard).metadata or {}).get(b"huggingface", b"{}")
    try:
        return _Noted.model_validate_json(noted).info.features.label.names
    except ValidationError as error:
        raise ValueError(
            f"{shard}: expected the names of labels in its notes under huggingface; got "
            f"{noted!r:.80}. Download it again."
        ) from error


def _first_name(label: str, names: Names) -> str:
    return names[label][0] if label in names else label.split(",")[0].strip()


def _labelled(
    rows: Iterable[tuple[Mapping[str, Any], str, Read]], labels: list[str], where: Path | str
) -> Iterator[ImageItem]:
    rows = list(rows)
    named = Counter(_id(Path(row[IMAGE]).stem) for row, _, _ in rows if row[IMAGE])
    for row, source, read in rows:
        label = row.get("label")
        if not isinstance(label, int) or not 0 <= label < len(labels):
            expected = f"a label 0 to {len(labels) - 1} in each row"
            raise _unknown(where, expected, f"{label!r} in {source}")
        # The path that the picture had; a file that forgot it leaves the row's place, and so does
        # one that several have.
        image_id = _id(Path(row[IMAGE] or "").stem)
        yield ImageItem(
            image_id if named[image_id] == 1 else source, source, read, label=labels[label]
        )


def _id(stem: str) -> str:
    match = _STEM.fullmatch(stem)
    return match["id"] if match else stem


def _sorted(items: Iterable[ImageItem]) -> list[ImageItem]:
    return sorted(items, key=lambda item: item.image_id)


def _pictures(folder: Path) -> tuple[list[Path], list[str]]:
    """The pictures of a folder, and the names of its other files, as far as none has a meaning."""
    names = files_in(folder)
    others = [n for n in names if not is_picture(n) and n not in (*CLASS_NAMES, GROUND_TRUTH, META)]
    return [folder / name for name in names if is_picture(name)], others


def _inner(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _unknown(path: Path | str, expected: str, got: str) -> UnknownLayout:
    remedy = "Lay it out in one of these ways, such as ILSVRC2012_val_00000293_n01440764.JPEG."
    return UnknownLayout("ImageNet", path, expected, got, remedy)
