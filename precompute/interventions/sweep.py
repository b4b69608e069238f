"""Conditions, shard by shard: the tower once, then every condition from its lowest edited layer.

A sweep reads the batches of the capture from its parts, so that states below an edit are those of
the baseline to the last bit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
from torch import Tensor

from precompute.config import Config
from precompute.forward import (
    BatchSize,
    Capture,
    capture,
    capture_edited,
    decode_states,
    run_states,
)
from precompute.images import ImageItem
from precompute.inputs import Clean
from precompute.interventions.apply import Prepared, States, edited_states, prepare
from precompute.interventions.broken_input import (
    broken_pixels,
    broken_states,
    cosine_rows,
    state_cosine,
)
from precompute.interventions.conditions import Condition, Shape, check
from precompute.interventions.graft import put_in
from precompute.interventions.means import mean_images
from precompute.interventions.resample import Others, resampled
from precompute.models import Captioner, VisionTower, as_read, by_layout, keeps_shape
from precompute.runner import (
    Advance,
    Batches,
    Job,
    Lazy,
    Row,
    baseline_batches,
    caption_row,
    capture_of,
    final_captions,
    image_tensors,
    make_parts,
    open_stage,
    stat_table,
)
from store.disk import read_run
from store.parts import (
    Part,
    PartWriter,
    TensorWriter,
    condition_file,
    read_table,
    require_complete,
)

VERSION = 1
"""Of what a sweep part holds and how it is computed; part of the stage's identity."""


def sweep(
    job: Job,
    label: str,
    conditions: Sequence[Condition],
    all_layers: bool = False,
    with_capture: bool = False,
) -> Path:
    """Compute conditions for all images of a run whose capture is complete.

    Args:
        job: the run.
        label: of the stage, e.g. ``sweep.figure2`` or ``pruning.demo``.
        conditions: which; the sums of their means are in the run already.
        all_layers: whether every state is decoded, not only the last.
        with_capture: whether statistics and arrays are kept as of the baseline.

    Returns:
        The folder of the stage.

    Raises:
        StageIncomplete: the capture, or the sums of a mean, are not complete.
        ValueError: a condition does not fit the tower, or is there twice.
    """
    plan, captioner, info = job.plan, job.captioner, read_run(job.run)
    _check(conditions, Shape(info["n_layers"], info["n_heads"]))
    capture = capture_of(job)
    n_images = sum(capture.sizes.values())
    rows = [_row(job.run, plan.dataset.name, condition, n_images) for condition in conditions]
    stage = open_stage(
        job.run,
        label,
        {
            "version": VERSION,
            "capture": capture.stage,
            "conditions": {row["condition_id"]: row["spec"] for row in rows},
            "all_layers": all_layers,
            "with_capture": with_capture,
        },
    )
    run, shards = job.run, plan.shards
    grafts = [c.graft for c in conditions if c.graft]
    if grafts and with_capture:
        raise ValueError(
            f"{label}: of states put in no maps are kept, since attention would be of one picture "
            "and what it reads of another. Take capture out, or the conditions patch:... ."
        )

    kept = dict[tuple[int, ...], Sequence[Prepared]]()

    def prepared(here: Captioner) -> Sequence[Prepared]:
        """The conditions as edits of a tower: of the last alone, as each has its own constants."""
        tower = here.tower
        if (key := (*tower.grid, tower.n_tokens)) not in kept:
            kept.clear()
            ready, add = prepare(run, tower, conditions), put_in(here, grafts, plan.items)
            kept[key] = [
                replace(p, edits=add(p.condition.graft, dict(p.edits))) if p.condition.graft else p
                for p in ready
            ]
        return kept[key]

    if any(condition.resamples for condition in conditions):
        require_complete(run / "parts" / capture.stage)  # of all images each has another
    others = Lazy(lambda: Others(plan.items, read_table(capture.parts.values(), "image")))

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        part.table("condition", rows)
        write_sweep(
            part,
            captioner(),
            capture.parts[name],
            shards[name],
            conditions,
            prepared,
            others,
            plan.config,
            advance,
            all_layers,
            with_capture,
        )

    make_parts(job.maker, run, stage, capture.sizes, make)
    return stage


def _check(conditions: Sequence[Condition], shape: Shape) -> None:
    ids = [condition.id for condition in conditions]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise ValueError(f"the conditions of a sweep must differ; {', '.join(twice)} came twice.")
    for condition in conditions:
        check(condition, shape)


def _row(run: Path, dataset: str, condition: Condition, n_images: int) -> dict[str, Any]:
    if condition.mean is None:
        return condition.row(run.name, dataset, 0)
    if condition.mean.resamples:
        return condition.row(run.name, dataset, n_images)
    dataset, images = mean_images(run, condition.mean)
    return condition.row(condition.mean.run or run.name, dataset, images)


