"""The stage `patching`: pairs of pictures, what the model says of them, and every effect."""

import base64
import io
import logging
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Bool
from PIL import Image
from torch import Tensor

from precompute.config import Config, PatchingConfig, local_path
from precompute.forward import BatchSize, Caption, decode_layers, fitting
from precompute.models import Captioner
from precompute.patching.effects import Ways, effects_of, exact, gradients, record, spans
from precompute.patching.pairs import Pair, read_pairs, sha256
from precompute.patching.sites import Site, choose, whole_sites
from precompute.runner import Advance, Job, Row, make_parts, open_stage, stage_names
from store.parts import PartWriter

log = logging.getLogger(__name__)

VERSION = 1
"""Of what a part holds and how it is computed; part of the stage's identity."""

SIDES = ("a", "b")
_PART = 16  # pairs
_DIFFERENT = 8  # of 255: of a pixel, above what a JPEG leaves unlike
_JPEG_QUALITY = 90


def patch_pairs(job: Job) -> None:
    """Make what is missing of stage `patching`, if the configuration keeps it in this run.

    Raises:
        ValueError: the pairs cannot be read.
        Stopped: Ctrl-C.
    """
    plan, config = job.plan, job.plan.config.patching
    if config is None or plan.dataset.name != (config.dataset or plan.config.datasets[0].name):
        return
    pairs = read_pairs(local_path(config.pairs), config.n)
    shards = {
        f"pairs-{start:06d}": pairs[start : start + _PART] for start in range(0, len(pairs), _PART)
    }
    settings = {
        "version": VERSION,
        **config.model_dump(mode="json", exclude={"pairs", "dataset", "n"}),
        "sha256": sha256(pairs),
    }
    stage = open_stage(job.run, stage_names.PATCHING, settings)
    captioner, whole = job.captioner, plan.config

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        write_pairs(part, captioner(), shards[name], config, whole, advance)

    make_parts(job.maker, job.run, stage, {name: len(p) for name, p in shards.items()}, make)


def write_pairs(
    part: PartWriter,
    captioner: Captioner,
    pairs: Sequence[Pair],
    config: PatchingConfig,
    whole: Config,
    advance: Advance,
) -> None:
    """Write one shard of pairs: tables `patch_pair`, `patch_story` and `patch_effect`.

    Args:
        part: where the shard is written.
        captioner: the model.
        pairs: of the shard.
        config: how many are measured exactly, and so on.
        whole: prompt and batch sizes.
        advance: called with the number of pairs done, after every batch.
    """
    rows: dict[str, list[Row]] = {"patch_pair": [], "patch_story": [], "patch_effect": []}
    size = BatchSize(config.batch_size, "patching.batch_size")

    def measure(batch: list[Pair]) -> dict[str, list[Row]]:
        return _of_batch(captioner, batch, config, whole)

    for batch, made in fitting(pairs, size, measure):
        for name, more in made.items():
            rows[name] += more
        advance(len(batch))
    part.meta["batches"] = size.used
    for name, every in rows.items():
        part.table(name, every)


