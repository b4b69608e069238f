"""A run of random numbers as large as ImageNet-val's, through the store's own writers.

Written part by part, so that memory does not grow with the number of images. Only a sample of the
images gets its arrays: 700 KB an image would be 35 GB.
"""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from store.disk import create_run, run_id, update_run
from store.metrics import head_columns
from store.parts import (
    ImageTensors,
    PartWriter,
    TensorWriter,
    mark_complete,
    stage_folder,
    write_part,
)
from store.schema import BASELINE, layer_columns

N_LAYERS, N_HEADS, GRID = 39, 16, (16, 16)
PART_SIZE = 256
"""As in precompute/configs/imagenet.toml, whose metrics these are, too."""

SCORES = {
    "exact": (("exact", "previous"), ("exact", "final")),
    "rouge_l": (("rouge_l", "previous"), ("rouge_l", "final")),
    "label": (("label", "label"), ("label", "shuffled"), ("grounded_gain_label", "shuffled")),
    "uniqueness": (("uniqueness", "self"),),
    "repetition": (("repetition", "self"),),
    "n_nouns": (("n_nouns", "self"),),
    "noun_depth": (("noun_depth", "self"),),
}
IN_SAMPLE = "in_sample"
"""Image metric: 1 where the image has arrays, else 0."""

_LENGTH = 12
_VOCABULARY = 6000


def write_run(results: Path, n_images: int, sample: int) -> Path:
    """Write a run without publishing it.

    Args:
        results: the folder of all runs.
        n_images: how many images its tables have.
        sample: how many of them, the first, get arrays; rounded up to whole parts.
    """
    decides = {"synthetic": n_images}
    run = create_run(
        results,
        run_id("synthetic", decides),
        {
            "decides": decides,
            "model": "none",
            "backend": "none",
            "dataset": "synthetic",
            "n_layers": N_LAYERS,
            "n_heads": N_HEADS,
            "grid_h": GRID[0],
            "grid_w": GRID[1],
        },
    )
    _write_stage(run, "capture", n_images, lambda part, images: _capture(part, images, sample))
    for name, pairs in SCORES.items():
        _write_stage(run, f"score.{name}", n_images, partial(_score, pairs=pairs))
    return run


def _write_stage(
    run: Path, label: str, n_images: int, write: Callable[[PartWriter, range], None]
) -> None:
    stage = stage_folder(run, label, {"synthetic": 1})
    names = []
    for start in range(0, n_images, PART_SIZE):
        names.append(f"images-{start:06d}")
        with write_part(stage, names[-1]) as part:
            write(part, range(start, min(start + PART_SIZE, n_images)))
    mark_complete(stage, names)
    update_run(run, stages={label: stage.name})


def image_id(i: int) -> str:
    """The id of the i-th image, as ImageNet names it."""
    return f"ILSVRC2012_val_{i + 1:08d}"


def _capture(part: PartWriter, images: range, sample: int) -> None:
    chance = np.random.default_rng(images.start)
    ids = [image_id(i) for i in images]
    part.table(
        "image",
        pa.table(
            {
                "image_id": ids,
                "dataset": ["synthetic"] * len(ids),
                "source": ids,
                "label": [f"class {i % 1000}" for i in images],
                "width": [500] * len(ids),
            }
        ),
    )
    part.table(
        "image_stat",
        pa.table(
            {
                "condition_id": [BASELINE] * len(ids),
                "image_id": ids,
                "metric": [IN_SAMPLE] * len(ids),
                "value": [float(images.start < sample)] * len(ids),
            }
        ),
    )
    stats = {name: chance.normal(0, 1, len(ids) * N_LAYERS) for name in layer_columns(True)}
    stats["attn_to_patches"] = chance.beta(5, 2, len(ids) * N_LAYERS)
    stats["delta_attn"] = chance.normal(0, 0.05, len(ids) * N_LAYERS)
    part.table(
        "layer_stat",
        pa.table(
            {**_key(ids, 1), **stats, "n_outlier_tokens": chance.poisson(2, len(ids) * N_LAYERS)}
        ),
    )
    key = {
        name: column.take(np.repeat(np.arange(len(column)), N_HEADS))
        for name, column in _key(ids, 1).items()
    }
    n = len(ids) * N_LAYERS * N_HEADS
    part.table(
        "head_stat",
        pa.table(
            {
                **key,
                "head": np.tile(np.arange(N_HEADS), len(ids) * N_LAYERS),
                **{name: chance.gamma(2, 1, n) for name in head_columns("head_stat", True)},
            }
        ),
    )
    part.table("caption", _captions(ids, chance))
    if images.start < sample:
        _arrays(part.tensors_path, ids, chance)