def write_sweep(
    part: PartWriter,
    captioner: Captioner,
    source: Part,
    items: Sequence[ImageItem],
    conditions: Sequence[Condition],
    prepared: Callable[[Captioner], Sequence[Prepared]],
    others: Callable[[], Others],
    config: Config,
    advance: Advance,
    all_layers: bool,
    with_capture: bool,
) -> None:
    """Compute conditions for one shard of images.

    Args:
        part: where the shard is written.
        captioner: the model.
        source: the capture part of the same shard: its batches and the baseline's captions.
        items: the shard's images.
        conditions: which.
        prepared: the conditions as edits of a captioner's tower, lowest layer first.
        others: who stands in for whom where states are resampled.
        config: prompt, generation, batch sizes.
        advance: called with the number of images done, after every batch.
        all_layers: whether every state is decoded, not only the last.
        with_capture: whether statistics and arrays are kept as of the baseline.
    """
    last = captioner.tower.n_layers
    final = final_captions(source, last)
    of_decoder = BatchSize(config.decode.batch_size, "decode.batch_size")
    places: list[tuple[str, str, int]] = []
    kept: list[dict[str, pa.Table]] = []
    cosines: list[Row] = []

    def states(here: Captioner, batches: Batches) -> Iterator[tuple[Tensor, list[int]]]:
        edits = prepared(here)
        for ids, pixels in batches:
            of_batch = resampled(here, edits, ids, others)
            plain = capture(here.tower, pixels) if with_capture else None
            states = plain.states if plain else _states(here.tower, pixels)
            clean = Clean(ids, pixels, states, [final[i] for i in ids], config.decode.prompt)
            if plain:
                computed = _captured(here, plain, clean, of_batch, files, kept)
            else:
                computed = _plain(here, clean, of_batch)
            for p, of_layers in computed:
                if p.condition.broken:
                    apart = state_cosine(of_layers, states)
                    cosines.extend(cosine_rows(p.condition.id, ids, apart))
                # From the last down: states that stop after as many tokens share a batch.
                for layer in range(last, p.first - 1 if all_layers else last - 1, -1):
                    places.extend((p.condition.id, image_id, layer) for image_id in ids)
                    read = as_read(here, layer, of_layers)
                    yield from zip(read, [final[i] for i in ids], strict=True)

    with ExitStack() as stack:
        files = {}
        if with_capture:
            files = _tensor_files(stack, part, captioner, conditions, config)
        every = baseline_batches(part, captioner, source, items, advance)
        captions = [
            caption
            for here, batches in by_layout(captioner, every)
            for caption in decode_states(here, states(here, batches), config.decode, of_decoder)
        ]
    part.meta["decoder_batches"] = of_decoder.used
    rows = [caption_row(*place, c) for place, c in zip(places, captions, strict=True)]
    part.table("caption", rows + (_below(conditions, source) if all_layers else []))
    if cosines:
        part.table("score", cosines)
    for name in ("layer_stat", "head_stat") if with_capture else ():
        part.table(name, pa.concat_tables(tables[name] for tables in kept) if kept else [])


def _below(conditions: Sequence[Condition], source: Part) -> list[Row]:
    """Captions of the states below every condition's lowest edit: those of the baseline."""
    baseline = read_table([source], "caption").to_pylist()
    return [
        {**row, "condition_id": condition.id}
        for condition in conditions
        for row in baseline
        if row["layer"] < condition.first
    ]


def _states(tower: VisionTower, pixels: Tensor) -> States:
    states = [tower.embed(pixels)]
    return [*states, *run_states(tower, states[0])]


def _plain(
    captioner: Captioner, clean: Clean, prepared: Iterable[Prepared]
) -> Iterator[tuple[Prepared, States]]:
    """Conditions and their states Z^0..Z^L."""
    broken, of_layers = _apart(prepared)
    yield from broken_states(captioner, clean, broken)
    for p, above in edited_states(captioner.tower, clean.states, of_layers):
        yield p, [*clean.states[: p.first], *above]


def _apart(prepared: Iterable[Prepared]) -> tuple[list[Prepared], Iterator[Prepared]]:
    """Conditions on the picture, and those on layers alone, which come after them."""
    rest, broken = iter(prepared), list[Prepared]()
    for p in rest:
        if not p.condition.broken:
            return broken, chain([p], rest)
        broken.append(p)
    return broken, iter(())


def _captured(
    captioner: Captioner,
    plain: Capture,
    clean: Clean,
    prepared: Iterable[Prepared],
    files: Mapping[str, TensorWriter],
    kept: list[dict[str, pa.Table]],
) -> Iterator[tuple[Prepared, States]]:
    """Conditions and their states, statistics and arrays kept on the way.

    And the picture as the model saw it, the broken one where it was broken.
    """
    tower, ids = captioner.tower, clean.ids
    broken, of_layers = _apart(prepared)
    seen = captioner.model_input(clean.pixels)
    taken_of = chain(
        (
            (p, capture(tower, pixels, p.edits), captioner.model_input(pixels))
            for p, pixels in broken_pixels(captioner, clean, broken)
        ),
        ((p, capture_edited(tower, plain, p.edits), seen) for p in of_layers),
    )
    for p, taken, picture in taken_of:
        condition_id = p.condition.id
        kept.append(
            {
                "layer_stat": stat_table(ids, taken.layer_stat, ("layer",), condition_id),
                "head_stat": stat_table(ids, taken.head_stat, ("layer", "head"), condition_id),
            }
        )
        for image in image_tensors(ids, taken, picture, files[condition_id].keeps_cls_state):
            files[condition_id].append(replace(image, grid=tower.grid))
        yield p, taken.states


def _tensor_files(
    stack: ExitStack,
    part: PartWriter,
    captioner: Captioner,
    conditions: Sequence[Condition],
    config: Config,
) -> dict[str, TensorWriter]:
    """A file of arrays for every condition."""
    tower = captioner.tower
    width = tower.width if config.capture.cls_state else None
    return {
        condition_id: stack.enter_context(
            TensorWriter(
                part.path / condition_file(condition_id),
                tower.n_layers,
                tower.n_heads,
                tower.n_seen,
                width,
                tower.class_token,
                grids=keeps_shape(captioner),
            )
        )
        for condition_id in (condition.id for condition in conditions)
    }
