"""The stage `word_maps`: which patches carry each word of chosen images' captions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import spearmanr
from torch import Tensor

from precompute.config import Config, WordMapsConfig, local_path, spread
from precompute.forward import BatchSize, fitting, run_states
from precompute.images import ImageItem, Masks, read_masks
from precompute.maps import deletion, localise
from precompute.maps.gradients import Asked, Carried, carried
from precompute.maps.words import Spoken, spoken
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


@dataclass(frozen=True)
class _Said:
    """A caption of one image, and its content words."""

    ids: Sequence[int]
    words: Sequence[Spoken]


@dataclass(frozen=True)
class _Maps:
    """Of one word: what `carried` gives a row of, and what deletion does to it, if it was done."""

    maps: Float[Tensor, "at token"]
    heads: Float[Tensor, "layer head"]
    logprob: float
    deletion: Float[Tensor, " patch"] | None


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
    checked = set(ids[: config.checked])
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
        write_words(part, captioner(), source, items, checked, masks, plan.config, advance)

    make_parts(job.maker, job.run, stage, {name: len(some) for name, some in shards.items()}, make)


def write_words(
    part: PartWriter,
    captioner: Captioner,
    source: Part,
    items: Sequence[ImageItem],
    checked: set[str],
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
        checked: of which groups of patches are taken away, too.
        masks: of the data set.
        config: prompt, and what is followed.
        advance: called with the number of images done, after every batch.
    """
    wanted, tower = config.word_maps, captioner.tower
    assert wanted is not None
    at = spread(wanted.layers, tower.n_layers)
    layers = sorted(set(wanted.captions or (tower.n_layers,)))
    said = _captions(captioner, source, layers)
    by_id = {item.image_id: item for item in items}
    tables: dict[str, list[Row]] = {
        name: [] for name in ("word", "word_map", "map_score", "image_stat")
    }
    size = BatchSize(wanted.batch_size, "word_maps.batch_size")

    def images() -> Iterator[tuple[str, word_maps.WordRow]]:
        for ids, pixels in baseline_batches(part, captioner, source, items, advance):
            for layer in layers:
                captions = [said[image_id, layer] for image_id in ids]
                found = _of_batch(captioner, pixels, captions, at, layer, config, size)
                for k, image_id in enumerate(ids):
                    of_image, words = found[k], captions[k].words
                    if image_id in checked:
                        of_image = _checked(
                            captioner, pixels[k], captions[k], of_image, layer, config
                        )
                    _tell(
                        tables,
                        image_id,
                        layer,
                        at,
                        words,
                        of_image,
                        tower.class_token,
                        wanted,
                        tower.grid,
                    )
                    if layer == tower.n_layers:
                        things = localise.targets(
                            captioner, masks, by_id[image_id], [word.text for word in words]
                        )
                        _point(tables, image_id, at, words, of_image, things, tower.class_token)
                    for n, one in enumerate(of_image):
                        yield image_id, _row(layer, n, one, tower.class_token)

    shapes = (tower.n_tokens, tower.n_layers, tower.n_heads)
    word_maps.write(part.path / word_maps.FILE_NAME, at, shapes, images())
    part.meta["word_batches"] = size.used
    for name, rows in tables.items():
        part.table(name, rows)


def _captions(
    captioner: Captioner, source: Part, layers: Sequence[int]
) -> dict[tuple[str, int], _Said]:
    table = read_table([source], "caption").select(["image_id", "layer", "token_ids"])
    return {
        (row["image_id"], row["layer"]): _Said(
            row["token_ids"], spoken(row["token_ids"], captioner.text)
        )
        for row in table.to_pylist()
        if row["layer"] in layers
    }


def _of_batch(
    captioner: Captioner,
    pixels: Float[Tensor, "image 3 y x"],
    captions: Sequence[_Said],
    at: Sequence[int],
    layer: int,
    config: Config,
    size: BatchSize,
) -> list[list[_Maps]]:
    """The maps of all words of a batch of captions, by image."""
    asked = [
        Asked(k, caption.ids, word.tokens)
        for k, caption in enumerate(captions)
        for word in caption.words
    ]
    with torch.no_grad():
        embedded = captioner.tower.embed(pixels)

    def follow(some: list[Asked]) -> Carried:
        return carried(captioner, embedded, some, at, layer, config.decode.prompt)

    found: list[list[_Maps]] = [[] for _ in captions]
    for some, got in fitting(asked, size, follow):
        logprobs = got.logprob.tolist()
        for row, maps, heads, logprob in zip(
            some, got.maps.cpu(), got.heads.cpu(), logprobs, strict=True
        ):
            found[row.image].append(_Maps(maps, heads, logprob, None))
    return found


@torch.no_grad()
def deleted(
    captioner: Captioner,
    pixels: Float[Tensor, "3 y x"],
    ids: Sequence[int],
    words: Sequence[Spoken],
    layer: int,
    groups: Sequence[Sequence[int]],
    prompt: str,
    size: BatchSize,
) -> Float[Tensor, "word group"]:
    """What a caption's words lose where a group of patches is taken away, in nats.

    The group's mean colour is the picture's. Above 0 the word was more probable with the group.

    Args:
        captioner: the model.
        pixels: of one picture.
        ids: of its caption, which is read from Z^layer.
        words: of that caption.
        layer: 0..L.
        groups: the patches of every group.
        prompt: of the model.
        size: pictures that go through the model together.
    """
    tower, n = captioner.tower, captioner.tower.grid[0] * captioner.tower.grid[1]
    fill = deletion.filled(pixels[None], tower, "mean")

    def said(some: list[Sequence[int]]) -> list[list[float]]:
        gone = torch.stack([deletion.mask_of(patches, n) for patches in some]).to(pixels.device)
        edited = deletion.without(pixels.expand(len(some), -1, -1, -1), fill, gone, tower)
        state, blocks = tower.embed(edited), run_states(tower, tower.embed(edited))
        for _ in range(layer):
            state = next(blocks)
        values = captioner.token_logprobs(captioner.read(state, prompt), [ids] * len(some))
        return [[float(row[slice(*word.tokens)].sum()) for word in words] for row in values]

    rows = [row for _, of_batch in fitting([(), *groups], size, said) for row in of_batch]
    values = torch.tensor(rows)
    return (values[:1] - values[1:]).T


