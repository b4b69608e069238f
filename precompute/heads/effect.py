"""What every head does for the final caption: by gradient for all, exactly for some.

The gradient of the caption's log-probability in the head scales s_h at 1 (Michel et al. 2019) costs
one backward pass for the whole layer x head matrix of an image. It is a first-order guess of what
removing the head would change, -gradient; how good a guess, the exact changes tell.

Which heads are removed is decided once a run, on a sample of the images (`heads.choice`), and they
are removed from all others: an image on which a head was chosen says nothing of it, or heads would
look as large as the chance by which they were chosen.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from precompute.config import Config
from precompute.forward import BatchSize, LayerEdit, fitting, run_states
from precompute.heads.choice import Choice, Matrix, Place, choose_heads
from precompute.images import ImageItem, readable
from precompute.models import Captioner, HasTaps, as_read, fitted, layout_key
from precompute.runner import (
    Advance,
    Job,
    Row,
    capture_of,
    final_captions,
    make_parts,
    open_stage,
    stage_names,
)
from store.disk import read_run
from store.parts import PartWriter
from store.schema import BASELINE

VERSION = 2
"""Of what a part holds and how it is computed; part of the stage's identity."""

RANK_CORRELATION = "head_effect_rank_correlation"
"""Spearman's rho between -gradient and the exact change, over the measured heads of an image."""


@dataclass(frozen=True)
class Effects:
    """A batch of images and their final captions, with the gradient of every head.

    Attributes:
        states: Z^0..Z^L, detached.
        logprob: of each image's final caption: nats a token, end token included.
        gradient: of `logprob` in the head scales at 1; positive where the head helps.
    """

    states: list[Float[Tensor, "batch token width"]]
    logprob: Float[Tensor, " batch"]
    gradient: Float[Tensor, "batch layer head"]


def measure_heads(job: Job) -> None:
    """Make what is missing of stage `head_effect`, if the configuration has one.

    Raises:
        StoreError: the capture, or the choice of heads, is not complete.
        Stopped: Ctrl-C.
    """
    plan, captioner = job.plan, job.captioner
    config = plan.config.head_effect
    if config is None:
        return
    capture, n_layers = capture_of(job), read_run(job.run)["n_layers"]
    choice = choose_heads(job, functools.partial(gradients, prompt=plan.config.decode.prompt))
    settings = {
        "version": VERSION,
        "capture": capture.stage,
        "batch_size": config.batch_size,
        "sample": choice.sample,
        "heads": choice.heads,
    }
    stage = open_stage(job.run, stage_names.HEAD_EFFECT, settings)

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        captions = final_captions(capture.parts[name], n_layers)
        items = plan.shards[name]
        write_effects(part, captioner(), items, captions, choice, plan.config, advance)

    make_parts(job.maker, job.run, stage, capture.sizes, make)


def write_effects(
    part: PartWriter,
    captioner: Captioner,
    items: Sequence[ImageItem],
    captions: Mapping[str, Sequence[int]],
    choice: Choice,
    config: Config,
    advance: Advance,
) -> None:
    """Measure one shard: tables `head_effect` and `image_stat`.

    Args:
        part: where the shard is written.
        captioner: the model.
        items: the shard's images.
        captions: image -> token ids of its final caption; images that have none are skipped.
        choice: which heads are removed, and of which images they are not.
        config: batch sizes.
        advance: called with the number of images done, after every batch.
    """
    settings = config.head_effect
    assert settings is not None
    rows: list[Row] = []
    stats: list[Row] = []

    def measure(
        batch: list[tuple[ImageItem, Image.Image]],
    ) -> list[tuple[Matrix, dict[Place, float]]]:
        final = [captions[item.image_id] for item, _ in batch]
        pixels = captioner.pixels([picture for _, picture in batch])
        here = fitted(captioner, pixels)
        effects = gradients(here, pixels, final, config.decode.prompt)
        chosen = [[] if item.image_id in choice.sample else choice.heads for item, _ in batch]
        exact = without(here, effects, final, chosen, config)
        return list(zip(effects.gradient.tolist(), exact, strict=True))

    pictures = readable(item for item in items if item.image_id in captions)
    size = BatchSize(settings.batch_size, "head_effect.batch_size")
    for batch, measured in fitting(pictures, size, measure, layout_key(captioner)):
        for (item, _), (matrix, changes) in zip(batch, measured, strict=True):
            rows += _rows(item.image_id, matrix, changes)
            if item.image_id in choice.sample:
                continue
            stats.append(
                {
                    "condition_id": BASELINE,
                    "image_id": item.image_id,
                    "metric": RANK_CORRELATION,
                    "value": rank_correlation(matrix, changes),
                }
            )
        advance(len(batch))
    part.meta["batches"] = size.used
    part.table("head_effect", rows)
    part.table("image_stat", stats)


