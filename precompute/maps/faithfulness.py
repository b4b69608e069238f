"""The stage `faithfulness`: which maps show where the model looked, tried on edited pictures."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from scipy.stats import spearmanr
from torch import Tensor

from precompute.config import Config, FaithfulnessConfig, spread
from precompute.forward import BatchSize, fitting
from precompute.images import ImageItem, Masks
from precompute.maps import curves, localise
from precompute.maps.kinds import KINDS, Maps, maps_of
from precompute.maps.rows import score_row
from precompute.maps.word_maps import chosen, masks_of
from precompute.maps.words import spoken
from precompute.models import Captioner, with_permuted_tower
from precompute.runner import (
    Advance,
    Job,
    Row,
    baseline_batches,
    capture_of,
    final_captions,
    make_parts,
    open_stage,
    stage_names,
)
from store.disk import read_run
from store.parts import Part, PartWriter

VERSION = 1
"""Of what a part holds and how it is computed; part of the stage's identity."""

RANDOM = "random"
"""The first random order, tried like a map; the others are what every map is held against."""


class _Batch(NamedTuple):
    """Images, what the model says of them, and their maps."""

    ids: Sequence[str]
    pixels: Float[Tensor, "image 3 y x"]
    captions: Sequence[Sequence[int]]
    maps: Maps


def try_maps(job: Job) -> None:
    """Make what is missing of stage `faithfulness`, if the configuration asks for it.

    Raises:
        StoreError: the capture is not complete.
        ValueError: masks that cannot be read.
        Stopped: Ctrl-C.
    """
    plan, captioner, config = job.plan, job.captioner, job.plan.config.faithfulness
    if config is None:
        return
    ids = chosen(config.images, plan.items)
    shards = plan.shards_of(ids)
    if not shards:
        return
    capture, masks, n_layers = capture_of(job), masks_of(job), read_run(job.run)["n_layers"]
    settings = {
        "version": VERSION,
        "capture": capture.stage,
        **config.model_dump(mode="json"),
        "images": sorted(ids),
        "layers": spread(config.layers, n_layers),
        "randomised": depths(config, n_layers),
        "masks": masks and masks.sha256,
    }
    stage = open_stage(job.run, stage_names.FAITHFULNESS, settings)

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        source, items = capture.parts[name], shards[name]
        write_scores(part, captioner(), source, items, masks, plan.config, advance)

    make_parts(job.maker, job.run, stage, {name: len(some) for name, some in shards.items()}, make)


