"""Rows and arrays of a part from what was computed of a batch of images."""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from precompute.forward import Caption, Capture, Columns
from store.parts import ImageTensors
from store.schema import BASELINE

Row = dict[str, Any]

_JPEG_QUALITY = 95


def caption_rows(image_ids: Sequence[str], captions: list[list[Caption]]) -> list[Row]:
    """Rows of `caption` from captions[layer][image] of the baseline."""
    return [
        caption_row(BASELINE, image_id, layer, caption)
        for layer, of_layer in enumerate(captions)
        for image_id, caption in zip(image_ids, of_layer, strict=True)
    ]


def caption_row(condition_id: str, image_id: str, layer: int, caption: Caption) -> Row:
    """A row of `caption`."""
    return {
        "condition_id": condition_id,
        "image_id": image_id,
        "layer": layer,
        "text": caption.text,
        "token_ids": list(caption.token_ids),
        "n_tokens": len(caption.token_ids),
        "mean_logprob": caption.mean_logprob,
        "final_logprob": caption.final_logprob,
    }


def stat_table(
    image_ids: Sequence[str],
    columns: Columns,
    axes: tuple[str, ...],
    condition_id: str = BASELINE,
) -> pa.Table:
    """A table whose values lie in arrays [image, *axes]; layers count from 1, NaN is NULL."""
    shape = next(iter(columns.values())).shape
    image, *index = (axis.ravel() for axis in np.indices(shape))
    at = dict(zip(axes, index, strict=True))
    at["layer"] = at["layer"] + 1
    values = {
        name: pa.array(column.numpy().ravel(), from_pandas=True) for name, column in columns.items()
    }
    ids = np.asarray(image_ids, dtype=object)[image]
    return pa.table({"condition_id": [condition_id] * len(ids), "image_id": ids, **at, **values})


def image_tensors(
    image_ids: Sequence[str], taken: Capture, seen: list[Image.Image], cls_state: bool
) -> Iterator[ImageTensors]:
    """The arrays of every image of a batch, and the picture as the model saw it.

    Heads of a skipped layer look nowhere: arrays hold 0 where the tables hold NULL.
    """
    for i, image_id in enumerate(image_ids):
        jpeg = io.BytesIO()
        # Colour at full resolution: small pictures show the blur of the usual 4:2:0.
        seen[i].save(jpeg, "JPEG", quality=_JPEG_QUALITY, subsampling="4:4:4")
        yield ImageTensors(
            image_id=image_id,
            attention=taken.attention[i].nan_to_num().numpy(),
            contribution=taken.contribution[i].nan_to_num().numpy(),
            token_norm=taken.token_norm[i].numpy(),
            summary_state=taken.summary_state[i].numpy() if cls_state else None,
            model_input=jpeg.getvalue(),
        )
