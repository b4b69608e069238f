"""What every token of a few chosen images attends to: a stage of its own, one HDF5 file a part.

Apart from the capture, so that it can be asked for later without a caption being decoded again.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from store.parts.hdf5 import open_file
from store.parts.new_file import NewFile
from store.parts.tensors import padded_half

STAGE = "token_attention"
FILE_NAME = "token_attention.h5"


def write(
    path: Path, shape: tuple[int, int, int], images: Iterable[tuple[str, NDArray[Any]]]
) -> None:
    """Write a part's images; one at a time is in memory.

    Args:
        path: the file to make.
        shape: L, N+1, N+1; without a class token L, N, N.
        images: image_id, and its attention of that shape, any float type; or of fewer tokens,
            which is kept with NaN behind.

    Raises:
        RowsRefused: another shape, or a value that float16 cannot hold.
        OSError: the disk is full.
    """
    with NewFile(path) as file:
        ids = file.create_dataset(
            "image_id", shape=(0,), maxshape=(None,), dtype=h5py.string_dtype()
        )
        kept = file.create_dataset(
            STAGE, shape=(0, *shape), maxshape=(None, *shape), chunks=(1, 1, *shape[1:]), dtype="f2"
        )
        for row, (image_id, values) in enumerate(images):
            n_tokens, what = values.shape[-1], f"{STAGE} of {image_id}"
            half = np.full(shape, np.nan, np.float16)
            room = shape[0], n_tokens, shape[2]
            half[:, :n_tokens] = padded_half(values, room, n_tokens, what)
            for dataset, value in ((ids, image_id), (kept, half)):
                dataset.resize(row + 1, axis=0)
                dataset[row] = value
            file.require_written()


def read(path: Path, image_id: str) -> NDArray[np.float16] | None:
    """An image's attention [L, N+1, N+1], mean over heads; None if the file does not have it.

    Row i is what token i gives to every token; token 0 is CLS. Rows sum to 1. A tower without a
    class token has [L, N, N].

    Raises:
        ImageNotFound: no such file.
        PartDamaged: it cannot be read.
    """
    with open_file(path) as file:
        ids = [str(name) for name in file["image_id"].asstr()[:]]
        if image_id not in ids:
            return None
        values: NDArray[np.float16] = file[STAGE][ids.index(image_id)]
        n_tokens = int((~np.isnan(values[0, 0])).sum())
        return values[:, :n_tokens, :n_tokens]
