"""The stage that fits translators: a part for each kind, which is what a killed run loses."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from precompute.config import DecodeConfig, TranslatorsConfig, local_path
from precompute.interventions import source_run
from precompute.models import Captioner, VisionTower, device_of, size_of
from precompute.runner import Advance, Job, Plan, make_parts, open_stage, stage_names
from precompute.translators.fit import (
    JACOBIAN,
    KINDS,
    TUNED,
    Images,
    fit_layers,
    lens_layers,
    towers_of,
)
from precompute.translators.memory import free_memory, require_lens, require_memory
from precompute.translators.refine import BATCH, refine
from precompute.translators.split import Split, split
from precompute.translators.storage import (
    FILE_NAME,
    FORMAT,
    Identity,
    Translators,
    read_identity,
    read_translators,
    write_translators,
)
from store.disk import read_run
from store.parts import PartWriter, require_complete

VERSION = 1
"""Of how translators are fitted; part of the stage's identity."""

_DECIDES = ("n", "seed", "rank", "penalties", "permuted_seed", "jacobian_images", "refine_steps")


class Source(NamedTuple):
    """Whose images fit the translators of a run.

    Attributes:
        plan: their run.
        split: which of them.
    """

    plan: Plan
    split: Split


def source_of(job: Job, config: TranslatorsConfig) -> Source:
    """The images that a configuration's translators are fitted on.

    Raises:
        ValueError: there is no such data set or run of this model; too few images.
    """
    plan = job.plan
    if config.images_of:
        plan = source_run(job.plan, config.images_of, job.results)
    own = plan.run_id == job.plan.run_id
    return Source(plan, split(plan.items, config.n, config.seed, own))


def kinds_of(config: TranslatorsConfig) -> list[str]:
    """The kinds of translators that a configuration needs."""
    return [kind for kind in KINDS if kind == TUNED or kind in config.beside]


def check_translators(job: Job) -> None:
    """Look before any work whether a configuration's translators can be fitted here.

    Raises:
        ValueError: no such images; or the memory of this process does not hold the sums, where the
            tower's width is known without its weights.
    """
    config = job.plan.config
    for one in config.translators:
        if one.fitted:
            read_identity(translator_files(job, one)[TUNED], str(job.plan.decides["weights"]))
            continue
        source_of(job, one)
        size = size_of(config.model)
        if size is not None and config.scale.engine == "local":
            free = free_memory(torch.device(device_of(config.model)))
            require_memory(one.rank, size.width, size.n_layers, free)
            if JACOBIAN in one.beside:
                require_lens(size.width, size.n_layers, free)


def fit_translators(job: Job) -> None:
    """Make what is missing of the stages `translators.NAME`.

    Raises:
        ValueError: whose images are meant cannot be found, or memory does not hold the sums.
        Stopped: Ctrl-C.
    """
    for config in job.plan.config.translators:
        if not config.fitted:
            with job.maker.if_whole():
                _fit(job, config)


def _fit(job: Job, config: TranslatorsConfig) -> None:
    source = source_of(job, config)
    plan, weights = source.plan, str(job.plan.decides["weights"])
    kinds = kinds_of(config)
    settings = {name: getattr(config, name) for name in _DECIDES}
    ids = [*source.split.fit, "", *source.split.choose]
    stage = open_stage(
        job.run,
        stage_names.TRANSLATORS + config.name,
        {
            "version": VERSION,
            "run": plan.run_id,
            "images": hashlib.sha256("\n".join(ids).encode()).hexdigest(),
            "kinds": kinds,
            **settings,
        },
    )
    captioner = job.captioner
    by_id = {item.image_id: item for item in plan.items}
    batch_size, dataset = plan.config.capture.batch_size, plan.dataset.name
    decode = job.plan.config.decode
    data = str(plan.decides["data"])
    # A part goes to a worker with the images that it needs, not with the job.
    parts = source.split

    def make(part: PartWriter, kind: str, advance: Advance) -> None:
        fit, choose = parts.of(by_id)
        images = Images(fit, choose, batch_size)
        value = fit_kind(kind, captioner(), images, config, decode, advance)
        identity = value.identity.model_copy(
            update={
                "weights_sha256": weights,
                "dataset": dataset,
                "dataset_sha256": data,
                "settings": json.loads(json.dumps(settings)),
                "fit": parts.fit,
                "choose": parts.choose if kind != JACOBIAN else (),
            }
        )
        write_translators(
            part.path / FILE_NAME, Translators(value.maps, value.final_mean, identity)
        )

    n = len(parts.fit) + len(parts.choose) + config.refine_steps * min(BATCH, len(parts.fit))
    lens = len(parts.fit) + min(config.jacobian_images, len(parts.fit))
    sizes = {kind: lens if kind == JACOBIAN else n for kind in kinds}
    make_parts(job.maker, job.run, stage, sizes, make)


def fit_kind(
    kind: str,
    captioner: Captioner,
    images: Images,
    config: TranslatorsConfig,
    decode: DecodeConfig,
    advance: Advance,
) -> Translators:
    """Fit one kind of translators; whose they are, the identity does not say yet."""
    towers = towers_of(kind, captioner, config.permuted_seed)
    told: dict[str, Any] = {}
    if kind == JACOBIAN:
        maps, final_mean = lens_layers(towers, images, config, advance)
    else:
        fitted, final_mean = fit_layers(towers, images, config, advance)
        maps = [one.map for one in fitted]
        told = {
            name: tuple(getattr(one, name) for one in fitted)
            for name in ("penalty", "fit_error", "chosen_error")
        }
        if config.refine_steps:
            refined = refine(
                towers,
                maps,
                images.fit,
                images.choose,
                config.refine_steps,
                decode,
                config.seed,
                advance,
            )
            maps = refined.maps
            told |= {
                "steps": refined.steps,
                "ridge_kl": refined.before,
                "chosen_kl": refined.after,
            }
    identity = Identity(
        format=FORMAT,
        kind=kind,
        weights_sha256="",
        dataset="",
        dataset_sha256="",
        settings={},
        seed=config.seed,
        permuted_seed=config.permuted_seed,
        fit=(),
        choose=(),
        rank=len(maps[0].matrix),
        layers=len(maps),
        **told,
    )
    return Translators(tuple(maps), final_mean.float(), identity)


def translator_files(job: Job, config: TranslatorsConfig) -> dict[str, Path]:
    """Kind -> file, of all that a configuration's readers need.

    Raises:
        StageIncomplete: a kind is not fitted yet.
    """
    if config.fitted:
        folder = local_path(config.fitted)
        return {kind: folder / kind / FILE_NAME for kind in kinds_of(config)}
    stage = read_run(job.run)["stages"][stage_names.TRANSLATORS + config.name]
    parts = require_complete(job.run / "parts" / stage)
    return {part.name: part.path / FILE_NAME for part in parts}


def read_all(files: Mapping[str, Path], tower: VisionTower, weights: str) -> dict[str, Translators]:
    """Kind -> translators, each let in by `read_translators`.

    Raises:
        ValueError: a file is not of this model, or of another kind than its folder says.
    """
    value = {kind: read_translators(path, tower, weights) for kind, path in files.items()}
    for kind, one in value.items():
        if one.identity.kind != kind:
            raise ValueError(
                f"expected translators of kind {kind!r} at {files[kind]}; got "
                f"{one.identity.kind!r}. Leave the files where the stage put them."
            )
    return value
