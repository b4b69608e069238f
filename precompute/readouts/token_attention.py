"""What every token attends to, not CLS alone, mean over heads: for a few chosen images.

(N+1)^2 numbers a layer are too many for a whole data set (5 MB an image at the paper's size), and
enough of them to ask of a picture: where does this patch look?
"""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from precompute.forward import BatchSize, attend, by_image, fitting, full_pattern, run_states
from precompute.images import ImageItem, readable
from precompute.models import Captioner, Heads, VisionTower, fitted, layout_key
from precompute.runner import Advance, Job, make_parts, open_stage
from store.parts import PartWriter, token_attention

log = logging.getLogger(__name__)

VERSION = 1
"""Of what a part holds and how it is computed; part of the stage's identity."""


def keep_token_attention(job: Job) -> None:
    """Make what is missing of stage `token_attention`, if the configuration asks for any.

    Raises:
        Stopped: Ctrl-C.
    """
    plan, captioner = job.plan, job.captioner
    wanted, batch_size = plan.config.capture.token_attention, plan.config.capture.batch_size
    ids = chosen(wanted, plan.items)
    if not isinstance(wanted, int) and (others := sorted(set(wanted) - ids)):
        log.warning("token_attention: %s has no image %s", plan.dataset.name, ", ".join(others))
    shards = plan.shards_of(ids)
    if not shards:
        return
    settings = {"version": VERSION, "images": sorted(ids)}
    stage = open_stage(job.run, token_attention.STAGE, settings)

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        write_token_attention(part, captioner(), shards[name], batch_size, advance)

    sizes = {name: len(items) for name, items in shards.items()}
    make_parts(job.maker, job.run, stage, sizes, make)


def chosen(wanted: int | tuple[str, ...], items: Sequence[ImageItem]) -> set[str]:
    """The ids that a configuration names, or those of a data set's first images.

    Ids of other data sets of the configuration are skipped.
    """
    if isinstance(wanted, int):
        return {item.image_id for item in items[:wanted]}
    return set(wanted) & {item.image_id for item in items}


def write_token_attention(
    part: PartWriter,
    captioner: Captioner,
    items: Sequence[ImageItem],
    batch_size: int,
    advance: Advance,
) -> None:
    """Write one shard's chosen images; one that cannot be opened is skipped."""
    tower = captioner.tower
    size, opened = BatchSize(batch_size, "capture.batch_size"), readable(items)

    @torch.inference_mode()
    def see(batch: list[tuple[ImageItem, Image.Image]]) -> Tensor:
        pixels = captioner.pixels([picture for _, picture in batch])
        patterns = mean_patterns(fitted(captioner, pixels).tower, pixels)
        # As they are kept: what waits for the other layers takes half.
        return torch.stack([pattern.half().cpu() for pattern in patterns], 1)

    def images() -> Iterator[tuple[str, NDArray[Any]]]:
        for batch, patterns in fitting(opened, size, see, layout_key(captioner)):
            for (item, _), pattern in zip(batch, patterns, strict=True):
                yield item.image_id, pattern.numpy()
            advance(len(batch))

    shape = (tower.n_layers, tower.n_seen, tower.n_seen)
    token_attention.write(part.path / token_attention.FILE_NAME, shape, images())
    part.meta["batches"] = size.used


def mean_patterns(
    tower: VisionTower, pixels: Float[Tensor, "batch 3 y x"]
) -> Iterator[Float[Tensor, "batch token token2"]]:
    """Every layer's attention after the softmax, mean over heads, in float32; rows sum to 1.

    A layer at a time, and a picture at a time within it: all pairs of tokens are many numbers.
    """
    state = tower.embed(pixels)
    for layer in range(1, tower.n_layers + 1):
        attention = attend(tower, layer, state)
        mask = tower.blocks[layer - 1].mask
        seen = tower.seen(attention.heads)
        yield by_image(partial(_mean_pattern, mask), seen.q, seen.k)
        state = next(run_states(tower, state, first=layer, attention=attention))


def _mean_pattern(mask: Tensor | None, q: Tensor, k: Tensor) -> Tensor:
    return full_pattern(Heads(q, k, k), mask).mean(1)
