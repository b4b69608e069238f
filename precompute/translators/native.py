"""The stage that says of the unedited model what readers are held against: its own divergence."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from precompute.config import Config
from precompute.forward import BatchSize
from precompute.images import ImageItem
from precompute.models import Captioner
from precompute.runner import (
    Advance,
    Job,
    Row,
    baseline_batches,
    capture_of,
    final_captions,
    make_parts,
    open_stage,
    stage_names,
)
from precompute.translators.divergence import divergences, words_of
from precompute.translators.passes import all_states
from precompute.translators.readers import DIVERGENCE
from store.parts import Part, PartWriter
from store.schema import BASELINE

VERSION = 1
"""Of what a part holds and how it is computed; part of the stage's identity."""


def measure_native(job: Job) -> None:
    """Make what is missing of the stage, if the configuration has translators.

    A stage of its own, as several translators share it.

    Raises:
        StoreError: the capture is not complete.
        Stopped: Ctrl-C.
    """
    plan, captioner = job.plan, job.captioner
    if not plan.config.translators:
        return
    capture = capture_of(job)
    settings = {"version": VERSION, "capture": capture.stage}
    stage = open_stage(job.run, stage_names.NATIVE_READING, settings)
    shards = plan.shards

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        write_native(part, captioner(), capture.parts[name], shards[name], plan.config, advance)

    make_parts(job.maker, job.run, stage, capture.sizes, make)


def write_native(
    part: PartWriter,
    captioner: Captioner,
    source: Part,
    items: Sequence[ImageItem],
    config: Config,
    advance: Advance,
) -> None:
    """The divergence of every state of a shard from Z^L, untranslated: rows of `score`.

    Args:
        part: where they are written.
        captioner: the model.
        source: the capture part of the shard: its batches, and the captions of Z^L.
        items: the shard's images.
        config: prompt, how many states a batch holds.
        advance: called with the number of images done, after every batch.
    """
    prompt, rows = config.decode.prompt, list[Row]()
    final = final_captions(source, captioner.tower.n_layers)
    size = BatchSize(config.decode.batch_size, "decode.batch_size")
    with torch.inference_mode():
        for ids, pixels in baseline_batches(part, captioner, source, items, advance):
            states = all_states(captioner.tower, pixels)
            words = words_of(captioner, states[-1], [final[i] for i in ids], prompt)
            placed = _placed(states, ids)
            known = dict(zip(ids, words, strict=True))
            for layer, image_id, value in divergences(
                captioner, placed, final, known, prompt, size
            ):
                rows.append(
                    {
                        "condition_id": BASELINE,
                        "image_id": image_id,
                        "layer": layer,
                        "metric": DIVERGENCE,
                        "against": "final",
                        "value": value,
                    }
                )
    part.table("score", rows)


def _placed(states: Sequence[Tensor], ids: Sequence[str]) -> Iterator[tuple[int, str, Tensor]]:
    for layer, state in enumerate(states):
        yield from zip([layer] * len(ids), ids, state, strict=True)
