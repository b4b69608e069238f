"""Means of states: sums over a seeded subset of images into parts, and how conditions get them.

The parts lie in the run that uses the mean, also where the images are another run's: the folder of
a run stays whole by itself. The label of the stage says whose images they are.
"""

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from precompute.config import config_of
from precompute.forward import BatchSize, fitting, run_states
from precompute.images import ImageItem, readable
from precompute.interventions.conditions import Condition, MeanSource
from precompute.models import Captioner, VisionTower, fitted, keeps_shape, layout_key
from precompute.runner import Advance, Job, Plan, make_parts, open_stage, plan_of, stage_names
from store.disk import read_run
from store.errors import RunMismatch, RunNotFound
from store.parts import (
    MEANS_FILE,
    PartWriter,
    StateSums,
    add_up,
    read_dataset,
    read_sums,
    require_complete,
    write_sums,
)
from store.query import find_run

VERSION = 1
"""Of what a means part holds; part of the stage's identity. A new one needs a new one of sweeps."""


def source_run(plan: Plan, name: str, results: Path) -> Plan:
    """The run whose images a mean is of.

    Args:
        plan: the run that uses the mean.
        name: a data set of its configuration, or a run in the folder of results, with or without
            the hash.
        results: the folder of all runs.

    Raises:
        ValueError: there is no such run, it is of another model or number of tokens, or its
            images are not what they were.
    """
    if name in (plan.run_id, plan.dataset.name):
        return plan
    for dataset in plan.config.datasets:
        if dataset.name == name:
            return plan_of(plan.config, dataset, plan.decides)
    try:
        info = read_run(find_run(results, name))
    except RunNotFound as error:
        names = ", ".join(dataset.name for dataset in plan.config.datasets)
        raise ValueError(
            f"a mean is of a data set of the configuration ({names}) or of a run in {results}; "
            f"got {name!r}. {error}"
        ) from error
    if info["weights_sha256"] != plan.decides["weights"]:
        raise ValueError(
            f"a mean must be of this run's model, {plan.config.model.path} with weights "
            f"{str(plan.decides['weights'])[:12]}; run {info['run_id']} is of {info['model']} "
            f"with weights {str(info['weights_sha256'])[:12]}. Name a run of the same model."
        )
    mine = read_run(results / plan.run_id)
    if (here := _tokens(mine)) != (tokens := _tokens(info)):
        raise ValueError(
            f"a mean must have the {here} tokens of {plan.run_id}; those of run {info['run_id']} "
            f"have {tokens}. Name a run of the same picture size."
        )
    there = config_of(info["run_id"], info)
    (dataset,) = (d for d in there.datasets if d.name == info["dataset"])
    other = plan_of(plan.config, dataset, plan.decides)
    if other.decides["data"] != info["dataset_sha256"]:
        raise ValueError(
            f"the images of {info['run_id']} must be those that it was made of; the data set at "
            f"{dataset.path} has changed since. Run it again, and name that run."
        )
    return replace(other, run_id=info["run_id"])


def _tokens(info: Mapping[str, Any]) -> int:
    """N + 1 of a run: patches and CLS."""
    return int(info["grid_h"] * info["grid_w"]) + 1


def drawn(items: Iterable[ImageItem], source: MeanSource) -> list[str]:
    """The ids of the images that a mean is of, sorted; all if there are no more than `n`."""
    ids = sorted(item.image_id for item in items)
    return sorted(random.Random(source.seed).sample(ids, min(source.n, len(ids))))


def means_needed(conditions: Iterable[Condition]) -> dict[MeanSource, set[int]]:
    """Which states of which sums conditions need; `state` and `pool` do not matter to sums."""
    states: dict[MeanSource, set[int]] = {}
    for condition in conditions:
        if condition.mean is not None and not condition.mean.resamples:
            states.setdefault(_of_sums(condition.mean), set()).update(condition.means)
    return states


def _of_sums(source: MeanSource) -> MeanSource:
    return replace(source, state=MeanSource.state, pool=MeanSource.pool)


def means_label(source: MeanSource) -> str:
    """The stage that holds the sums of a mean: `means`, and what differs from the default."""
    text = _of_sums(source).text
    return stage_names.MEANS + text.replace("@", ".").replace("~", ".")


