"""The stage of captions by readers: conditions that edit what the decoder is given, not the tower.

A reader's captions are those of conditions `<name>` and `<name>-<beside>`, for every state; all
that pages and metrics do with conditions they do with these.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from precompute.config import Config, TranslatorsConfig
from precompute.forward import BatchSize, decode_states
from precompute.images import ImageItem
from precompute.interventions import Others
from precompute.models import Captioner, with_permuted_tower
from precompute.runner import (
    Advance,
    Job,
    Lazy,
    Plan,
    Row,
    baseline_batches,
    caption_row,
    capture_of,
    final_captions,
    make_parts,
    open_stage,
    stage_names,
)
from precompute.translators.divergence import divergences, words_of
from precompute.translators.fit import PERMUTED, TUNED, UNTRAINED
from precompute.translators.passes import all_states
from precompute.translators.readings import (
    MEASURED,
    OTHERS,
    Seen,
    copies_last,
    kind_of,
    on_device,
    reading,
    state_error,
)
from precompute.translators.stage import read_all, translator_files
from precompute.translators.storage import Identity, Translators, read_identity
from store.interventions import READER
from store.parts import Part, PartWriter, read_table, require_complete

VERSION = 1
"""Of what a part holds and how it is computed; part of the stage's identity."""

ERROR, DIVERGENCE = "state_error", "final_kl"


def read_layers(job: Job) -> None:
    """Make what is missing of the stages `readers.NAME`.

    Raises:
        ValueError: translators of another model.
        StoreError: the capture, or the translators, are not complete.
        Stopped: Ctrl-C.
    """
    for config in job.plan.config.translators:
        with job.maker.if_whole():
            _read(job, config)


def conditions_of(config: TranslatorsConfig) -> dict[str, str]:
    """Reader -> the id of its condition."""
    return {TUNED: config.name, **{beside: f"{config.name}-{beside}" for beside in config.beside}}


def _read(job: Job, config: TranslatorsConfig) -> None:
    plan, run = job.plan, job.run
    weights = str(plan.decides["weights"])
    files = translator_files(job, config)
    identities = {kind: read_identity(path, weights) for kind, path in files.items()}
    capture = capture_of(job)
    require_complete(run / "parts" / capture.stage)  # whose images stand in for whom
    images = read_table(capture.parts.values(), "image")
    used = _used(identities[TUNED], plan)
    ids = sorted(set(images["image_id"].to_pylist()) - used)
    if not ids:
        raise ValueError(
            f"all {len(images)} images of {plan.dataset.name} fitted the translators "
            f"{config.name!r}, so that none is left to be read. Lower n, or name another data set "
            "as images_of, under [[translators]]."
        )
    rows = _condition_rows(config, identities)
    stage = open_stage(
        run,
        stage_names.READERS + config.name,
        {
            "version": VERSION,
            "capture": capture.stage,
            "conditions": {row["condition_id"]: row["spec"] for row in rows},
            "files": {kind: path.parent.parent.name for kind, path in files.items()},
            "images": hashlib.sha256("\n".join(ids).encode()).hexdigest(),
        },
    )
    shards = plan.shards_of(ids)
    read = images.filter(pc.is_in(images["image_id"], pa.array(ids)))
    work = _work(job, config, files, identities[TUNED].permuted_seed, read)

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        part.table("condition", rows)
        write_readings(part, work, capture.parts[name], shards[name], advance)

    make_parts(job.maker, run, stage, {name: len(some) for name, some in shards.items()}, make)


def _used(identity: Identity, plan: Plan) -> set[str]:
    """The images of a run that fitted or chose: none, unless they are of its own data set.

    Another draw of a data set has another fingerprint, and the same name and images.
    """
    own = identity.dataset_sha256 == plan.decides["data"] or identity.dataset == plan.dataset.name
    return {*identity.fit, *identity.choose} if own else set()


def _condition_rows(config: TranslatorsConfig, identities: Mapping[str, Identity]) -> list[Row]:
    """Rows of `condition`, a reader each."""
    rows = []
    for reader, condition_id in conditions_of(config).items():
        of = identities[kind_of(reader)]
        spec = {
            "reader": reader,
            "of": config.name,
            "dataset": of.dataset,
            "fit": len(of.fit),
            "choose": len(of.choose),
            "rank": of.rank,
            "penalty": of.penalty,
            "fit_error": of.fit_error,
            "chosen_error": of.chosen_error,
            **({"steps": of.steps, "chosen_kl": of.chosen_kl} if of.steps else {}),
            **({"seed": config.seed} if reader == OTHERS else {}),
        }
        rows.append(
            {
                "condition_id": condition_id,
                "kind": READER,
                "layers": [],
                "heads": [],
                "source": f"{of.dataset}, {len(of.fit)} images fit and {len(of.choose)} choose, "
                f"seed {of.seed}",
                "spec": json.dumps({READER: spec}, sort_keys=True),
            }
        )
    return rows


