"""Before any work: is what the configuration names on this machine, and is there space?"""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from rich.filesize import decimal

from precompute.config import Config, DatasetConfig, ModelConfig, ScoreConfig, local_path
from precompute.estimate.published import published_size
from precompute.estimate.report import array_bytes_of
from precompute.estimate.workload import workload
from precompute.images import hub, load_dataset, read_masks
from precompute.metrics import require_known
from precompute.metrics.bertscore import PACKAGE, is_here
from precompute.models import missing_weights, size_of
from precompute.patching import read_pairs
from precompute.runner import Plan
from precompute.texts import texts_of

_DEMO = "`make demo` shows everything on the small captioner that comes with the project."
_MARGIN = 1.25  # arrays are four fifths of what a run writes; the rest is tables and pictures


class NotReady(Exception):
    """Something that a run needs is missing; the message lists all of it, with the remedies."""


def require_ready(config: Config) -> None:
    """Check device, weights and data of a configuration.

    Args:
        config: the configuration.

    Raises:
        NotReady: with one line a thing that is missing and how to get it.
        ValueError: a metric that there is not.
    """
    metrics = {*config.score.metrics, *(pruning.metric for pruning in config.pruning)}
    require_known(metrics)
    missing = [
        *(() if config.scale.engine == "ray" else _device(config.model)),
        *_weights(config.model),
        *_texts(config.model),
        *(line for dataset in config.datasets for line in _images(dataset)),
        *(line for dataset in config.datasets for line in _masks(dataset)),
        *_pairs(config),
        *_unscorable(config.score, sorted(metrics)),
    ]
    if missing:
        raise _not_ready(missing)


def _not_ready(missing: Sequence[str]) -> NotReady:
    lines = "\n".join(f"  - {line}" for line in missing)
    return NotReady(f"this run needs what is not here:\n{lines}\n{_DEMO}")


def _device(model: ModelConfig) -> Iterator[str]:
    if model.device == "cuda" and not torch.cuda.is_available():
        yield (
            "a CUDA GPU: this machine shows none. Run on a GPU box, or set device = 'cpu' under "
            "[model] and expect minutes an image."
        )


def _weights(model: ModelConfig) -> Iterator[str]:
    if what := missing_weights(model):
        yield f"the weights: {what}"


def _texts(model: ModelConfig) -> Iterator[str]:
    try:
        if model.texts:
            texts_of(model.texts)
    except ValueError as error:
        yield f"the texts: {error}"


def _pairs(config: Config) -> Iterator[str]:
    try:
        if config.patching:
            read_pairs(local_path(config.patching.pairs), config.patching.n)
    except ValueError as error:
        yield f"the pairs of [patching]: {error}"


def _images(dataset: DatasetConfig) -> Iterator[str]:
    if dataset.hub:
        if bar := hub.what_bars(dataset.hub):
            yield f"the images of {dataset.name}: {bar}"
    elif not local_path(dataset.path).is_dir():
        yield (
            f"the images of {dataset.name}: no folder {dataset.path}. Put the data set there, in a "
            f"layout that the loader {dataset.kind!r} reads, or change its path."
        )
    else:
        try:
            load_dataset(dataset)
        except ValueError as error:
            yield f"the images of {dataset.name}: {error}"


def _masks(dataset: DatasetConfig) -> Iterator[str]:
    try:
        if dataset.masks:
            read_masks(local_path(dataset.masks))
    except ValueError as error:
        yield f"the masks of {dataset.name}: {error}"


def require_space(plans: Sequence[Plan], results: Path) -> None:
    """Check that what the runs of a configuration lack finds space.

    Args:
        plans: the runs, of one model.
        results: the folder of all runs; it may be missing yet.

    Raises:
        NotReady: it does not.
    """
    wanted = 0.0
    for plan in plans:
        size = size_of(plan.config.model) or published_size(plan.config.model)
        if size is None:
            return
        work = workload(plan.config, plan.dataset.name, size, len(plan.items), 0)
        # A run that goes on has part of it already.
        there = sum(f.stat().st_size for f in (results / plan.run_id).rglob("*") if f.is_file())
        wanted += max(0.0, _MARGIN * array_bytes_of(plan.config, size, work) - there)
    disk = next(folder for folder in (results, *results.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(disk).free
    if wanted > free:
        raise _not_ready(
            [
                f"space on the disk of {results}: about {decimal(int(wanted))} will be written, "
                f"{decimal(free)} are free. Name a larger disk with --results (RESULTS= for "
                "make), or take fewer images: --set datasets.0.n=100."
            ]
        )


def require_scorable(config: ScoreConfig, metrics: Sequence[str]) -> None:
    """Check the names of metrics, and that their models are on this machine.

    Raises:
        NotReady: BERTScore's model is not.
        ValueError: a metric that there is not.
    """
    require_known(metrics)
    for line in _unscorable(config, metrics):
        raise NotReady(f"scoring needs {line}")


def _unscorable(config: ScoreConfig, metrics: Sequence[str]) -> list[str]:
    name = config.bertscore.model
    if "bertscore" not in metrics or is_here(config.bertscore):
        return []
    why = (
        "no installed package of that name holds a folder `model`. Install it"
        if name.startswith(PACKAGE)
        else f"neither a folder of the project nor in the hub's cache. `hf download {name}` gets it"
    )
    return [
        f"the BERTScore model {name}: {why}; or take bertscore out of [score] metrics and "
        "[[pruning]]."
    ]
