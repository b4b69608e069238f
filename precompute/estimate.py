"""What a run would cost, in words, without loading a model."""

import shutil
from pathlib import Path

from rich.filesize import decimal

from precompute.config import Config, DatasetConfig
from precompute.cost import (
    A100,
    CPU,
    PUBLISHED,
    array_bytes,
    decoder_bytes,
    image_seconds,
    state_bytes,
    token_attention_bytes,
)
from precompute.images import load_dataset
from precompute.models import device_of, dtype_of, missing_weights, size_of
from precompute.models.size import ModelSize
from precompute.plan import Plan, plan_runs
from store.parts import has_part

_PUBLISHED_IMAGES = {"whoops": 500, "imagenet": 50_000}
_EXAMPLE = 100
_GPUS = (1, 8)


def describe(config: Config, results: Path) -> str:
    """What every run of a configuration would do: images, captions, disk, memory and time.

    Neither weights nor data need to be on this machine: what is not is taken at its published
    size, and the text says so.

    Raises:
        ValueError: the model is not on this machine, and its dimensions are not known.
    """
    size = size_of(config.model)
    known = "by its config.json"
    if size is None:
        size, known = PUBLISHED.get(config.model.path), "as published; it is not on this machine"
    if size is None:
        raise ValueError(
            f"expected a model that is on this machine or one of {', '.join(PUBLISHED)}, whose "
            f"dimensions are known; {missing_weights(config.model)}"
        )
    model = (
        f"{config.model.path}, {known}: {size.n_layers} layers x {size.n_heads} heads, "
        f"{size.grid[0]} x {size.grid[1]} patches, width {size.width}, "
        f"{size.weights / 1e6:,.0f} million weights"
    )
    return "\n".join([model, *(_dataset(config, d, size, results) for d in config.datasets)])


def _dataset(config: Config, dataset: DatasetConfig, size: ModelSize, results: Path) -> str:
    n_images, remark = count_images(dataset)
    planned, left = None, n_images
    if remark is None and missing_weights(config.model) is None:
        (planned,) = plan_runs(config.model_copy(update={"datasets": (dataset,)}))
        left = _left(planned, results)
    n_parts = -(-n_images // config.capture.part_size)
    free = shutil.disk_usage(results if results.is_dir() else Path.cwd()).free
    disk = n_images * array_bytes(size, config.capture.cls_state)
    wanted = config.capture.token_attention
    chosen = min(wanted, n_images) if isinstance(wanted, int) else len(wanted)
    disk += chosen * token_attention_bytes(size)
    states = size.n_layers + 1
    return "\n".join([
        planned.run_id if planned else f"{dataset.name} (named when weights and data are here)",
        f"  images    {n_images} in {n_parts} parts; {left} to do"
        + (f"; {remark}" if remark else ""),
        *([f"  layout    {planned.items.layout}"] if planned else []),
        f"  captions  {n_images * states} to decode, {states} an image",
        f"  disk      {decimal(disk)} of arrays, without pictures; {decimal(free)} free",
        *_memory(config, size),
        *_time(config, size, left),
    ])


def count_images(dataset: DatasetConfig) -> tuple[int, str | None]:
    """How many images, and what that is based on if not on the data set itself."""
    published = _PUBLISHED_IMAGES.get(dataset.kind)
    assumed = dataset.n or published or _EXAMPLE
    basis = "the data set's published size" if published else "an example"
    if dataset.hub:
        return assumed, f"{basis}: {dataset.hub} is on the hub"
    try:
        return len(load_dataset(dataset)), None
    except ValueError as error:
        return assumed, f"{basis}: {str(error).partition('. ')[0]}"


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
    decoder = decoder_bytes(size, config, itemsize)
    gpus = config.model.gpus
    where = "in memory" if device_of(config.model) == "cpu" else f"on {gpus} GPU{'s' * (gpus > 1)}"
    return [
        f"  memory    {decimal(weights + states + decoder)} {where}: {decimal(weights)} weights "
        f"in {str(dtype_of(config.model)).removeprefix('torch.')}, {decimal(states)} states of "
        f"{config.capture.batch_size} images, {decimal(decoder)} decoding "
        f"{config.decode.batch_size} states, num_beams = {config.decode.generation.num_beams}",
        "            batches that do not fit are halved while the run goes on",
    ]


def _time(config: Config, size: ModelSize, left: int) -> list[str]:
    itemsize = dtype_of(config.model).itemsize
    if device_of(config.model) == "cpu":
        seconds = image_seconds(size, config, CPU, itemsize)
        return [
            f"  time      {duration(left * seconds)} at {1 / seconds:.2g} images/s",
            f"            assuming {CPU.name}, and captions as long as they may be",
        ]
    seconds = image_seconds(size, config, A100, itemsize)
    workers = [max(1, gpus // config.model.gpus) for gpus in _GPUS]
    times = [
        f"{duration(left * seconds / n)} on {gpus} GPU{'s' * (gpus > 1)} "
        f"({n / seconds:.2g} images/s)"
        for gpus, n in zip(_GPUS, workers, strict=True)
        if gpus >= config.model.gpus
    ]
    return [
        f"  time      {', '.join(times)}",
        f"            assuming {A100.name}, captions as long as they may be, and one worker "
        f"every {config.model.gpus} GPU{'s' * (config.model.gpus > 1)}",
        "            capture and captions; experiments, questions and scores come on top",
    ]


def duration(seconds: float) -> str:
    """A length of time as hours and minutes, or minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