def _key(ids: list[str], first: int) -> dict[str, pa.Array]:
    """condition_id, image_id and layer: layers `first`..L of every image."""
    layers = np.arange(first, N_LAYERS + 1)
    of_image = np.repeat(np.arange(len(ids)), len(layers))
    return {
        "condition_id": pa.array([BASELINE]).take(np.zeros_like(of_image)),
        "image_id": pa.array(ids).take(of_image),
        "layer": pa.array(np.tile(layers, len(ids))),
    }


def _captions(ids: list[str], chance: np.random.Generator) -> pa.Table:
    """Low layers of all images share a few sentences, middle ones more, high ones differ.

    From an own layer on, an image's caption stays as it is.
    """
    shared = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(row) for row in shared.choice(letters, (_VOCABULARY, 6))]
    rank = 1 / np.arange(2, _VOCABULARY + 2)

    def sentences(n: int, chance: np.random.Generator) -> list[str]:
        drawn = chance.choice(_VOCABULARY, (n, _LENGTH), p=rank / rank.sum())
        return [" ".join(words[k] for k in row) for row in drawn]

    pool = [*sentences(20, shared), *sentences(3000, shared), *sentences(3 * len(ids), chance)]
    layer = np.tile(np.arange(N_LAYERS + 1), len(ids))
    image = np.repeat(np.arange(len(ids)), N_LAYERS + 1)
    settles = chance.integers(25, N_LAYERS + 1, len(ids))[image]
    n = len(layer)
    text = np.where(layer < 10, chance.integers(0, 20, n), chance.integers(20, 3020, n))
    text = np.where(layer >= 20, 3020 + 3 * image + chance.integers(0, 3, n), text)
    text = np.where(layer >= settles, 3020 + 3 * image, text)
    offsets = np.arange(n + 1, dtype=np.int32) * _LENGTH
    tokens = chance.integers(0, 32100, n * _LENGTH, dtype=np.int32)
    return pa.table(
        {
            **_key(ids, 0),
            "text": pa.array(pool).take(text),
            "token_ids": pa.ListArray.from_arrays(offsets, tokens),
            "n_tokens": pa.array(np.full(n, _LENGTH)),
            "mean_logprob": -chance.gamma(2, 0.3, n),
            "final_logprob": -chance.gamma(3, 0.3, n),
        }
    )


def _arrays(path: Path, ids: list[str], chance: np.random.Generator) -> None:
    n_tokens = GRID[0] * GRID[1] + 1
    shape = (N_LAYERS, N_HEADS, n_tokens)
    with TensorWriter(path, N_LAYERS, N_HEADS, n_tokens) as writer:
        for one in ids:
            attention = chance.dirichlet(np.full(n_tokens, 0.3), shape[:2])
            writer.append(
                ImageTensors(
                    one,
                    attention,
                    attention * chance.uniform(0.5, 1.5, shape),
                    chance.gamma(9, 1, (N_LAYERS + 1, n_tokens)),
                    None,
                    _jpeg(chance),
                )
            )


def _jpeg(chance: np.random.Generator) -> bytes:
    small = Image.fromarray(chance.integers(0, 255, (28, 28, 3), dtype=np.uint8))
    content = io.BytesIO()
    small.resize((224, 224), Image.Resampling.BICUBIC).save(content, "JPEG", quality=95)
    return content.getvalue()


def _score(part: PartWriter, images: range, pairs: tuple[tuple[str, str], ...]) -> None:
    chance = np.random.default_rng([images.start, 1])
    key = _key([image_id(i) for i in images], 0)
    n = len(images) * (N_LAYERS + 1)
    tables = []
    for metric, against in pairs:
        values = chance.beta(2, 2, n)
        if metric in ("exact", "label", "uniqueness"):
            values = (values > 0.5).astype(float)
        tables.append(
            pa.table(
                {
                    **key,
                    "metric": pa.array([metric]).take(np.zeros(n, int)),
                    "against": pa.array([against]).take(np.zeros(n, int)),
                    "value": values,
                }
            )
        )
    part.table("score", pa.concat_tables(tables))
