"""HDF5 files of parts, opened as what a stranger may have sent.

HDF5 can name bytes of other files, promise arrays that no file holds, and unpack a few bytes to
many gigabytes. None of it is written here, and none of it is read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from store.disk import require_plain
from store.errors import ImageNotFound, PartDamaged

IMAGE_BYTES = 256 * 2**20
"""No array of one image is larger: attention of 39 layers between 257 tokens has 5 MB."""


@contextmanager
def open_file(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file for reading, after a look at every array in it; none was read yet.

    Raises:
        ImageNotFound: no such file.
        PartDamaged: it is no HDF5 file, what was asked of it is not in there, or an array is
            linked, virtual, packed, kept elsewhere, or not all there.
        RunRefused: it is a link.
    """
    require_plain(path)
    try:
        if not path.is_file():
            raise FileNotFoundError
        # Without locks, or files on read-only media and network disks do not open.
        with h5py.File(path, "r", locking=False) as file:
            _check(file, path.stat().st_size)
            yield file
    except FileNotFoundError as error:
        raise ImageNotFound(
            f"expected the arrays in {path}; got no such file: this run keeps none, or its parts "
            "were not copied with it. Copy the whole run folder."
        ) from error
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise PartDamaged(
            f"{path} must be an HDF5 file of this program's; got: {error}. Remove its part and "
            "run again."
        ) from error


def _check(file: h5py.File, size: int) -> None:
    stored = 0
    for name in file:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{name!r}, which lies in another file")
        array = file[name]
        if not isinstance(array, h5py.Dataset) or array.shape is None or not array.shape:
            raise ValueError(f"{name!r}, which is no array")
        if array.external or array.is_virtual:
            raise ValueError(f"{name!r}, whose values lie in another file")
        if array.id.get_create_plist().get_nfilters():
            raise ValueError(f"{name!r}, which is packed")
        item = array.id.get_type().get_size()
        if array.nbytes // max(array.shape[0], 1) > IMAGE_BYTES and name != "sum":
            raise ValueError(f"{name!r} of {array.shape}, more than {IMAGE_BYTES} bytes an image")
        # What was never written is a fill value, of any size, from a file of any smallness.
        there = array.id.get_storage_size()
        if there < array.size * item:
            raise ValueError(f"{name!r} of {array.shape} with {there} bytes in the file")
        stored += there
    if stored > size:
        raise ValueError(f"arrays of {stored} bytes in a file of {size}")