def _checked(
    captioner: Captioner,
    pixels: Float[Tensor, "3 y x"],
    caption: _Said,
    found: Sequence[_Maps],
    layer: int,
    config: Config,
) -> list[_Maps]:
    """The same words, with what deletion does to each, spread over each group's patches."""
    wanted, grid = config.word_maps, captioner.tower.grid
    assert wanted is not None
    if not caption.words:
        return list(found)
    groups = deletion.groups(grid, wanted.groups)
    size = BatchSize(wanted.batch_size, "word_maps.batch_size")
    drops = deleted(
        captioner, pixels, caption.ids, caption.words, layer, groups, config.decode.prompt, size
    )
    made = []
    for one, of_word in zip(found, drops, strict=True):
        patches = torch.zeros(grid[0] * grid[1])
        for group, drop in zip(groups, of_word.tolist(), strict=True):
            patches[group] = drop
        made.append(_Maps(one.maps, one.heads, one.logprob, patches))
    return made


def rank_of(values: Tensor, drops: Tensor, grid: tuple[int, int], a_side: int) -> float | None:
    """Spearman's correlation, over groups of patches, of a map's sums with what deletion does.

    None where either is the same in all groups.
    """
    groups = deletion.groups(grid, a_side)
    sums = [float(values[group].sum()) for group in groups]
    lost = [float(drops[group[0]]) for group in groups]
    if len(set(sums)) == 1 or len(set(lost)) == 1:
        return None
    return float(spearmanr(sums, lost).statistic)


def _tell(
    tables: Mapping[str, list[Row]],
    image_id: str,
    layer: int,
    at: Sequence[int],
    words: Sequence[Spoken],
    found: Sequence[_Maps],
    class_token: bool,
    wanted: WordMapsConfig,
    grid: tuple[int, int],
) -> None:
    """Rows of `word` and `word_map` of one caption."""
    for n, (word, one) in enumerate(zip(words, found, strict=True)):
        place = {"image_id": image_id, "layer": layer, "word": n}
        tables["word"].append(
            {
                **place,
                "text": word.text,
                "begins": word.first,
                "ends": word.end,
                "logprob": one.logprob,
                "head_scale": _largest(one.heads),
                "deletion_scale": None if one.deletion is None else _largest(one.deletion),
            }
        )
        for k, state in enumerate(at):
            if state > layer:
                continue
            values = one.maps[k, int(class_token) :]
            rank = (
                None if one.deletion is None else rank_of(values, one.deletion, grid, wanted.groups)
            )
            scale = _largest(one.maps[k])
            tables["word_map"].append({**place, "state": state, "scale": scale, "rank": rank})


def _point(
    tables: Mapping[str, list[Row]],
    image_id: str,
    at: Sequence[int],
    words: Sequence[Spoken],
    found: Sequence[_Maps],
    things: Sequence[localise.Target],
    class_token: bool,
) -> None:
    """Rows of `map_score` and `image_stat` of one final caption."""
    first = {word.text: one for word, one in reversed(list(zip(words, found, strict=True)))}
    hits = []
    for thing in things:
        for k, state in enumerate(at):
            values = first[thing.word].maps[k, int(class_token) :].double().numpy()
            scores = localise.scores(values, thing.patches)
            if "pointing" in scores:
                hits.append(scores["pointing"])
            tables["map_score"] += [
                score_row(
                    image_id, state, "word", name, value, thing.patches.mean(), word=thing.word
                )
                for name, value in scores.items()
            ]
    if hits:
        tables["image_stat"].append(
            {
                "condition_id": BASELINE,
                "image_id": image_id,
                "metric": POINTS,
                "value": sum(hits) / len(hits),
            }
        )


def score_row(
    image_id: str,
    layer: int,
    kind: str,
    measure: str,
    value: float,
    floor: float | None,
    *,
    fill: str = "",
    word: str = "",
    blocks: int = 0,
) -> Row:
    """A row of `map_score`."""
    return {
        "image_id": image_id,
        "layer": layer,
        "map": kind,
        "measure": measure,
        "fill": fill,
        "word": word,
        "blocks": blocks,
        "value": value,
        "floor": None if floor is None else float(floor),
    }


def _row(layer: int, n: int, one: _Maps, class_token: bool) -> word_maps.WordRow:
    """A word as it is kept: every map as a share of its largest absolute value."""
    deletion_of = (
        one.deletion if one.deletion is not None else one.maps.new_zeros(one.maps.shape[1])
    )
    if one.deletion is not None and class_token:
        deletion_of = torch.cat([deletion_of.new_zeros(1), deletion_of])
    scales = one.maps.abs().amax(1, keepdim=True)
    return word_maps.WordRow(
        layer,
        n,
        _shares(one.maps, scales),
        _shares(one.heads, one.heads.abs().max()),
        _shares(deletion_of, deletion_of.abs().max()),
    )


def _shares(values: Tensor, scale: Tensor) -> np.ndarray:
    shares: np.ndarray = (values / torch.where(scale > 0, scale, 1)).numpy()
    return shares


def _largest(values: Tensor) -> float:
    return float(values.abs().max())