def depths(config: FaithfulnessConfig, n_layers: int) -> list[int]:
    """How many blocks from the top are permuted, ascending; with L the embeddings, too."""
    return sorted(set(config.randomised or (1, -(-n_layers // 2), n_layers)))


def write_scores(
    part: PartWriter,
    captioner: Captioner,
    source: Part,
    items: Sequence[ImageItem],
    masks: Masks | None,
    config: Config,
    advance: Advance,
) -> None:
    """Write one shard's chosen images: table `map_score`.

    Args:
        part: where they are written.
        captioner: the model.
        source: the capture part of the shard: its batches and its final captions.
        items: the shard's chosen images.
        masks: of the data set.
        config: prompt, and what is tried.
        advance: called with the number of images done, after every batch.
    """
    wanted, tower = config.faithfulness, captioner.tower
    assert wanted is not None
    final = final_captions(source, tower.n_layers)
    by_id = {item.image_id: item for item in items}
    rows: list[Row] = []
    size = BatchSize(wanted.batch_size, "faithfulness.batch_size")
    at = spread(wanted.layers, tower.n_layers)
    batches: list[_Batch] = []
    for ids, pixels in baseline_batches(part, captioner, source, items, advance):
        captions = [final[image_id] for image_id in ids]
        maps = _maps(captioner, pixels, captions, at, config)
        batches.append(_Batch(ids, pixels, captions, maps))
        rows += _faithful(captioner, batches[-1], at, config, size)
        for k, image_id in enumerate(ids):
            words = [word.text for word in spoken(captions[k], captioner.text)]
            things = localise.targets(captioner, masks, by_id[image_id], words)
            rows += _localised(image_id, k, maps, at, things)
    rows += _randomised(captioner, batches, at, config)
    part.meta["edited_batches"] = size.used
    part.table("map_score", rows)


def _maps(
    captioner: Captioner,
    pixels: Float[Tensor, "image 3 y x"],
    captions: Sequence[Sequence[int]],
    at: Sequence[int],
    config: Config,
) -> Maps:
    """`maps_of` of a batch, as many images at a time as the memory holds."""
    assert config.faithfulness is not None

    def make(some: list[int]) -> Maps:
        said = [captions[k] for k in some]
        return maps_of(captioner, pixels[some], said, at, config.decode.prompt)

    size = BatchSize(config.faithfulness.map_batch_size, "faithfulness.map_batch_size")
    made = [maps for _, maps in fitting(range(len(pixels)), size, make)]
    return {kind: torch.cat([maps[kind] for maps in made]) for kind in KINDS}


def _faithful(
    captioner: Captioner, batch: _Batch, at: Sequence[int], config: Config, size: BatchSize
) -> list[Row]:
    """Areas under deletion and insertion, each beside the mean of random orders."""
    wanted = config.faithfulness
    assert wanted is not None
    ids, pixels, captions, maps = batch
    places = [(kind, layer) for kind in KINDS for layer in at] + [(RANDOM, 0)]
    n = captioner.tower.grid[0] * captioner.tower.grid[1]
    orders = [
        [curves.order_of(maps[kind][k, j]) for kind in KINDS for j in range(len(at))]
        + curves.random_orders(n, 1 + wanted.orders, wanted.seed, image_id)
        for k, image_id in enumerate(ids)
    ]
    found = curves.areas(captioner, pixels, captions, orders, wanted, config.decode.prompt, size)
    rows = []
    for k, image_id in enumerate(ids):
        for fill in wanted.fills:
            for way in curves.WAYS:
                of_orders = [
                    found.get(curves.Curve(k, order, fill, way)) for order in range(len(orders[k]))
                ]
                known = [area for area in of_orders if area is not None]
                if not known:
                    continue
                floor = sum(known[len(places) :]) / wanted.orders
                rows += [
                    score_row(image_id, layer, kind, way, area, floor, fill=fill)
                    for (kind, layer), area in zip(places, known, strict=False)
                ]
    return rows


def _localised(
    image_id: str,
    k: int,
    maps: Maps,
    at: Sequence[int],
    things: Sequence[localise.Target],
) -> list[Row]:
    """How well every map of one image points at each thing that its caption names."""
    return [
        score_row(image_id, layer, kind, name, value, thing.patches.mean(), word=thing.word)
        for thing in things
        for kind, values in maps.items()
        for j, layer in enumerate(at)
        for name, value in localise.scores(values[k, j].double().numpy(), thing.patches).items()
    ]


def _randomised(
    captioner: Captioner, batches: Sequence[_Batch], at: Sequence[int], config: Config
) -> list[Row]:
    """Rank correlation of every map with that of the tower permuted from the top down.

    Adebayo et al. (2018): a map that stays the same does not show what the model has learnt.
    """
    wanted, n_layers = config.faithfulness, captioner.tower.n_layers
    assert wanted is not None
    rows = []
    for blocks in depths(wanted, n_layers):
        top = None if blocks == n_layers else blocks
        other = with_permuted_tower(captioner, wanted.seed, top)  # one copy at a time
        for batch in batches:
            there = _maps(other, batch.pixels, batch.captions, at, config)
            rows += [
                score_row(image_id, layer, kind, "randomised", rho, None, blocks=blocks)
                for k, image_id in enumerate(batch.ids)
                for j, layer in enumerate(at)
                for kind, rho in _correlations(batch.maps, there, k, j).items()
            ]
    return rows


def _correlations(here: Maps, there: Mapping[str, Tensor], k: int, j: int) -> dict[str, float]:
    """Spearman's of every kind's two maps; none where one of them has a single value."""
    made = {}
    for kind in KINDS:
        one, other = here[kind][k, j], there[kind][k, j]
        if one.max() > one.min() and other.max() > other.min():
            made[kind] = float(spearmanr(one.numpy(), other.numpy()).statistic)
    return made
