"""What other stages take from the capture: its parts, its batches and its final captions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from precompute.images import ImageItem
from precompute.models import Captioner
from precompute.runner.engine import Advance
from precompute.runner.job import Job
from precompute.runner.shard import WHOLE
from precompute.runner.stage_names import CAPTURE
from store.disk import read_run
from store.parts import Part, PartWriter, list_parts, read_table, require_complete


@dataclass(frozen=True)
class Captured:
    """The capture of a run, on which other stages build part by part.

    Attributes:
        stage: the name of its folder; part of the identity of what is built on it.
        parts: part name -> part, of those that are there.
        sizes: part name -> number of images, of all.
    """

    stage: str
    parts: Mapping[str, Part]
    sizes: Mapping[str, int]


def capture_of(job: Job) -> Captured:
    """The capture of a run.

    Raises:
        StageIncomplete: parts are missing, and this process makes more than a share of what is
            built on them.
    """
    stage = read_run(job.run)["stages"][CAPTURE]
    folder = job.run / "parts" / stage
    there = require_complete(folder) if job.maker.shard == WHOLE else list_parts(folder)
    parts = {part.name: part for part in there}
    sizes = {
        name: parts[name].rows["image"] if name in parts else len(items)
        for name, items in job.plan.shards.items()
    }
    return Captured(stage, parts, sizes)


Batches = Iterator[tuple[list[str], Float[Tensor, "batch 3 y x"]]]
"""The ids of a batch, and its pixels."""


def baseline_batches(
    part: PartWriter,
    captioner: Captioner,
    source: Part,
    items: Sequence[ImageItem],
    advance: Advance,
) -> Batches:
    """The images of a shard in the batches of the capture, which the GPU is known to hold.

    So the states of an unedited image are those of the baseline to the last bit.

    Args:
        part: where the shard is written; notes the batches.
        captioner: the model.
        source: the capture part of the same shard.
        items: the shard's images, or some of them; what the capture skipped is skipped.
        advance: called with the number of images done, after every batch.

    Yields:
        The ids of a batch, and its pixels.
    """
    by_id = {item.image_id: item for item in items}
    chosen = ([i for i in ids if i in by_id] for ids in source.manifest["meta"]["batches"])
    part.meta["batches"] = [ids for ids in chosen if ids]
    for ids in part.meta["batches"]:
        yield ids, captioner.pixels([by_id[image_id].open() for image_id in ids])
        advance(len(ids))


def final_captions(source: Part, n_layers: int) -> dict[str, list[int]]:
    """Token ids of the baseline's caption of Z^L, of every image of a part of the capture."""
    table = read_table([source], "caption").select(["image_id", "layer", "token_ids"])
    return {
        row["image_id"]: row["token_ids"] for row in table.to_pylist() if row["layer"] == n_layers
    }
