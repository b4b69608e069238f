"""Which heads are removed one at a time: chosen once a run, by the gradient on a sample of images.

The heads of largest mean gradient on the sample, and others by chance. What is chosen by a number
is, where it is measured again on the same images, too large on average (the winner's curse); so the
sample's images only choose.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from precompute.config import HeadEffectConfig
from precompute.forward import BatchSize, fitting
from precompute.images import ImageItem, readable
from precompute.models import Captioner, fitted, layout_key
from precompute.runner import (
    Advance,
    Job,
    final_captions,
    make_parts,
    open_stage,
    stage_names,
)
from store.disk import read_run
from store.parts import PartWriter, iter_tables, require_complete

VERSION = 1
"""Of what a part holds and how it is computed; part of the stage's identity."""

FILE_NAME = "gradients.json"

Matrix = Sequence[Sequence[float]]
"""The gradients of an image: of every layer, of every head."""

Place = tuple[int, int]
"""A head: its layer, 1..L, and its index, 0..H-1."""


class Measured(Protocol):
    """What gradients are found in."""

    @property
    def gradient(self) -> Float[Tensor, "batch layer head"]:
        """Of every head of every image."""


Gradients = Callable[[Captioner, Float[Tensor, "batch 3 y x"], list[Sequence[int]]], Measured]
"""Gradients of a batch of pictures and the token ids of their final captions."""


@dataclass(frozen=True)
class Choice:
    """The heads of a run that are removed, and the images that chose them.

    Attributes:
        heads: ascending.
        sample: sorted.
    """

    heads: list[Place]
    sample: list[str]


def choose_heads(job: Job, gradients: Gradients) -> Choice:
    """Make what is missing of stage `head_choice`, and choose.

    Raises:
        StoreError: the capture, or this stage, is not complete.
        Stopped: Ctrl-C.
    """
    plan, captioner = job.plan, job.captioner
    config = plan.config.head_effect
    assert config is not None
    info = read_run(job.run)
    captured = require_complete(job.run / "parts" / info["stages"][stage_names.CAPTURE])
    ids = [row.as_py() for _, table in iter_tables(captured, "image") for row in table["image_id"]]
    sample = draw(ids, config)
    settings = {"version": VERSION, "capture": captured[0].path.parent.name, "sample": sample}
    stage = open_stage(job.run, stage_names.HEAD_CHOICE, settings)
    chosen, captures = plan.shards_of(sample), {part.name: part for part in captured}

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        captions = final_captions(captures[name], info["n_layers"])
        write_gradients(part, captioner(), chosen[name], captions, gradients, config, advance)

    sizes = {name: len(items) for name, items in chosen.items()}
    make_parts(job.maker, job.run, stage, sizes, make)
    matrices = [
        matrix
        for part in require_complete(stage)
        for matrix in json.loads((part.path / FILE_NAME).read_text(encoding="utf-8"))["gradient"]
    ]
    return Choice(choose(np.mean(matrices, axis=0).tolist(), config), sample)


def draw(image_ids: Sequence[str], config: HeadEffectConfig) -> list[str]:
    """The images that choose, sorted: m of them, but of few images a third, and one at least."""
    count = max(1, min(config.m, len(image_ids) // 3))
    return sorted(random.Random(config.seed).sample(sorted(image_ids), count))


def write_gradients(
    part: PartWriter,
    captioner: Captioner,
    items: Sequence[ImageItem],
    captions: Mapping[str, Sequence[int]],
    gradients: Gradients,
    config: HeadEffectConfig,
    advance: Advance,
) -> None:
    """The gradients of a shard's sample: `gradients.json`, no table.

    Args:
        part: where it is written.
        captioner: the model.
        items: those images of the shard that are in the sample.
        captions: image -> token ids of its final caption.
        gradients: gives those of a batch.
        config: how many images a batch holds.
        advance: called with the number of images done, after every batch.
    """

    def measure(batch: list[tuple[ImageItem, Image.Image]]) -> list[Matrix]:
        pixels = captioner.pixels([picture for _, picture in batch])
        here = fitted(captioner, pixels)
        of_batch = gradients(here, pixels, [captions[item.image_id] for item, _ in batch])
        matrices: list[Matrix] = of_batch.gradient.tolist()
        return matrices

    size = BatchSize(config.batch_size, "head_effect.batch_size")
    found: dict[str, Matrix] = {}
    for batch, matrices in fitting(readable(items), size, measure, layout_key(captioner)):
        found.update((item.image_id, m) for (item, _), m in zip(batch, matrices, strict=True))
        advance(len(batch))
    part.meta["batches"] = size.used
    content = {"images": list(found), "gradient": list(found.values())}
    (part.path / FILE_NAME).write_text(json.dumps(content), encoding="utf-8")


def choose(gradient: Matrix, config: HeadEffectConfig) -> list[Place]:
    """The heads of a run that are removed: of largest |mean gradient|, and a sample of others."""
    places = [(at, head) for at, row in enumerate(gradient, 1) for head in range(len(row))]
    ranked = sorted(places, key=lambda place: -abs(gradient[place[0] - 1][place[1]]))
    top, others = ranked[: config.exact_top], sorted(ranked[config.exact_top :])
    chance = random.Random(config.seed)
    return sorted(top + chance.sample(others, min(config.exact_random, len(others))))