def _of_batch(
    captioner: Captioner, batch: Sequence[Pair], config: PatchingConfig, whole: Config
) -> dict[str, list[Row]]:
    """Rows of some pairs: both ways of each go through the tower together."""
    tower = captioner.tower
    pixels = [captioner.pixels([getattr(p, side).open() for p in batch]) for side in SIDES]
    seen = [captioner.model_input(of_side) for of_side in pixels]
    recorded = record(tower, torch.cat(pixels))  # a of every pair, then b of every pair
    captions = decode_layers(captioner, recorded.states, whole.decode)
    n = len(batch)
    changed = torch.stack([changed_patches(a, b, tower.grid) for a, b in zip(*seen, strict=True)])
    final = [list(caption.token_ids) for caption in captions[-1]]
    telling = [i for i in range(n) if final[i] != final[n + i]]
    for i in set(range(n)) - set(telling):
        log.info("pair %s: both pictures have one final caption; not patched", batch[i].name)
    own = [*telling, *(n + i for i in telling)]
    other = [*(n + i for i in telling), *telling]
    ways = Ways(
        recorded.of(own),
        recorded.of(other),
        [final[i] for i in own],
        [final[i] for i in other],
        changed[telling].repeat(2, 1),
        whole.decode.prompt,
    )
    names = [(batch[i % n].name, SIDES[i // n]) for i in own]
    ends = dict[tuple[str, str], tuple[float, float]]()
    effects: list[Row] = []
    if own:
        start, end = (values.tolist() for values in spans(captioner, ways))
        ends = dict(zip(names, zip(start, end, strict=True), strict=True))
        effects = list(_effects(captioner, ways, names, ends, config, whole))
    return {
        "patch_pair": [
            _pair_row(pair, i, captions[-1], seen, changed[i], ends, n)
            for i, pair in enumerate(batch)
        ],
        "patch_story": [
            {
                "pair": batch[i % n].name,
                "side": SIDES[i // n],
                "layer": layer,
                "text": caption.text,
            }
            for layer, of_layer in enumerate(captions)
            for i, caption in enumerate(of_layer)
        ],
        "patch_effect": effects,
    }


def _effects(
    captioner: Captioner,
    ways: Ways,
    names: Sequence[tuple[str, str]],
    ends: dict[tuple[str, str], tuple[float, float]],
    config: PatchingConfig,
    whole: Config,
) -> Iterator[Row]:
    """Rows of `patch_effect` of every way."""
    by_gradient = gradients(captioner, ways)
    chosen: list[dict[Site, str]] = []
    for i, (pair, side) in enumerate(names):
        sites = dict.fromkeys(whole_sites(captioner.tower, ways.changed[i].cpu()), "all")
        for kind in ("head", "patch"):
            seed = f"{config.seed} {pair} {side} {kind}"
            sites |= choose(by_gradient[i], kind, config.exact_top, config.exact_random, seed)
        chosen.append(sites)
    size = BatchSize(whole.capture.batch_size, "capture.batch_size")
    measured = exact(captioner, ways, [list(sites) for sites in chosen], size)
    for i, (pair, side) in enumerate(names):
        start, end = ends[pair, side]
        exactly = effects_of(measured[i], start, end)
        slopes = {site: value / (end - start) for site, value in by_gradient[i].items()}
        for site in sorted(slopes.keys() | exactly.keys()):
            yield {
                "pair": pair,
                "side": side,
                "site": site.kind,
                "layer": site.layer,
                "position": site.position,
                "gradient": slopes.get(site),
                "exact": exactly.get(site),
                "chosen": chosen[i].get(site),
            }


def _pair_row(
    pair: Pair,
    i: int,
    final: Sequence[Caption],
    seen: Sequence[Sequence[Image.Image]],
    changed: Tensor,
    ends: dict[tuple[str, str], tuple[float, float]],
    n: int,
) -> Row:
    """A row of `patch_pair`; spans are NULL where both pictures have one caption."""
    spans_of = {
        side: ends[pair.name, side][1] - ends[pair.name, side][0]
        for side in SIDES
        if (pair.name, side) in ends
    }
    return {
        "pair": pair.name,
        "changed": pair.changed,
        "caption_a": pair.captions[0],
        "caption_b": pair.captions[1],
        "final_a": final[i].text,
        "final_b": final[n + i].text,
        "span_a": spans_of.get("a"),
        "span_b": spans_of.get("b"),
        "changed_patches": changed.nonzero()[:, 0].tolist(),
        "picture_a": _jpeg(seen[0][i]),
        "picture_b": _jpeg(seen[1][i]),
    }


def changed_patches(
    a: Image.Image, b: Image.Image, grid: tuple[int, int]
) -> Bool[Tensor, " patch"]:
    """The patches in which two pictures differ by more than 8/255 in some pixel."""
    apart = np.abs(np.asarray(a, int) - np.asarray(b, int)).max(-1) > _DIFFERENT
    rows, columns = (np.arange(side) * n // side for side, n in zip(apart.shape, grid, strict=True))
    there = torch.zeros(grid, dtype=torch.bool)
    for y, x in zip(*np.nonzero(apart), strict=True):
        there[rows[y], columns[x]] = True
    return there.flatten()


def _jpeg(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_JPEG_QUALITY, subsampling="4:4:4")
    return base64.b64encode(file.getvalue()).decode()
