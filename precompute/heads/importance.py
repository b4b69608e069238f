"""How important the heads of a layer are by Algorithm 1: on a sample, and as scales.

A head's score is how close D(Z_h^l), the caption with this head alone in block l, comes to D(Z^l).
The residual connection carries Z^{l-1} past the heads, so that a head which does nothing scores
high, too: as high as the null, the layer with all its heads off.
"""

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor

from precompute.config import Config, PruningConfig
from precompute.forward import BatchSize, decode_states
from precompute.heads.captions import heads_as_read
from precompute.images import ImageItem
from precompute.metrics import Score
from precompute.models import Captioner, by_layout
from precompute.runner import Advance, Batches, baseline_batches
from precompute.scoring import Comparison, score_pairs
from store.parts import Part, PartWriter, read_table
from store.schema import NO_HEAD

VERSION = 3
"""Of what a part of the sample holds and how it is computed; part of the stage's identity."""

FILE_NAME = "scores.json"

Scales = dict[int, list[float]]
"""Layer -> the factor of each of its heads."""


@dataclass(frozen=True)
class Scores:
    """What captions of a sample score against their layer's own; NaN where a side is empty.

    Attributes:
        images: of the sample.
        heads: layer -> the score of every head alone.
        null: layer -> the score with all heads off.
    """

    images: list[str]
    heads: Mapping[int, Float[np.ndarray, "image head"]]
    null: Mapping[int, Float[np.ndarray, " image"]]

    def of(self, images: Sequence[str]) -> "Scores":
        """The scores of some of the images."""
        rows = [self.images.index(image) for image in images]
        return Scores(
            list(images),
            {at: matrix[rows] for at, matrix in self.heads.items()},
            {at: values[rows] for at, values in self.null.items()},
        )


@dataclass(frozen=True)
class Importance:
    """How important the heads of some layers are.

    Attributes:
        ranks: layer -> what its heads are ordered by: the least go first.
        weights: layer -> what its heads weigh; they sum to 1.
        temperature: of the softmax; None where there is none.
    """

    ranks: Mapping[int, Sequence[float]]
    weights: Mapping[int, Sequence[float]]
    temperature: float | None


def draw(image_ids: Sequence[str], config: PruningConfig) -> list[str]:
    """The sample of Algorithm 1, sorted."""
    return sorted(random.Random(config.seed).sample(sorted(image_ids), config.m))