def make_means(job: Job, source: MeanSource, images: Plan, states: Iterable[int]) -> None:
    """Sum states over images into parts, where they are missing.

    Args:
        job: the run that uses the mean.
        source: which mean.
        images: the run whose images it is of.
        states: which Z^l.
    """
    chosen = drawn(images.items, source)
    parts = images.shards_of(chosen)
    wanted = tuple(sorted(states))
    stage = open_stage(
        job.run,
        means_label(source),
        {
            "version": VERSION,
            "run": images.run_id,
            "images": hashlib.sha256("\n".join(chosen).encode()).hexdigest(),
            "states": wanted,
        },
    )
    captioner, dataset = job.captioner, images.dataset.name
    weights, size = str(images.decides["weights"]), images.config.capture.batch_size

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        ids, sums = sum_states(captioner(), parts[name], wanted, size, advance)
        value = StateSums(dataset, weights, wanted, tuple(ids), sums)
        write_sums(part.path / MEANS_FILE, value)
        part.meta["images"] = len(ids)

    sizes = {name: len(items) for name, items in parts.items()}
    make_parts(job.maker, job.run, stage, sizes, make)


@torch.inference_mode()
def sum_states(
    captioner: Captioner,
    items: Sequence[ImageItem],
    states: Sequence[int],
    batch_size: int,
    advance: Advance,
) -> tuple[list[str], np.ndarray]:
    """Sum states over the images that can be opened, in float64.

    Where pictures keep their shape, positions of one do not lie over another's: then what is summed
    is each picture's mean over its tokens.

    Returns:
        Their ids; the sums, float64 [state, token, width], or of one token.
    """
    pooled = keeps_shape(captioner)
    n_tokens = 1 if pooled else captioner.tower.n_tokens
    sums = np.zeros((len(states), n_tokens, captioner.tower.width))
    ids: list[str] = []

    def add_up_batch(batch: list[tuple[ImageItem, Image.Image]]) -> np.ndarray:
        pixels = captioner.pixels([picture for _, picture in batch])
        tower = fitted(captioner, pixels).tower
        state = tower.embed(pixels)
        through = chain([state], islice(run_states(tower, state), max(states)))
        kept = [here.double() for at, here in enumerate(through) if at in states]
        kept = [here.mean(1, keepdim=True) for here in kept] if pooled else kept
        return torch.stack([here.sum(0) for here in kept]).cpu().numpy()

    size = BatchSize(batch_size, "capture.batch_size")
    alike = layout_key(captioner)
    for batch, of_batch in fitting(readable(items), size, add_up_batch, alike):
        sums += of_batch
        ids += [item.image_id for item, _ in batch]
        advance(len(batch))
    return ids, sums


def mean_images(run: Path, source: MeanSource) -> tuple[str, int]:
    """Which images a mean is of.

    Returns:
        Their data set; how many: fewer than asked for where there are no more, or broken ones.

    Raises:
        StageIncomplete: the sums are not complete.
    """
    parts = require_complete(_folder(run, source))
    count = sum(part.manifest["meta"]["images"] for part in parts)
    return read_dataset(parts[0].path / MEANS_FILE), count


def _folder(run: Path, source: MeanSource) -> Path:
    stages: dict[str, str] = read_run(run).get("stages", {})
    return run / "parts" / stages.get(means_label(source), means_label(source))


def read_means(
    run: Path, source: MeanSource, states: Iterable[int], tower: VisionTower
) -> Mapping[int, Tensor]:
    """Means Zbar^l of a run's stage, pooled as the source says, on the tower's device.

    Returns:
        State -> [token, width], in the dtype of the tower's states.

    Raises:
        StageIncomplete: the sums are not complete.
        RunMismatch: they are of another model, or of another number of tokens.
        ValueError: a state is not among them.
    """
    info, folder = read_run(run), _folder(run, source)
    total = add_up(read_sums(part.path / MEANS_FILE) for part in require_complete(folder))
    if total.weights_sha256 != info["weights_sha256"]:
        raise RunMismatch(
            f"a mean must be of the model of {run.name} ({info['weights_sha256'][:12]}); "
            f"{folder.name} is of {total.weights_sha256[:12]}. Remove that folder and run again."
        )
    expected = (tower.n_tokens, tower.width)
    pooled = source.pool == "token" and total.sums.shape[1] == 1
    if total.sums.shape[1:] != ((1, tower.width) if pooled else expected):
        raise RunMismatch(
            f"a mean must have (tokens, width) = {expected} as this tower has; {folder.name} has "
            f"{total.sums.shape[1:]}. Remove that folder and run again."
        )
    # Not like W_O: in LAVIS's mixed precision that is float16, and the states are float32.
    like = next(tower.blocks[0].norm1.parameters())
    means = {}
    for state in states:
        mean = torch.from_numpy(total.mean(state))
        if source.pool == "token":
            mean = mean.mean(0, keepdim=True).expand(expected)
        means[state] = mean.to(like)
    return means
