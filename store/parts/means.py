"""Sums of states over images, as HDF5 files of parts: parts of several machines add up to a mean.

HDF5's names of these files live here alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from store.errors import RunMismatch
from store.parts.hdf5 import open_file
from store.parts.new_file import NewFile

MEANS_FILE = "means.h5"


@dataclass(frozen=True)
class StateSums:
    """Sums of some states Z^l over some images, and what they are of.

    Attributes:
        dataset: the data set that the images belong to.
        weights_sha256: the model's.
        states: which l, ascending, in 0..L.
        image_ids: the images that are in the sums.
        sums: float64 [state, token, width].
    """

    dataset: str
    weights_sha256: str
    states: tuple[int, ...]
    image_ids: tuple[str, ...]
    sums: NDArray[np.float64]

    def mean(self, state: int) -> NDArray[np.float64]:
        """Zbar^l, float64 [token, width].

        Raises:
            ValueError: the sums are of other states, or of no image.
        """
        if state not in self.states or not self.image_ids:
            raise ValueError(
                f"expected sums of Z^{state} over images; got sums of {list(self.states)} over "
                f"{len(self.image_ids)} images of {self.dataset}. Make the means stage again."
            )
        mean: NDArray[np.float64] = self.sums[self.states.index(state)] / len(self.image_ids)
        return mean


def write_sums(path: Path, value: StateSums) -> None:
    """Write sums to a new file.

    Raises:
        OSError: the disk is full.
    """
    with NewFile(path) as file:
        file.create_dataset("sum", data=value.sums, dtype="f8")
        file.create_dataset("state", data=np.asarray(value.states, dtype="i4"))
        file.create_dataset("image_id", data=list(value.image_ids), dtype=h5py.string_dtype())
        file.attrs["dataset"] = value.dataset
        file.attrs["weights_sha256"] = value.weights_sha256


def read_sums(path: Path) -> StateSums:
    """Read what `write_sums` wrote.

    Raises:
        PartDamaged: the file cannot be read.
    """
    with open_file(path) as file:
        return StateSums(
            dataset=str(file.attrs["dataset"]),
            weights_sha256=str(file.attrs["weights_sha256"]),
            states=tuple(int(state) for state in file["state"][:]),
            image_ids=tuple(str(image) for image in file["image_id"].asstr()[:]),
            sums=file["sum"][:],
        )


def read_dataset(path: Path) -> str:
    """The data set whose images are in the sums.

    Raises:
        PartDamaged: the file cannot be read.
    """
    with open_file(path) as file:
        return str(file.attrs["dataset"])


def add_up(parts: Iterable[StateSums]) -> StateSums:
    """The sums over the images of all parts.

    Raises:
        RunMismatch: parts of different models, data sets, states or shapes, or of one image twice.
        ValueError: no part.
    """
    first, *others = parts
    total, images = first.sums.copy(), list(first.image_ids)
    for part in others:
        for what in ("weights_sha256", "dataset", "states"):
            _require_same(what, getattr(first, what), getattr(part, what))
        _require_same("shape", first.sums.shape, part.sums.shape)
        total += part.sums
        images += part.image_ids
    if len(set(images)) < len(images):
        raise RunMismatch(
            f"parts of a mean must be of different images; got {len(images)} with only "
            f"{len(set(images))} different ones. Remove the part that was made twice."
        )
    return replace(first, image_ids=tuple(images), sums=total)


def _require_same(what: str, one: object, other: object) -> None:
    if one != other:
        raise RunMismatch(
            f"parts of a mean must have one {what}; got {one} and {other}. Do not mix the parts "
            "of different runs."
        )
