"""The same rows as others keep them: pandas over Parquet, and SQLite with a blob a hook.

The second is how vlm-lens keeps what its hooks see: a row an image and layer, the tensor in it as
a blob, an INSERT and a commit each, and no numbers to filter by beside the blobs.
"""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from bench.synthetic_run import N_LAYERS
from store.disk import read_run
from store.parts import stage_folder, tensors, write_part

Figures = list[tuple[str, str]]
Quantiles = Callable[[Callable[[], object], int], str]

_PART = 32
"""Images of a part, as a configuration that names no other size has it."""

_INSERTED = 64
"""Images whose rows are inserted and committed one by one; the rest goes in at once."""


def pandas_filters(run: Path, quantiles: Quantiles) -> Figures:
    """Three predicates of one layer: Parquet read for every query, and all of it kept in memory."""

    def files(table: str, stage: str) -> list[Path]:
        folder = run / "parts" / read_run(run)["stages"][stage]
        return sorted(folder.glob(f"*/{table}.parquet"))

    asked = (
        ("layer_stat", "capture", ["delta_attn"]),
        ("caption", "capture", ["mean_logprob"]),
        ("score", "score.rouge_l", ["value", "against"]),
    )
    chance = np.random.default_rng(0)

    def ask(of_layer: Callable[[str, str, list[str], int], pd.DataFrame]) -> int:
        layer = int(chance.integers(1, N_LAYERS))
        stats, captions, scores = (of_layer(*one, layer) for one in asked)
        rows = (
            set(stats.image_id[stats.delta_attn.abs() > chance.random() / 20])
            & set(captions.image_id[captions.mean_logprob > -chance.random()])
            & set(
                scores.image_id[
                    (scores.against == "final") & (scores.value < 0.3 + chance.random() / 2)
                ]
            )
        )
        return len(rows)

    def read(table: str, stage: str, columns: list[str], layer: int) -> pd.DataFrame:
        rows: pd.DataFrame = pd.read_parquet(  # type: ignore[call-overload]  # takes lists, too
            [str(path) for path in files(table, stage)],
            columns=["image_id", *columns],
            filters=[("layer", "==", layer)],
        )
        return rows

    fresh = quantiles(lambda: ask(read), 5)
    begun = time.monotonic()
    kept = {
        table: pd.concat(
            pd.read_parquet(path, columns=["image_id", "layer", *columns])
            for path in files(table, stage)
        )
        for table, stage, columns in asked
    }
    loaded = time.monotonic() - begun
    memory = sum(int(frame.memory_usage(deep=True).sum()) for frame in kept.values()) / 1e9

    def look(table: str, stage: str, columns: list[str], layer: int) -> pd.DataFrame:
        return kept[table][kept[table].layer == layer]

    return [
        ("pandas, three predicates, Parquet read each time: p50, p95", fresh),
        ("pandas, these columns kept in memory", f"{loaded:.0f} s, {memory:.2f} GB"),
        ("  three predicates: p50, p95", quantiles(lambda: ask(look), 10)),
    ]


def sqlite_blobs(run: Path, path: Path, quantiles: Quantiles) -> Figures:
    """The sample's arrays as rows of SQLite: writing, one image's maps, one threshold."""
    images = _sample(run)
    ours = _written_here(path.parent, images)
    con = sqlite3.connect(path)
    con.execute("CREATE TABLE hook (image_id TEXT, layer INTEGER, tensor BLOB)")
    con.execute("CREATE INDEX by_image ON hook (image_id)")
    begun = time.monotonic()
    for image in images[:_INSERTED]:
        for row in _rows(image):
            con.execute("INSERT INTO hook VALUES (?, ?, ?)", row)
            con.commit()
    written = (time.monotonic() - begun) / len(images[:_INSERTED])
    con.execute("CREATE INDEX by_layer ON hook (layer)")  # which no INSERT that was timed pays for
    for image in images[_INSERTED:]:
        con.executemany("INSERT INTO hook VALUES (?, ?, ?)", _rows(image))
    con.commit()
    ids = np.random.default_rng(0).permutation([image.image_id for image in images]).tolist()

    def one_image() -> list[np.ndarray]:
        rows = con.execute("SELECT tensor FROM hook WHERE image_id = ?", [ids[0]]).fetchall()
        ids.append(ids.pop(0))
        return [np.frombuffer(blob, np.float16) for (blob,) in rows]

    def threshold() -> int:
        rows = con.execute("SELECT tensor FROM hook WHERE layer = 27").fetchall()
        tokens = images[0].attention.shape[-1]
        maps = (np.frombuffer(blob, np.float16).reshape(-1, tokens) for (blob,) in rows)
        return sum(bool(m[:16, 1:].sum(1).mean() > 0.5) for m in maps)

    return [
        ("arrays written as here, in parts on the disk, an image", f"{ours * 1e3:.1f} ms"),
        ("SQLite, an INSERT and a commit a hook, an image", f"{written * 1e3:.0f} ms"),
        ("SQLite, one image's maps: p50, p95", quantiles(one_image, 40)),
        (f"SQLite, one threshold over {len(images)} images: p50, p95", quantiles(threshold, 5)),
        ("SQLite, file", f"{path.stat().st_size / len(images) / 1e3:.0f} KB an image"),
    ]


def _written_here(folder: Path, images: list[tensors.ImageTensors]) -> float:
    """Seconds an image: in parts as a run has them, hashed and flushed to the disk."""
    stage = stage_folder(folder, "arrays", {})
    begun = time.monotonic()
    for start in range(0, len(images), _PART):
        with (
            write_part(stage, f"images-{start:06d}") as part,
            tensors.TensorWriter(part.tensors_path, *images[0].attention.shape) as writer,
        ):
            for image in images[start : start + _PART]:
                writer.append(image)
    return (time.monotonic() - begun) / len(images)


def _rows(image: tensors.ImageTensors) -> list[tuple[str, int, bytes]]:
    """One row a layer: attention and contributions of its heads."""
    return [
        (image.image_id, layer + 1, np.concatenate([attention, contribution]).tobytes())
        for layer, (attention, contribution) in enumerate(
            zip(image.attention, image.contribution, strict=True)
        )
    ]


def _sample(run: Path) -> list[tensors.ImageTensors]:
    """The images that have arrays."""
    return [
        tensors.read_image(file, row)
        for file in sorted(run.glob(f"parts/capture-*/*/{tensors.TENSORS_FILE}"))
        for row in range(len(tensors.read_ids(file)))
    ]
