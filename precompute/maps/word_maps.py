"""The stage `word_maps`: which patches carry each word of chosen images' captions."""

from collections.abc import Iterator, Sequence

from precompute.config import Config, local_path, spread
from precompute.forward import BatchSize
from precompute.images import ImageItem, Masks, read_masks
from precompute.maps import localise, rows
from precompute.maps.follow import Followed, Said, checked, followed
from precompute.maps.words import spoken
from precompute.models import Captioner
from precompute.runner import (
    Advance,
    Job,
    Row,
    baseline_batches,
    capture_of,
    make_parts,
    open_stage,
    stage_names,
)
from store.disk import read_run
from store.parts import Part, PartWriter, read_table, word_maps
from store.schema import BASELINE

VERSION = 1
"""Of what a part holds and how it is computed; part of the stage's identity."""

POINTS = "word_map_points"
"""Of an image: over the things with a mask that its final caption names and the states in which
gradients are taken, the share in which the word's map has its largest value on its thing."""


def masks_of(job: Job) -> Masks | None:
    """The masks of a run's data set, if it has any.

    Raises:
        ValueError: the folder is not laid out as one of masks.
    """
    folder = job.plan.dataset.masks
    return None if folder is None else read_masks(local_path(folder))


def chosen(wanted: int | tuple[str, ...], items: Sequence[ImageItem]) -> list[str]:
    """The ids that a configuration names, or those of a data set's first images, in order."""
    if isinstance(wanted, int):
        return [item.image_id for item in items[:wanted]]
    return [item.image_id for item in items if item.image_id in set(wanted)]


def follow_words(job: Job) -> None:
    """Make what is missing of stage `word_maps`, if the configuration asks for it.

    Raises:
        StoreError: the capture is not complete.
        ValueError: masks that cannot be read.
        Stopped: Ctrl-C.
    """
    plan, captioner, config = job.plan, job.captioner, job.plan.config.word_maps
    if config is None:
        return
    ids = chosen(config.images, plan.items)
    shards = plan.shards_of(ids)
    if not shards:
        return
    capture, masks = capture_of(job), masks_of(job)
    n_layers = read_run(job.run)["n_layers"]
    to_check = set(ids[: config.checked])
    settings = {
        "version": VERSION,
        "capture": capture.stage,
        **config.model_dump(mode="json"),
        "images": sorted(ids),
        "layers": spread(config.layers, n_layers),
        "captions": sorted(set(config.captions or (n_layers,))),
        "masks": masks and masks.sha256,
    }
    stage = open_stage(job.run, stage_names.WORD_MAPS, settings)

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        source, items = capture.parts[name], shards[name]
        write_words(part, captioner(), source, items, to_check, masks, plan.config, advance)

    make_parts(job.maker, job.run, stage, {name: len(some) for name, some in shards.items()}, make)


def write_words(
    part: PartWriter,
    captioner: Captioner,
    source: Part,
    items: Sequence[ImageItem],
    to_check: set[str],
    masks: Masks | None,
    config: Config,
    advance: Advance,
) -> None:
    """Write one shard's chosen images: tables `word`, `word_map`, `map_score`, `image_stat`, maps.

    Args:
        part: where they are written.
        captioner: the model.
        source: the capture part of the shard: its batches and its captions.
        items: the shard's chosen images.
        to_check: of which groups of patches are taken away, too.
        masks: of the data set.
        config: prompt, and what is followed.
        advance: called with the number of images done, after every batch.
    """
    wanted, tower, prompt = config.word_maps, captioner.tower, config.decode.prompt
    assert wanted is not None
    at = spread(wanted.layers, tower.n_layers)
    layers = sorted(set(wanted.captions or (tower.n_layers,)))
    said = _captions(captioner, source, layers)
    by_id = {item.image_id: item for item in items}
    size = BatchSize(wanted.batch_size, "word_maps.batch_size")
    tables: dict[str, list[Row]] = {
        name: [] for name in ("word", "word_map", "map_score", "image_stat")
    }

    def words() -> Iterator[tuple[Said, list[Followed]]]:
        for ids, pixels in baseline_batches(part, captioner, source, items, advance):
            for layer in layers:
                captions = [said[image_id, layer] for image_id in ids]
                found = followed(captioner, pixels, captions, at, prompt, size)
                for k, caption in enumerate(captions):
                    if caption.image_id in to_check:
                        yield caption, checked(captioner, pixels[k], caption, found[k], config)
                    else:
                        yield caption, found[k]

    def kept() -> Iterator[tuple[str, word_maps.WordRow]]:
        for caption, found in words():
            tables["word"] += rows.word_rows(caption, found)
            tables["word_map"] += rows.map_rows(caption, found, at, tower, wanted)
            if caption.layer == tower.n_layers:
                texts = [word.text for word in caption.words]
                things = localise.targets(captioner, masks, by_id[caption.image_id], texts)
                scores = rows.point_rows(caption, found, at, tower, things)
                tables["map_score"] += scores
                tables["image_stat"] += _points(caption.image_id, scores)
            for n, one in enumerate(found):
                yield caption.image_id, rows.kept(caption, n, one, tower)

    shapes = (tower.n_tokens, tower.n_layers, tower.n_heads)
    word_maps.write(part.path / word_maps.FILE_NAME, at, shapes, kept())
    part.meta["word_batches"] = size.used
    for name, of_table in tables.items():
        part.table(name, of_table)


def _captions(
    captioner: Captioner, source: Part, layers: Sequence[int]
) -> dict[tuple[str, int], Said]:
    table = read_table([source], "caption").select(["image_id", "layer", "token_ids"])
    return {
        (row["image_id"], row["layer"]): Said(
            row["image_id"],
            row["layer"],
            row["token_ids"],
            spoken(row["token_ids"], captioner.text),
        )
        for row in table.to_pylist()
        if row["layer"] in layers
    }


def _points(image_id: str, scores: Sequence[Row]) -> list[Row]:
    """The row of `image_stat`, where the caption names a thing with a mask."""
    hits = [row["value"] for row in scores if row["measure"] == "pointing"]
    place = {"condition_id": BASELINE, "image_id": image_id, "metric": POINTS}
    return [{**place, "value": sum(hits) / len(hits)}] if hits else []