@torch.enable_grad()
def gradients(
    captioner: Captioner,
    pixels: Float[Tensor, "batch 3 y x"],
    captions: Sequence[Sequence[int]],
    prompt: str,
) -> Effects:
    """d(mean log-probability a token of the caption) / d s_h at s = 1, of all heads at once.

    Every image has scales of its own, so that one backward pass of the sum serves the batch. The
    weights want no gradient; activations of the whole model are kept for the batch.
    """
    tower = captioner.tower
    with torch.no_grad():
        states = [tower.embed(pixels)]
    scale = torch.ones(
        len(pixels), tower.n_layers, tower.n_heads, device=pixels.device, requires_grad=True
    )
    edits = {at: LayerEdit(head_scale=scale[:, at - 1]) for at in range(1, tower.n_layers + 1)}
    states += run_states(tower, states[0], edits)
    logprob = captioner.logprob(
        captioner.read(as_read(captioner, tower.n_layers, states), prompt), captions
    )
    (gradient,) = torch.autograd.grad(logprob.sum(), scale)
    return Effects([state.detach() for state in states], logprob.detach(), gradient)


@torch.inference_mode()
def without(
    captioner: Captioner,
    effects: Effects,
    captions: Sequence[Sequence[int]],
    chosen: Sequence[Sequence[Place]],
    config: Config,
) -> list[dict[Place, float]]:
    """The exact change of the final caption's log-probability with one head removed.

    Blocks below the head's are not run again. Nothing is generated: the caption is teacher-forced.

    Args:
        captioner: the model.
        effects: of the batch; its states and its log-probabilities with all heads.
        captions: the images' final captions.
        chosen: the heads of each image, one removed at a time.
        config: prompt, and how many rows go through the tower together.

    Returns:
        For every image: head -> log-probability without it minus that with all heads.
    """
    tower = captioner.tower
    todo = sorted((at, head, i) for i, places in enumerate(chosen) for at, head in places)
    by_image: list[dict[Place, float]] = [{} for _ in chosen]

    def remove(some: list[tuple[int, int, int]]) -> list[float]:
        at, images = some[0][0], [i for _, _, i in some]
        scale = torch.ones(len(some), tower.n_heads, device=effects.logprob.device)
        scale[range(len(some)), [head for _, head, _ in some]] = 0
        edit = {at: LayerEdit(head_scale=scale)}
        *between, last = run_states(tower, effects.states[at - 1][images], edit, at)
        if isinstance(captioner, HasTaps):
            below = [state[images] for state in effects.states[:at]]
            last = as_read(captioner, tower.n_layers, [*below, *between, last])
        memory = captioner.read(last, config.decode.prompt)
        removed = captioner.logprob(memory, [captions[i] for i in images])
        values: list[float] = (removed - effects.logprob[images]).tolist()
        return values

    size = BatchSize(config.capture.batch_size, "capture.batch_size")
    for _, of_layer in groupby(todo, key=lambda row: row[0]):
        for some, changes in fitting(of_layer, size, remove):
            for (at, head, i), change in zip(some, changes, strict=True):
                by_image[i][at, head] = change
    return by_image


def rank_correlation(gradient: Matrix, changes: Mapping[Place, float]) -> float | None:
    """Spearman's rho between predicted (-gradient) and exact change, in [-1, 1].

    None where it is undefined: fewer than three heads, or no differences among them.
    """
    predicted = [-gradient[at - 1][head] for at, head in changes]
    exact = list(changes.values())
    if len(exact) < 3 or len(set(exact)) == 1 or len(set(predicted)) == 1:
        return None
    from scipy.stats import spearmanr  # late: it takes more than a second

    rho = float(spearmanr(predicted, exact).statistic)
    return None if math.isnan(rho) else rho


def _rows(image_id: str, gradient: Matrix, changes: Mapping[Place, float]) -> list[Row]:
    return [
        {
            "condition_id": BASELINE,
            "image_id": image_id,
            "layer": at,
            "head": head,
            "gradient": value,
            "without": changes.get((at, head)),
        }
        for at, row in enumerate(gradient, 1)
        for head, value in enumerate(row)
    ]