@dataclass(frozen=True)
class Work:
    """What every part of the stage needs; a worker elsewhere gets it pickled.

    Attributes:
        captioner: gives the model.
        fitted: gives the translators of every kind, on its device.
        permuted: gives the model on a tower of permuted weights.
        others: gives who stands in for whom among the images that are read.
        conditions: reader -> the id of its condition.
        config: prompt, generation, how many states a batch holds.
        seed: by which images stand in for each other.
    """

    captioner: Callable[[], Captioner]
    fitted: Callable[[], Mapping[str, Translators]]
    permuted: Callable[[], Captioner]
    others: Callable[[], Others]
    conditions: Mapping[str, str]
    config: Config
    seed: int


def _work(
    job: Job, config: TranslatorsConfig, files: Mapping[str, Path], seed: int, images: pa.Table
) -> Work:
    plan, captioner, weights = job.plan, job.captioner, str(job.plan.decides["weights"])

    def fitted() -> dict[str, Translators]:
        tower = captioner().tower
        return on_device(read_all(files, tower, weights), tower)

    return Work(
        captioner,
        Lazy(fitted),
        Lazy(lambda: with_permuted_tower(captioner(), seed)),
        Lazy(lambda: Others(plan.items, images)),
        conditions_of(config),
        plan.config,
        config.seed,
    )


def write_readings(
    part: PartWriter, work: Work, source: Part, items: Sequence[ImageItem], advance: Advance
) -> None:
    """Read every state of some images of a shard by every reader: tables `caption` and `score`.

    Args:
        part: where they are written.
        work: the model and its translators.
        source: the capture part of the shard.
        items: which images.
        advance: called with the number of images done.
    """
    captioner, config = work.captioner(), work.config
    last = captioner.tower.n_layers
    final = final_captions(source, last)
    places = list[tuple[str, str, int]]()
    scores: list[Row] = []
    done: list[str] = []

    def states() -> Iterator[tuple[Tensor, list[int]]]:
        for ids, pixels in baseline_batches(part, captioner, source, items, advance):
            done.extend(ids)
            seen = _seen(work, ids, pixels)
            scores.extend(measured(work, ids, seen, final))
            for reader, condition_id in work.conditions.items():
                for layer in range(last - copies_last(reader), -1, -1):
                    places.extend((condition_id, image_id, layer) for image_id in ids)
                    state = reading(reader, layer, seen, work.fitted())
                    yield from zip(state, [final[i] for i in ids], strict=True)

    of_decoder = BatchSize(config.decode.batch_size, "decode.batch_size")
    with torch.inference_mode():
        captions = list(decode_states(captioner, states(), config.decode, of_decoder))
    part.meta["decoder_batches"] = of_decoder.used
    rows = [caption_row(*place, c) for place, c in zip(places, captions, strict=True)]
    part.table("caption", rows + _of_last(work, source, set(done), last))
    part.table("score", scores)


def _seen(work: Work, ids: Sequence[str], pixels: Tensor) -> Seen:
    """The states of a batch in all towers, and of all images, that its readers want."""
    captioner, readers = work.captioner(), work.conditions
    plain = all_states(captioner.tower, pixels)
    others = permuted = None
    if OTHERS in readers:
        pictures = [item.open() for item in work.others().of(ids, work.seed)]
        others = all_states(captioner.tower, captioner.pixels(pictures))
    if {PERMUTED, UNTRAINED} & readers.keys():
        permuted = all_states(work.permuted().tower, pixels)
    return Seen(plain, others, permuted)


def measured(
    work: Work, ids: Sequence[str], seen: Seen, final: Mapping[str, Sequence[int]]
) -> Iterator[Row]:
    """Rows of `score`: how far readers' states, and the decoder's words on them, are from Z^L's."""
    captioner, prompt = work.captioner(), work.config.decode.prompt
    last, fitted = captioner.tower.n_layers, work.fitted()
    words = words_of(captioner, seen.plain[last], [final[i] for i in ids], prompt)

    def row(place: tuple[str, int], image_id: str, metric: str, value: float) -> Row:
        return {
            "condition_id": place[0],
            "image_id": image_id,
            "layer": place[1],
            "metric": metric,
            "against": "final",
            "value": value,
        }

    errors: list[Row] = []

    def states() -> Iterator[tuple[tuple[str, int], str, Tensor]]:
        for reader in MEASURED:
            if reader not in work.conditions:
                continue
            for layer in range(last + 1):
                state = reading(reader, layer, seen, fitted)
                place = work.conditions[reader], layer
                apart = state_error(state, seen.plain[last], fitted[TUNED].final_mean).tolist()
                errors.extend(row(place, i, ERROR, e) for i, e in zip(ids, apart, strict=True))
                yield from zip([place] * len(ids), ids, state, strict=True)

    size = BatchSize(work.config.decode.batch_size, "decode.batch_size")
    known = dict(zip(ids, words, strict=True))
    for place, image_id, value in divergences(captioner, states(), final, known, prompt, size):
        yield row(place, image_id, DIVERGENCE, value)
    yield from errors


def _of_last(work: Work, source: Part, ids: set[str], last: int) -> list[Row]:
    """Captions of Z^L by the readers that leave it as it is: those of the baseline."""
    baseline = read_table([source], "caption").to_pylist()
    return [
        {**row, "condition_id": condition_id}
        for reader, condition_id in work.conditions.items()
        if copies_last(reader)
        for row in baseline
        if row["layer"] == last and row["image_id"] in ids
    ]
