"""What the reader gets of one picture: its numbers as bytes, as the run keeps them.

The bytes are the length of a JSON header (uint32, little-endian), the header, and the arrays that
it names, each at an offset that is a multiple of 4. Attention stays float16, as it is stored: the
value under the cursor is the value on disk.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.charts.maps import common_scale, first_patch, outliers, patches_of
from dashboard.names import metrics
from dashboard.names.towers import Tower
from store.metrics import head_menu
from store.parts import ImageTensors

Array = NDArray[Any]
KINDS = ("attention", "contribution")
"""Maps of a picture, by the name of what they show."""

BOX_METRIC = "attn_to_box"
"""What the browser makes of the maps, for the box that is drawn on the picture."""

_TYPES = {"u1": "<u1", "f2": "<f2", "f4": "<f4"}


@dataclass(frozen=True)
class Payload:
    """A header and the arrays it speaks of.

    Attributes:
        header: JSON.
        arrays: name -> uint8, float16 or float32 of any shape.
    """

    header: Mapping[str, Any]
    arrays: Mapping[str, Array]


def pack(payload: Payload) -> bytes:
    """A payload as bytes.

    >>> data = pack(Payload({"a": 1}, {"x": np.ones(3, np.uint8)}))
    >>> int.from_bytes(data[:4], "little") % 4, data[4:12], list(data[-4:])
    (0, b'{"a": 1,', [1, 1, 1, 0])
    """
    places, pieces, offset = {}, [], 0
    for name, array in payload.arrays.items():
        kind = array.dtype.str[1:]
        body = np.ascontiguousarray(array, _TYPES[kind]).tobytes()
        places[name] = {"kind": kind, "shape": list(array.shape), "offset": offset}
        pieces.append(body + b"\0" * (-len(body) % 4))
        offset += len(pieces[-1])
    header = json.dumps({**payload.header, "arrays": places}, allow_nan=False).encode()
    header += b" " * (-len(header) % 4)
    return b"".join((len(header).to_bytes(4, "little"), header, *pieces))


def maps(tensors: ImageTensors, grid: tuple[int, int], other: ImageTensors | None) -> Payload:
    """The picture, its maps, which tokens are outliers, and the colours' ends.

    Args:
        tensors: of the condition that is shown.
        grid: rows and columns of patches.
        other: of the condition that it is compared with, if there is one with maps.
    """
    marked = np.stack([outliers(norms, grid).ravel() for norms in tensors.token_norm])
    arrays: dict[str, Array] = {
        "picture": np.frombuffer(tensors.model_input, np.uint8),
        "marked": marked.astype(np.uint8),
    }
    scales = {}
    for kind in KINDS:
        values = _array(tensors, kind)
        arrays[kind] = values.astype(np.float16)
        scales[kind] = _ends(patches_of(values, grid), marked)
        if other is not None:
            there = _array(other, kind)
            arrays[f"other.{kind}"] = there.astype(np.float16)
            apart = np.abs(values.astype(np.float32) - there.astype(np.float32))
            scales[f"difference.{kind}"] = _ends(patches_of(apart, grid), marked)
    first = first_patch(tensors.attention, grid)
    return Payload({"scales": scales, "grid": list(grid), "first_patch": first}, arrays)


def _array(tensors: ImageTensors, kind: str) -> Array:
    return tensors.attention if kind == "attention" else tensors.contribution


def _ends(patches: Array, marked: Array) -> dict[str, dict[str, float | bool]]:
    """The common scale of all maps, with all patches and without the outlier tokens."""
    shown = np.broadcast_to(~marked[1:, None, :], patches.shape)
    rest = patches[shown] if shown.any() else np.zeros(1, np.float32)
    return {
        name: {"high": scale.high, "clipped": scale.clipped}
        for name, scale in (
            ("all", common_scale(patches)),
            ("rest", common_scale(rest)),
        )
    }


def matrix(heads: pd.DataFrame, n_layers: int, n_heads: int, tower: Tower) -> Payload:
    """Every measure of heads that the run has, as one array [L, H] each; NaN where unmeasured.

    The last measure has no array: the browser sums the maps over the box.
    """
    arrays, about = {}, []
    rows, columns = (heads[name].to_numpy(int) for name in ("layer", "head"))
    for metric in head_menu():
        if metric not in heads or heads[metric].isna().all():
            continue
        cells = np.full((n_layers, n_heads), np.nan, np.float32)
        cells[rows - 1, columns] = heads[metric].to_numpy(np.float32)
        arrays[f"heads.{metric}"] = cells
        about.append({**_about(metric), "signed": metrics.word(metric).signed})
    box = {"signed": metrics.word(BOX_METRIC).signed, "meaning": tower.box}
    about.append({**_about(BOX_METRIC), **box})
    return Payload({"metrics": about}, arrays)


def curves(
    shown: Mapping[str, pd.Series], before: Mapping[str, pd.Series], n_layers: int
) -> Payload:
    """Measures over layers, as one array [L+1] each; NaN where there is none.

    Args:
        shown: `metric` or `metric:against` -> values by layer.
        before: the same of the condition that is compared with.
        n_layers: L.
    """
    arrays, about = {}, []
    for name, values in shown.items():
        if values.isna().all():
            continue
        metric, _, against = name.partition(":")
        about.append(
            {**_about(metric), "id": name, "label": metrics.title(metric, against or None)}
        )
        for prefix, series in (("curve", values), ("before", before.get(name))):
            if series is not None:
                arrays[f"{prefix}.{name}"] = series.reindex(range(n_layers + 1)).to_numpy(
                    np.float32
                )
    return Payload({"curves": about}, arrays)


def _about(metric: str) -> dict[str, str]:
    word = metrics.word(metric)
    return {"id": metric, "label": word.label, "unit": word.unit, "meaning": word.meaning}


def joined(*payloads: Payload) -> Payload:
    """Several payloads as one; a later header's entries come after an earlier one's."""
    header: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for payload in payloads:
        header |= payload.header
        arrays |= payload.arrays
    return Payload(header, arrays)
