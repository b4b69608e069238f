"""The arrays of a part: one HDF5 file, one chunk an image. HDF5's names live here alone.

In a file, the arrays of a tower with a class token have other names than those of one without.

No compression: attention in float16 barely compresses, and reads several times slower.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from store.disk import short_hash
from store.errors import ImageNotFound, RowsRefused
from store.parts.hdf5 import open_file
from store.parts.new_file import NewFile

Array = NDArray[Any]
TENSORS_FILE = "tensors.h5"
MAX_PIXELS = 4096 * 4096
"""Of a picture as a model sees it; most see 224 by 224 or 448 by 448."""
_MAX = float(np.finfo(np.float16).max)


def condition_file(condition_id: str) -> str:
    """The file with a condition's arrays, in a part named like the capture's; rows as there."""
    return f"tensors-{short_hash(condition_id)}.h5"


@dataclass(frozen=True)
class ImageTensors:
    """What a run keeps of one image. L blocks, H heads, N patches, width d.

    Tokens are CLS and the patches, N+1; or, of a tower without a class token, the patches, N.

    Attributes:
        image_id: the image.
        attention: float16 [L, H, token], in [0, 1]: what CLS gives to every token; without CLS,
            what every patch receives, the mean over queries, which sums to 1.
        contribution: float16 [L, H, token], the norm of every token's contribution to CLS (Eq. 3);
            without CLS, to the mean patch.
        token_norm: float16 [L+1, token], the norm of every token of Z^0..Z^L.
        summary_state: float16 [L+1, d], the CLS token of Z^0..Z^L; without CLS, the mean patch, the
            mean over patches of their vectors. None if not kept.
        model_input: the picture as the model saw it, JPEG bytes.
        grid: rows and columns of its patches. In a file only where a run's images differ in them;
            a reader takes the run's where it has none.
    """

    image_id: str
    attention: Array
    contribution: Array
    token_norm: Array
    summary_state: Array | None
    model_input: bytes
    grid: tuple[int, int] | None = None


_NAMES = {
    True: {"attention": "cls_attention", "summary_state": "cls_state"},
    False: {"attention": "received_attention", "summary_state": "mean_state"},
}
"""Whether the tower has a class token -> field -> its name in a file; others are called alike."""

_GRID = "grid"
"""The grid of every image, [image, 2]; in files of runs whose images differ in it, alone."""


class TensorWriter:
    """Writes images one after the other; nothing but one image is in memory.

    Args:
        path: the file to make, as a rule `PartWriter.tensors_path`.
        n_layers: L, the number of blocks.
        n_heads: H.
        n_tokens: N+1, with CLS; N, without. The most that an image has, where grids differ.
        width: d, or None to keep no `summary_state`.
        class_token: whether the tower has a class token.
        grids: whether every image has a grid of its own. Arrays of one with fewer tokens end in
            NaN in the file, and are read without.
    """

    def __init__(
        self,
        path: Path,
        n_layers: int,
        n_heads: int,
        n_tokens: int,
        width: int | None = None,
        class_token: bool = True,
        grids: bool = False,
    ) -> None:
        self._class_token, self._grids = class_token, grids
        self._shapes = _shapes((n_layers, n_heads, n_tokens), width)
        self._names = _NAMES[class_token]
        self._n = 0
        self._file = NewFile(path)
        for field, shape in self._shapes.items():
            name = self._names.get(field, field)
            self._file.create_dataset(
                name, shape=(0, *shape), maxshape=(None, *shape), chunks=(1, *shape), dtype="f2"
            )
        for name, kind in (
            ("image_id", h5py.string_dtype()),
            ("model_input", h5py.vlen_dtype(np.uint8)),
        ):
            self._file.create_dataset(name, shape=(0,), maxshape=(None,), dtype=kind)
        if grids:
            self._file.create_dataset(_GRID, shape=(0, 2), maxshape=(None, 2), dtype="i4")

    @property
    def keeps_cls_state(self) -> bool:
        """Whether every image brings its `summary_state`."""
        return "summary_state" in self._shapes

    def append(self, image: ImageTensors) -> int:
        """Add an image.

        Args:
            image: arrays of any float type; they are checked, then kept as float16.

        Returns:
            Its row in the file.

        Raises:
            RowsRefused: a wrong shape, or a value that float16 cannot hold; nothing is added.
            OSError: the disk is full.
        """
        arrays = self._checked(image)
        row = self._n
        for field, value in arrays.items():
            name = self._names.get(field, field)
            self._file[name].resize(row + 1, axis=0)
            self._file[name][row] = value
        self._file.require_written()
        self._n += 1
        return row

    def _checked(self, image: ImageTensors) -> dict[str, Any]:
        if (image.summary_state is None) == self.keeps_cls_state:
            raise RowsRefused(
                f"{image.image_id}: summary_state must be given exactly if the writer has a width; "
                f"got {'none' if image.summary_state is None else 'one'}."
            )
        if not image.model_input:
            raise RowsRefused(f"{image.image_id}: model_input must be JPEG bytes; got none.")
        n_tokens = None
        if self._grids:
            if image.grid is None:
                raise RowsRefused(f"{image.image_id}: its grid must be given; got none.")
            n_tokens = image.grid[0] * image.grid[1] + self._class_token
        arrays: dict[str, Any] = {
            name: padded_half(getattr(image, name), shape, n_tokens, f"{name} of {image.image_id}")
            if name != "summary_state"
            else to_half(image.summary_state, shape, f"{name} of {image.image_id}")
            for name, shape in self._shapes.items()
        }
        if self._grids:
            arrays[_GRID] = image.grid
        arrays["image_id"] = image.image_id
        arrays["model_input"] = np.frombuffer(image.model_input, dtype=np.uint8)
        return arrays

    def close(self) -> None:
        """Close the file; twice does no harm.

        Raises:
            OSError: the disk is full.
        """
        self._file.close()

    def __enter__(self) -> "TensorWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def padded_half(values: Any, shape: tuple[int, ...], n_tokens: int | None, what: str) -> Array:
    """Values as float16; those of fewer tokens than there is room for with NaN behind.

    Args:
        values: an array of any float type, its last axis tokens.
        shape: the shape of the room.
        n_tokens: how many tokens there must be; as many as there is room for, if None.
        what: its name, for the error.

    Raises:
        RowsRefused: see `to_half`; or there is no room.
    """
    if n_tokens is None:
        return to_half(values, shape, what)
    if n_tokens > shape[-1]:
        raise RowsRefused(f"{what} must have at most {shape[-1]} tokens; got {n_tokens}.")
    array = np.full(shape, np.nan, np.float16)
    array[..., :n_tokens] = to_half(values, (*shape[:-1], n_tokens), what)
    return array


def to_half(values: Any, shape: tuple[int, ...], what: str) -> Array:
    """Values as float16.

    Args:
        values: an array of any float type.
        shape: the shape it must have.
        what: its name, for the error.

    Raises:
        RowsRefused: another shape, or a value that is not finite or beyond +-65504.
    """
    array = np.asarray(values)
    if array.shape != shape:
        raise RowsRefused(f"{what} must have shape {shape}; got {array.shape}.")
    fits = np.abs(array) <= _MAX  # false for NaN, too
    if not fits.all():
        where = tuple(int(i) for i in np.argwhere(~fits)[0])
        raise RowsRefused(
            f"{what} must be finite and within +-{_MAX:.0f} to be kept as float16; "
            f"got {array[where]} at {where}. Compute in float32 or bfloat16 (not float16), or "
            "scale it."
        )
    return array.astype(np.float16)


def read_ids(path: Path) -> list[str]:
    """The image_id of every row of a file, in order."""
    with open_file(path) as file:
        return [str(value) for value in file["image_id"].asstr()[:]]


def read_image(
    path: Path,
    row: int,
    shape: tuple[int, int, int] | None = None,
    class_token: bool | None = None,
) -> ImageTensors:
    """One image's arrays, as `TensorWriter.append` got them, in float16.

    Args:
        path: a part's tensors.h5.
        row: 0-based; table `image` has it as `row_in_part`.
        shape: L, H and the number of tokens, as the run says; any, if None.
        class_token: whether the run's tower has a class token; either, if None.

    Raises:
        ImageNotFound: no such file or row.
        PartDamaged: the file cannot be read, or holds something else.
    """
    with open_file(path) as file:
        names = _NAMES[_kind(file, class_token)]
        _check_arrays(file, names, shape or file[names["attention"]].shape[1:])
        n = len(file["image_id"])
        if not 0 <= row < n:
            raise ImageNotFound(f"row must be in 0..{n - 1} in {path}; got {row}. Publish again.")
        arrays: dict[str, Any] = {
            field.name: file[name][row] if name in file else None
            for field in fields(ImageTensors)
            for name in [names.get(field.name, field.name)]
        }
        arrays["grid"] = _grid(arrays["grid"], arrays["attention"].shape[-1], names)
        if arrays["grid"]:
            n_tokens = arrays["grid"][0] * arrays["grid"][1] + (names == _NAMES[True])
            for field in ("attention", "contribution", "token_norm"):
                arrays[field] = arrays[field][..., :n_tokens]
        arrays["image_id"] = arrays["image_id"].decode()
        arrays["model_input"] = arrays["model_input"].tobytes()
        check_picture(arrays["model_input"])
        return ImageTensors(**arrays)


def _shapes(shape: tuple[int, ...], width: int | None) -> dict[str, tuple[int, ...]]:
    """The shape of every float array of an image, by field."""
    n_layers, n_heads, n_tokens = shape
    shapes: dict[str, tuple[int, ...]] = {
        "attention": (n_layers, n_heads, n_tokens),
        "contribution": (n_layers, n_heads, n_tokens),
        "token_norm": (n_layers + 1, n_tokens),
    }
    return shapes if width is None else {**shapes, "summary_state": (n_layers + 1, width)}


def _kind(file: Mapping[str, Any], class_token: bool | None) -> bool:
    """Whether a file is of a tower with a class token.

    Raises:
        ValueError: of neither kind or of both, or not of the one that is asked for.
    """
    got = [kind for kind, names in _NAMES.items() if {*names.values()} & set(file)]
    if len(got) != 1 or class_token not in (None, got[0]):
        there = ", ".join(name for kind in got for name in _NAMES[kind].values() if name in file)
        wanted = [_NAMES[kind]["attention"] for kind in _NAMES if class_token in (None, kind)]
        raise ValueError(f"{there or 'no attention'}, where {' or '.join(wanted)} must be")
    return got[0]


def _check_arrays(
    file: Mapping[str, Any], names: Mapping[str, str], shape: tuple[int, ...]
) -> None:
    """Before anything is read: types, and one shape for all arrays.

    Raises:
        ValueError: another type or shape.
    """
    state = names["summary_state"]
    expected = _shapes(shape, file[state].shape[-1] if state in file else None)
    for field, wanted in expected.items():
        name = names.get(field, field)
        array = file[name]
        if array.dtype != np.float16 or array.shape != (len(file["image_id"]), *wanted):
            raise ValueError(
                f"{name} of {array.dtype} {array.shape}; the run has float16 {wanted} an image"
            )


def _grid(kept: Array | None, n_tokens: int, names: Mapping[str, str]) -> tuple[int, int] | None:
    """An image's own grid, if its file has one.

    Raises:
        ValueError: it has no patch, or more than there are tokens.
    """
    if kept is None:
        return None
    rows, columns = (int(n) for n in kept)
    if min(rows, columns) < 1 or rows * columns + (names == _NAMES[True]) > n_tokens:
        raise ValueError(f"a grid of {rows} by {columns} patches, where {n_tokens} tokens are")
    return rows, columns


def check_picture(content: bytes) -> None:
    """Raises ValueError where the picture is no JPEG, or larger than any model's input."""
    # Only the head is read here. Other formats have decoders that start programs or unpack bombs.
    try:
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as picture:
            n_pixels: float = picture.width * picture.height
    except Image.DecompressionBombError:
        n_pixels = math.inf
    except OSError:
        raise ValueError("a picture that is no JPEG") from None
    if n_pixels > MAX_PIXELS:
        raise ValueError(f"a picture of {n_pixels} pixels, where at most {MAX_PIXELS} may be")
