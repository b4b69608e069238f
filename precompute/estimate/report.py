"""What a run would cost, in words, without loading a model."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from precompute.config import Config, DatasetConfig, TranslatorsConfig, check_layers
from precompute.estimate.cost import (
    A100,
    CPU,
    Device,
    array_bytes,
    caption_seconds,
    decoder_bytes,
    forced_seconds,
    observed_seconds,
    pattern_bytes,
    state_bytes,
    token_attention_bytes,
    tower_seconds,
    word_bytes,
)
from precompute.estimate.published import PUBLISHED, published_size
from precompute.estimate.workload import Workload, workload
from precompute.images import load_dataset
from precompute.models import ModelSize, device_of, dtype_of, missing_weights, size_of
from precompute.runner import Plan, plan_of, shared_decisions, stage_names
from precompute.terminal import duration
from precompute.translators import file_bytes, kinds_of, memory_of
from store.parts import has_part, token_attention

_PUBLISHED_IMAGES = {"whoops": 500, "imagenet": 50_000}
_EXAMPLE = 100
_QUESTIONS = 7  # an image of WHOOPS, where the data set is not here to be asked
_GPUS = (1, 8)


def describe(config: Config, results: Path) -> str:
    """What every run of a configuration would do: images, captions, disk, memory and time.

    Neither weights nor data need to be on this machine: what is not is taken at its published
    size, and the text says so.

    Raises:
        ValueError: the model is not on this machine, and its dimensions are not known; or the
            configuration names layers that it does not have.
    """
    size = size_of(config.model)
    known = "by its config.json"
    if size is None:
        size, known = published_size(config.model), "as published; it is not on this machine"
    if size is None:
        raise ValueError(
            f"expected a model that is on this machine or one of {', '.join(PUBLISHED)}, whose "
            f"dimensions are known; {missing_weights(config.model)}"
        )
    check_layers(config, size.n_layers)
    tiles = f", up to {size.tiles} tiles" if size.tiles > 1 else ""
    model = (
        f"{config.model.path}, {known}: {size.n_layers} layers x {size.n_heads} heads, "
        f"{size.grid[0]} x {size.grid[1]} patches{tiles}, width {size.width}, "
        f"{size.weights / 1e6:,.0f} million weights"
    )
    counts = {dataset: count(dataset) for dataset in config.datasets}
    here = [dataset for dataset, count in counts.items() if count.remark is None]
    planned = dict[DatasetConfig, Plan]()
    if here and missing_weights(config.model) is None:
        shared = shared_decisions(config)
        planned = {dataset: plan_of(config, dataset, shared) for dataset in here}
    return "\n".join(
        [
            model,
            *(
                _dataset(config, dataset, count, planned.get(dataset), size, results)
                for dataset, count in counts.items()
            ),
        ]
    )


def _dataset(
    config: Config,
    dataset: DatasetConfig,
    counts: "Counts",
    planned: Plan | None,
    size: ModelSize,
    results: Path,
) -> str:
    left = _left(planned, results) if planned else counts.images
    n_parts = -(-counts.images // config.capture.part_size)
    free = shutil.disk_usage(results if results.is_dir() else Path.cwd()).free
    work = workload(config, dataset.name, size, counts.images, counts.questions)
    captions = sum(one.captions for one in work)
    return "\n".join(
        [
            planned.run_id if planned else f"{dataset.name} (named when weights and data are here)",
            f"  images    {counts.images:,} in {n_parts} parts; {left:,} to do"
            + (f"; {counts.remark}" if counts.remark else ""),
            *([f"  layout    {planned.items.layout}"] if planned else []),
            f"  captions  {captions:,} to decode; {size.n_layers + 1} an image by capture",
            f"  disk      {decimal(array_bytes_of(config, size, work))} of arrays, without "
            f"pictures; {decimal(free)} free",
            *_memory(config, size),
            *(_sums(one, size) for one in config.translators if not one.fitted),
            *_time(config, size, work, left / max(1, counts.images)),
        ]
    )


@dataclass(frozen=True)
class Counts:
    """What a data set has.

    Attributes:
        images: how many.
        questions: about all of them together.
        remark: what that is based on if not on the data set itself.
    """

    images: int
    questions: int
    remark: str | None = None


def count(dataset: DatasetConfig) -> Counts:
    """How many images and questions, at the published size where the data are not here."""
    published = _PUBLISHED_IMAGES.get(dataset.kind)
    assumed = dataset.n or published or _EXAMPLE
    questions = assumed * _QUESTIONS if dataset.kind == "whoops" else 0
    basis = "the data set's published size" if published else "an example"
    if dataset.hub:
        return Counts(assumed, questions, f"{basis}: {dataset.hub} is on the hub")
    try:
        items = load_dataset(dataset)
    except ValueError:  # `preflight` says why, and what to do
        return Counts(assumed, questions, f"{basis}, as its pictures cannot be listed: see below")
    return Counts(len(items), sum(len(item.questions) for item in items))


def array_bytes_of(config: Config, size: ModelSize, work: Sequence[Workload]) -> int:
    """Bytes on disk of all arrays of a run, of captured conditions and translators as well."""
    chosen = sum(one.passes for one in work if one.stage == token_attention.STAGE)
    each = array_bytes(size, config.capture.cls_state)
    maps = sum(
        len(kinds_of(one)) * file_bytes(one.rank, size.width, size.n_layers)
        for one in config.translators
        if not one.fitted
    )
    # A pass forward and back is three passes, and gives one word's maps.
    words = sum(one.passes for one in work if one.stage == stage_names.WORD_MAPS) / 3
    return (
        sum(one.kept for one in work) * each
        + round(chosen) * token_attention_bytes(size)
        + (round(words) * word_bytes(size, config.word_maps) if config.word_maps else 0)
        + maps
    )


def _left(planned: Plan, results: Path) -> int:
    """Images of a run that are not captured yet."""
    folders = list((results / planned.run_id / "parts").glob("capture-*"))
    return sum(
        len(items)
        for name, items in planned.shards.items()
        if not any(has_part(folder, name) for folder in folders)
    )


def _memory(config: Config, size: ModelSize) -> list[str]:
    itemsize = dtype_of(config.model).itemsize
    weights = size.weights * itemsize
    states = state_bytes(size, config, itemsize)
    pattern = pattern_bytes(size)
    decoder = decoder_bytes(size, config, itemsize)
    total = decimal(weights + states + pattern + decoder)
    seen = f"{decimal(pattern)} attention of one image, " if pattern else ""
    gpus = config.model.gpus
    where = "in memory" if device_of(config.model) == "cpu" else f"on {gpus} GPU{'s' * (gpus > 1)}"
    return [
        f"  memory    {total} {where}: {decimal(weights)} weights "
        f"in {str(dtype_of(config.model)).removeprefix('torch.')}, {decimal(states)} states of "
        f"{config.capture.batch_size} images, {seen}{decimal(decoder)} decoding "
        f"{config.decode.batch_size} states, num_beams = {config.decode.generation.num_beams}",
        "            batches that do not fit are halved while the run goes on",
    ]


def _sums(config: TranslatorsConfig, size: ModelSize) -> str:
    """What translators keep in memory while they are fitted, and on disk after."""
    sums = memory_of(config.rank, size.width, size.n_layers)
    return (
        f"            {decimal(sums)} more while translators {config.name!r} of rank {config.rank} "
        "are fitted: float64 sums of all layers, on the tower's device"
    )


def _time(config: Config, size: ModelSize, work: Sequence[Workload], left: float) -> Iterator[str]:
    """Time in all and by stage, and the speed of one worker over all stages.

    `left` is the share of the images that capture has to do.
    """
    on_cpu = device_of(config.model) == "cpu"
    device = CPU if on_cpu else A100
    seconds = [seconds_of(config, size, one, device) for one in work]
    rate = f"{work[0].kept / max(1e-9, sum(seconds)):.2g} images/s"
    seconds[0] *= left
    gpus = config.model.gpus
    if on_cpu:
        yield f"  time      {duration(sum(seconds))} at {rate}"
    else:
        yield (
            "  time      "
            + ", ".join(
                f"{duration(sum(seconds) / max(1, n // gpus))} on {n} GPU{'s' * (n > 1)}"
                for n in _GPUS
                if n >= gpus
            )
            + f"; one worker does {rate}"
        )
    for one, needed in zip(work, seconds, strict=True):
        yield f"              {one.stage:<28}{one.captions:>12,} captions  {duration(needed):>14}"
    yield f"            assuming {device.name}, captions as long as they may be" + (
        "" if on_cpu else f", and one worker every {gpus} GPU{'s' * (gpus > 1)}"
    )
    yield (
        "            a stage's time is of one worker, and of all its pictures but for capture; "
        "scores come on top"
    )


def seconds_of(config: Config, size: ModelSize, work: Workload, device: Device) -> float:
    """Time of one stage on one worker."""
    itemsize = dtype_of(config.model).itemsize
    batch = config.decode.batch_size
    plain = config.decode.generation
    a_caption = caption_seconds(size, work.generation or plain, batch, device, itemsize)
    forced = work.forced * forced_seconds(size, plain, device)
    # Of a sweep that keeps arrays, blocks below the edit run without being looked at.
    observed = min(work.kept, work.passes) * observed_seconds(size, device)
    tower = work.passes * tower_seconds(size, device) + observed
    return tower + work.captions * a_caption + forced
