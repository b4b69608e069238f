"""The capture: what the unedited model makes of every image, a shard of them a part."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from PIL import Image
from torch import Tensor

from precompute.config import Config
from precompute.forward import (
    BatchSize,
    Capture,
    capture,
    decode_layers,
    fitting,
    together,
)
from precompute.images import (
    ImageItem,
    UnreadableImage,
    readable_ahead,
    require_few_broken,
    shows_hidden_colours,
)
from precompute.models import Captioner, HasTexts, all_as_read, fitted, layout_key
from precompute.readouts.near_texts import near_rows, nearest_texts
from precompute.runner import (
    Advance,
    Job,
    Row,
    caption_rows,
    image_tensors,
    make_parts,
    open_stage,
    stage_names,
    stat_table,
)
from store.parts import PartWriter, TensorWriter, has_part, read_part, read_table
from store.schema import OUTLIER_MADS

log = logging.getLogger(__name__)

VERSION = 1
"""Of what a capture part holds and how it is computed; part of the stage's identity."""


def capture_settings(config: Config) -> dict[str, object]:
    """What identifies the capture stage beside the run itself."""
    return {
        "version": VERSION,
        "cls_state": config.capture.cls_state,
        "outlier_mads": OUTLIER_MADS,
    }


def capture_images(job: Job) -> None:
    """Make what is missing of the capture.

    Raises:
        PartFailed: a part could not be made, or more pictures are broken than may be.
        Stopped: Ctrl-C.
    """
    plan, captioner = job.plan, job.captioner
    stage = open_stage(job.run, stage_names.CAPTURE, capture_settings(plan.config))
    shards, seen = plan.shards, dict[str, list[str]]()

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        broken = write_capture(
            part, captioner(), shards[name], plan.dataset.name, plan.config, advance
        )
        if broken:
            every = [*_broken(stage, seen), *broken]
            require_few_broken(every, len(plan.items), plan.dataset.max_broken)

    sizes = {name: len(items) for name, items in shards.items()}
    make_parts(job.maker, job.run, stage, sizes, make)


def _broken(stage: Path, seen: dict[str, list[str]]) -> list[str]:
    """What is wrong with each picture that the parts of a capture have skipped, whoever made them.

    Args:
        stage: the capture.
        seen: part -> its reasons, of those that need not be read again; others are added.
    """
    for path in sorted(stage.glob("[!.]*/")):
        if path.name not in seen and has_part(stage, path.name):
            table = read_table([read_part(path)], "skipped")
            seen[path.name] = table["reason"].to_pylist()
    return [reason for reasons in seen.values() for reason in reasons]


def write_capture(
    part: PartWriter,
    captioner: Captioner,
    items: Sequence[ImageItem],
    dataset: str,
    config: Config,
    advance: Advance,
) -> list[str]:
    """Capture one shard: statistics, tensors and the caption of every state of every image.

    A picture that cannot be opened is a row of `skipped`, and the run goes on.

    Args:
        part: where the shard is written.
        captioner: the model.
        items: the shard's images.
        dataset: the data set's name.
        config: batch sizes, prompt, generation.
        advance: called with the number of images done, after every batch.

    Returns:
        What is wrong with each picture that was skipped.
    """
    rows: dict[str, list[Row]] = {"image": [], "skipped": [], "caption": []}
    stats: dict[str, list[pa.Table]] = {"layer_stat": [], "head_stat": []}
    tower, keeps_states = captioner.tower, config.capture.cls_state

    def skip(error: UnreadableImage) -> None:
        log.warning("skipped %s: %s", error.source, error)
        rows["skipped"].append({"source": error.source, "reason": str(error)})

    def see(batch: list[tuple[ImageItem, Image.Image]]) -> tuple[Captioner, Tensor, Capture]:
        pixels = captioner.pixels([picture for _, picture in batch])
        here = fitted(captioner, pixels)
        return here, pixels, capture(here.tower, pixels)

    of_tower = BatchSize(config.capture.batch_size, "capture.batch_size")
    of_decoder = BatchSize(config.decode.batch_size, "decode.batch_size")
    opened, alike = readable_ahead(items, skip, config.capture.batch_size), layout_key(captioner)
    pictures = together(opened, alike, config.capture.batch_size)
    # Which images went through the tower together, and in batches of how many states, from the
    # last layer down, they were decoded; and of which the model saw colours that nobody sees.
    part.meta |= {"batches": [], "decoder_batches": [], "transparent": []}
    with (
        closing(opened),
        TensorWriter(
            part.tensors_path,
            tower.n_layers,
            tower.n_heads,
            tower.n_seen,
            tower.width if keeps_states else None,
            tower.class_token,
            grids=alike is not None,
        ) as tensors,
    ):
        for batch, (here, pixels, taken) in fitting(pictures, of_tower, see, alike):
            states, grid = all_as_read(here, taken.states), here.tower.grid
            captions = decode_layers(here, states, config.decode, of_decoder)
            rows["image"] += [_image_row(item, picture, dataset, grid) for item, picture in batch]
            ids = [item.image_id for item, _ in batch]
            stats["layer_stat"].append(stat_table(ids, taken.layer_stat, ("layer",)))
            stats["head_stat"].append(stat_table(ids, taken.head_stat, ("layer", "head")))
            rows["caption"] += caption_rows(ids, captions)
            if isinstance(captioner, HasTexts):
                near = nearest_texts(captioner, taken.states, config.decode.prompt)
                rows.setdefault("near_text", []).extend(near_rows(ids, near))
            for image in image_tensors(ids, taken, here.model_input(pixels), keeps_states):
                tensors.append(replace(image, grid=grid))
            part.meta["batches"].append(ids)
            part.meta["transparent"] += [
                item.image_id for item, picture in batch if shows_hidden_colours(picture)
            ]
            part.meta["decoder_batches"].append(of_decoder.used)
            of_decoder.used = []
            advance(len(batch))
    _write_tables(part, rows, stats)
    return [row["reason"] for row in rows["skipped"]]


def _write_tables(
    part: PartWriter, rows: Mapping[str, list[Row]], stats: Mapping[str, list[pa.Table]]
) -> None:
    for name, of_name in rows.items():
        part.table(name, of_name)
    for name, tables in stats.items():
        part.table(name, pa.concat_tables(tables) if tables else [])


def _image_row(item: ImageItem, picture: Image.Image, dataset: str, grid: tuple[int, int]) -> Row:
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
        "grid_rows": grid[0],
        "grid_columns": grid[1],
    }
