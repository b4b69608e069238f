"""The floor: what the same decoder says of towers whose weights are permuted.

A decoder that has learnt to caption writes good sentences of whatever it is given. What a curve of
captions shows above this floor, the picture gave.
"""

import random
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from precompute.config import Config
from precompute.forward import BatchSize, decode_states, run_states
from precompute.images import ImageItem
from precompute.models import Captioner, as_read, by_layout, with_permuted_tower
from precompute.runner import (
    Advance,
    Batches,
    Job,
    Lazy,
    baseline_batches,
    caption_row,
    capture_of,
    final_captions,
    make_parts,
    open_stage,
    stage_names,
)
from store.parts import Part, PartWriter

VERSION = 1
"""Of what a part holds and how it is computed; part of the stage's identity."""


def caption_floor(job: Job) -> None:
    """Make what is missing of the stages `floor.SEED`, if the configuration wants a floor.

    Raises:
        StoreError: the capture is not complete.
        Stopped: Ctrl-C.
    """
    if job.plan.config.floor is None:
        return
    for seed in job.plan.config.floor.seeds:
        with job.maker.if_whole():
            _caption_tower(job, seed)


def _caption_tower(job: Job, seed: int) -> None:
    """The captions of one permuted tower: a stage, so that another seed recomputes none."""
    plan, captioner, config = job.plan, job.captioner, job.plan.config.floor
    assert config is not None
    capture = capture_of(job)
    ids = sorted(item.image_id for item in plan.items)
    drawn = random.Random(config.draw).sample(ids, min(config.n, len(ids)))
    settings = {"version": VERSION, "capture": capture.stage, "seed": seed, "images": sorted(drawn)}
    stage = open_stage(job.run, f"{stage_names.FLOOR}{seed}", settings)
    shards = plan.shards_of(drawn)
    permuted = Lazy(lambda: with_permuted_tower(captioner(), seed))

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        write_floor(part, permuted(), seed, capture.parts[name], shards[name], plan.config, advance)

    sizes = {name: len(items) for name, items in shards.items()}
    make_parts(job.maker, job.run, stage, sizes, make)


def write_floor(
    part: PartWriter,
    captioner: Captioner,
    seed: int,
    source: Part,
    items: Sequence[ImageItem],
    config: Config,
    advance: Advance,
) -> None:
    """Decode every state of a permuted tower for some images of a shard: table `floor_caption`.

    Args:
        part: where they are written.
        captioner: the model, its tower permuted.
        seed: of the permutation.
        source: the capture part of the shard: its batches, and the captions of Z^L of the tower as
            it is, whose log-probability is asked.
        items: which images.
        config: prompt, generation, how many states a batch holds.
        advance: called with the number of images done, after every batch.
    """
    places = list[tuple[str, int]]()
    final = final_captions(source, captioner.tower.n_layers)

    def states(here: Captioner, batches: Batches) -> Iterator[tuple[Tensor, list[int]]]:
        for ids, pixels in batches:
            embedded = here.tower.embed(pixels)
            of_layers = [embedded, *run_states(here.tower, embedded)]
            for layer in range(here.tower.n_layers, -1, -1):
                places.extend((image_id, layer) for image_id in ids)
                read = as_read(here, layer, of_layers)
                yield from zip(read, [final[i] for i in ids], strict=True)

    of_decoder = BatchSize(config.decode.batch_size, "decode.batch_size")
    every = baseline_batches(part, captioner, source, items, advance)
    with torch.inference_mode():
        captions = [
            caption
            for here, batches in by_layout(captioner, every)
            for caption in decode_states(here, states(here, batches), config.decode, of_decoder)
        ]
    part.meta["decoder_batches"] = of_decoder.used
    part.table(
        "floor_caption",
        [
            caption_row(f"floor:{seed}", *place, caption)
            for place, caption in zip(places, captions, strict=True)
        ],
    )
