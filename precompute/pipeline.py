"""One shard of images in -> one part out."""

import hashlib
import io
import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from precompute.attention import OUTLIER_MADS
from precompute.captions import Caption, decode_layers
from precompute.capture import Capture, Columns, capture
from precompute.config import Config
from precompute.images import ImageItem, UnreadableImage, readable
from precompute.models.captioner import Captioner
from precompute.models.tower import VisionTower
from store.parts import PartWriter
from store.schema import BASELINE
from store.tensors import ImageTensors, TensorWriter

log = logging.getLogger(__name__)

VERSION = 1
"""Of what a capture part holds and how it is computed; part of the stage's identity."""

_JPEG_QUALITY = 95

Row = dict[str, Any]
Advance = Callable[[int], None]


def capture_settings(config: Config) -> dict[str, object]:
    """What identifies the capture stage beside the run itself."""
    return {
        "version": VERSION,
        "cls_state": config.capture.cls_state,
        "outlier_mads": OUTLIER_MADS,
    }


def write_capture(
    part: PartWriter,
    captioner: Captioner,
    items: Sequence[ImageItem],
    dataset: str,
    config: Config,
    advance: Advance,
) -> None:
    """Capture one shard: statistics, tensors and the caption of every state of every image.

    A picture that cannot be opened is a row of `skipped`, and the run goes on.

    Args:
        part: where the shard is written.
        captioner: the model.
        items: the shard's images.
        dataset: the data set's name.
        config: batch sizes, prompt, generation.
        advance: called with the number of images done, after every batch.
    """
    rows: dict[str, list[Row]] = {
        name: [] for name in ("image", "skipped", "caption")
    }
    stats: dict[str, list[pa.Table]] = {"layer_stat": [], "head_stat": []}
    tower = captioner.tower

    def skip(error: UnreadableImage) -> None:
        log.warning("skipped %s: %s", error.source, error)
        rows["skipped"].append({"source": error.source, "reason": str(error)})

    pictures = readable(items, skip)
    width = tower.width if config.capture.cls_state else None
    part.meta["batches"] = []
    with TensorWriter(
        part.tensors_path, tower.n_layers, tower.n_heads, tower.n_tokens, width
    ) as tensors:
        while batch := list(islice(pictures, config.capture.batch_size)):
            pixels = captioner.pixels([picture for _, picture in batch])
            taken = capture(tower, pixels)
            captions = decode_layers(captioner, taken.states, config.decode)
            rows["image"] += [
                _image_row(item, picture, dataset) for item, picture in batch
            ]
            ids = [item.image_id for item, _ in batch]
            stats["layer_stat"].append(_stat_table(ids, taken.layer_stat, ("layer",)))
            stats["head_stat"].append(_stat_table(ids, taken.head_stat, ("layer", "head")))
            rows["caption"] += _caption_rows(ids, captions)
            for image in _tensors(ids, taken, captioner.model_input(pixels), width is not None):
                tensors.append(image)
            part.meta["batches"].append(ids)
            advance(len(batch))
    for name, of_name in rows.items():
        part.table(name, of_name)
    for name, tables in stats.items():
        part.table(name, pa.concat_tables(tables) if tables else [])


def _image_row(item: ImageItem, picture: Image.Image, dataset: str) -> Row:
    return {
        "image_id": item.image_id,
        "dataset": dataset,
        "source": item.source,
        "width": picture.width,
        "height": picture.height,
        "sha256": hashlib.sha256(item.read()).hexdigest(),
        "label": item.label,
        "category": item.category,
        "refs": list(item.references),
        "explanation": item.explanation,
    }


def _stat_table(image_ids: Sequence[str], columns: Columns, axes: tuple[str, ...]) -> pa.Table:
    """A table whose values lie in arrays [image, *axes]; layers count from 1, NaN is NULL."""
    shape = next(iter(columns.values())).shape
    image, *index = (axis.ravel() for axis in np.indices(shape))
    at = dict(zip(axes, index, strict=True))
    at["layer"] = at["layer"] + 1
    values = {
        name: pa.array(column.numpy().ravel(), from_pandas=True) for name, column in columns.items()
    }
    ids = np.asarray(image_ids, dtype=object)[image]
    return pa.table({"condition_id": [BASELINE] * len(ids), "image_id": ids, **at, **values})


def _caption_rows(image_ids: Sequence[str], captions: list[list[Caption]]) -> list[Row]:
    return [
        {
            "condition_id": BASELINE,
            "image_id": image_id,
            "layer": layer,
            "text": caption.text,
            "token_ids": list(caption.token_ids),
            "n_tokens": len(caption.token_ids),
            "mean_logprob": caption.mean_logprob,
            "final_logprob": caption.final_logprob,
        }
        for layer, of_layer in enumerate(captions)
        for image_id, caption in zip(image_ids, of_layer, strict=True)
    ]


def _tensors(
    image_ids: Sequence[str], taken: Capture, seen: list[Image.Image], cls_state: bool
) -> Iterator[ImageTensors]:
    for i, image_id in enumerate(image_ids):
        jpeg = io.BytesIO()
        # Colour at full resolution: small pictures show the blur of the usual 4:2:0.
        seen[i].save(jpeg, "JPEG", quality=_JPEG_QUALITY, subsampling="4:4:4")
        yield ImageTensors(
            image_id=image_id,
            cls_attention=taken.cls_attention[i].numpy(),
            contribution=taken.contribution[i].numpy(),
            token_norm=taken.token_norm[i].numpy(),
            cls_state=taken.cls_state[i].numpy() if cls_state else None,
            model_input=jpeg.getvalue(),
        )


def tensor_bytes(tower: VisionTower, config: Config) -> int:
    """Bytes on disk of one image's arrays, in float16, without its picture."""
    cells = 2 * tower.n_layers * tower.n_heads * tower.n_tokens
    cells += (tower.n_layers + 1) * tower.n_tokens
    if config.capture.cls_state:
        cells += (tower.n_layers + 1) * tower.width
    return 2 * cells