def draw_others(image_ids: Sequence[str], config: PruningConfig) -> list[list[str]]:
    """The other samples of m images, as many as are wanted and as the images suffice for.

    No two samples share an image, so that what they agree in is not the same pictures.
    """
    left = sorted(set(image_ids) - set(draw(image_ids, config)))
    random.Random(f"{config.seed}:others").shuffle(left)
    count = min(config.samples - 1, len(left) // config.m)
    return [sorted(left[i * config.m : (i + 1) * config.m]) for i in range(count)]


def write_scores(
    part: PartWriter,
    captioner: Captioner,
    items: Sequence[ImageItem],
    capture: Part,
    layers: Sequence[int],
    score: Callable[[], Score],
    config: Config,
    advance: Advance,
) -> None:
    """Score the heads of a shard's sample: `scores.json`, no table.

    Args:
        part: where it is written.
        captioner: the model.
        items: those images of the shard that are in the sample.
        capture: the capture of the shard: its batches, and the captions of Z^l that heads are held
            against.
        layers: whose heads.
        score: gives the metric; called once.
        config: prompt, generation, how many states a batch holds.
        advance: called with the number of images done, after every batch.
    """
    table = read_table([capture], "caption").select(["image_id", "layer", "text", "token_ids"])
    captions = {(row["image_id"], row["layer"]): row for row in table.to_pylist()}
    last, n_heads = captioner.tower.n_layers, captioner.tower.n_heads
    places: list[tuple[int, int, str]] = []

    def states(here: Captioner, batches: Batches) -> Iterator[tuple[Tensor, list[int]]]:
        for ids, pixels in batches:
            for layer, head, alone in heads_as_read(here, pixels, layers):
                places.extend((layer, head, image_id) for image_id in ids)
                yield from zip(alone, [captions[i, last]["token_ids"] for i in ids], strict=True)

    of_decoder = BatchSize(config.decode.batch_size, "decode.batch_size")
    every = baseline_batches(part, captioner, capture, items, advance)
    texts = [
        caption.text
        for here, batches in by_layout(captioner, every)
        for caption in decode_states(here, states(here, batches), config.decode, of_decoder)
    ]
    part.meta["decoder_batches"] = of_decoder.used
    pairs = [
        Comparison(layer, "baseline", text, (captions[image_id, layer]["text"],))
        for (layer, _, image_id), text in zip(places, texts, strict=True)
    ]
    rows = {image_id: row for row, image_id in enumerate(chain(*part.meta["batches"]))}
    heads = {layer: np.full((len(rows), n_heads), np.nan) for layer in layers}
    null = {layer: np.full(len(rows), np.nan) for layer in layers}
    for (layer, head, image_id), value in zip(places, score_pairs(pairs, score()), strict=True):
        row = rows[image_id]
        if head == NO_HEAD:
            null[layer][row] = value
        else:
            heads[layer][row, head] = value
    _write(part.path / FILE_NAME, Scores(list(rows), heads, null))


def _write(path: Path, scores: Scores) -> None:
    content = {
        "images": scores.images,
        "score": {
            layer: [_values(row) for row in matrix.tolist()]
            for layer, matrix in scores.heads.items()
        },
        "null": {layer: _values(values.tolist()) for layer, values in scores.null.items()},
    }
    path.write_text(json.dumps(content), encoding="utf-8")


def _values(row: Sequence[float]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in row]


def read_scores(parts: Sequence[Part]) -> Scores:
    """The scores of a sample whose stage is complete."""
    contents = [json.loads((part.path / FILE_NAME).read_text(encoding="utf-8")) for part in parts]

    def arrays(name: str) -> dict[int, Float[np.ndarray, "image ..."]]:
        return {
            int(layer): np.array([row for c in contents for row in c[name][layer]], dtype=float)
            for layer in contents[0][name]
        }

    images = [image for c in contents for image in c["images"]]
    return Scores(images, arrays("score"), arrays("null"))


def importance(scores: Scores, config: PruningConfig) -> Importance:
    """How important heads are, by their scores on the sample.

    `paper`: the softmax over a layer's heads of their mean scores. Without a temperature it is the
    spread of the scores: the largest difference between the best and the worst head of a layer.
    Then the best head of any layer weighs at most e times its worst, and does so where heads differ
    most, whatever the units and the offset of the metric.

    `above-null`: a head's share of what the heads of its layer score above the null, in the mean
    and image by image. A head that is no better than none weighs 0. Where none is better, the null
    tells heads apart no more: all weigh the same. Their order is that of the scores, always.

    Raises:
        ValueError: no head of a layer could be scored, or the null could not.
    """
    means = {at: _means(at, matrix, "heads") for at, matrix in scores.heads.items()}
    if config.importance == "above-null":
        above = {
            at: _means(at, matrix - scores.null[at][:, None], "heads and the null")
            for at, matrix in scores.heads.items()
        }
        ranks = {at: mean.tolist() for at, mean in above.items()}
        return Importance(ranks, {at: _shares(mean) for at, mean in above.items()}, None)
    temperature = spread(means) if config.temperature is None else config.temperature
    weights = {layer: _softmax(mean / temperature) for layer, mean in means.items()}
    return Importance(weights, weights, temperature)


def _means(
    layer: int, matrix: Float[np.ndarray, "image head"], whose: str
) -> Float[np.ndarray, " head"]:
    """The mean of every head over the images where it has a score; -inf if it has none."""
    counts = (~np.isnan(matrix)).sum(0)
    if not counts.any():
        raise ValueError(
            f"{whose} of layer {layer} must say something; all their captions of the sample, or "
            "the layer's own, are empty. Leave the layer out of `layers` under [[pruning]]."
        )
    sums = np.nansum(matrix, 0)
    means: np.ndarray = np.divide(sums, counts, out=np.full(len(sums), -np.inf), where=counts > 0)
    return means


def above_null(scores: Scores) -> dict[int, list[tuple[float, float, float] | None]]:
    """What every head's score is above the null's, image by image: mean and 95% interval (t).

    Returns:
        Layer -> of every head mean, low, high; None where fewer than two images have both.
    """
    from scipy.stats import t  # late: it takes more than a second

    def interval(differences: Float[np.ndarray, " image"]) -> tuple[float, float, float] | None:
        there = differences[~np.isnan(differences)]
        if len(there) < 2:
            return None
        mean = float(there.mean())
        half = float(t.ppf(0.975, len(there) - 1) * there.std(ddof=1) / math.sqrt(len(there)))
        return round(mean, 6), round(mean - half, 6), round(mean + half, 6)

    return {
        at: [interval(column) for column in (matrix - scores.null[at][:, None]).T]
        for at, matrix in scores.heads.items()
    }


def null_means(scores: Scores) -> dict[int, float | None]:
    """Layer -> the null's mean score; None where it has none."""
    return {
        at: None if np.isnan(values).all() else float(np.nanmean(values))
        for at, values in scores.null.items()
    }


def spread(means: Mapping[int, Float[np.ndarray, " head"]]) -> float:
    """Largest difference of two heads' scores within a layer; 1 if heads are all alike."""
    finite = [mean[np.isfinite(mean)] for mean in means.values()]
    # At any temperature, heads that are all alike have equal weights.
    return max(float(mean.max() - mean.min()) for mean in finite) or 1.0


def _softmax(values: np.ndarray) -> list[float]:
    weights = np.exp(values - values.max())
    shares: list[float] = (weights / weights.sum()).tolist()
    return shares


def _shares(above: np.ndarray) -> list[float]:
    weights = np.maximum(above, 0)
    if not weights.any():
        weights = np.isfinite(above).astype(float)
    shares: list[float] = (weights / weights.sum()).tolist()
    return shares
