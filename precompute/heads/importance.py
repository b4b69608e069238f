"""How important the heads of a layer are by Algorithm 1: on a sample, and as scales.

A head's score is how close D(Z_h^l), the caption with this head alone in block l, comes to D(Z^l).
"""

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor

from precompute.config import Config, PruningConfig
from precompute.forward import BatchSize, decode_states
from precompute.heads.captions import tower_heads
from precompute.images import ImageItem
from precompute.metrics import Score
from precompute.models import Captioner
from precompute.runner import Advance, baseline_batches
from precompute.scoring import Comparison, score_pairs
from store.parts import Part, PartWriter, read_table

VERSION = 2
"""Of what a part of the sample holds and how it is computed; part of the stage's identity."""

FILE_NAME = "scores.json"

Scores = Mapping[int, Float[np.ndarray, "image head"]]
"""Layer -> what each head's caption scores against the layer's, NaN where a side is empty."""

Scales = dict[int, list[float]]
"""Layer -> the factor of each of its heads."""


def draw(image_ids: Sequence[str], config: PruningConfig) -> list[str]:
    """The sample of Algorithm 1, sorted."""
    return sorted(random.Random(config.seed).sample(sorted(image_ids), config.m))


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

    def states() -> Iterator[tuple[Tensor, list[int]]]:
        for ids, pixels in baseline_batches(part, captioner, capture, items, advance):
            for layer, head, alone in tower_heads(captioner.tower, pixels, layers):
                places.extend((layer, head, image_id) for image_id in ids)
                yield from zip(alone, [captions[i, last]["token_ids"] for i in ids], strict=True)

    of_decoder = BatchSize(config.decode.batch_size, "decode.batch_size")
    captioned = decode_states(captioner, states(), config.decode, of_decoder)
    texts = [caption.text for caption in captioned]
    part.meta["decoder_batches"] = of_decoder.used
    pairs = [
        Comparison(layer, "baseline", text, (captions[image_id, layer]["text"],))
        for (layer, _, image_id), text in zip(places, texts, strict=True)
    ]
    rows = {image_id: row for row, image_id in enumerate(chain(*part.meta["batches"]))}
    scores = {layer: np.full((len(rows), n_heads), np.nan) for layer in layers}
    for (layer, head, image_id), value in zip(places, score_pairs(pairs, score()), strict=True):
        scores[layer][rows[image_id], head] = value
    _write(part.path / FILE_NAME, list(rows), scores)


def _write(path: Path, images: Sequence[str], scores: Scores) -> None:
    content = {
        "images": images,
        "score": {
            layer: [
                [None if math.isnan(value) else value for value in row] for row in matrix.tolist()
            ]
            for layer, matrix in scores.items()
        },
    }
    path.write_text(json.dumps(content), encoding="utf-8")


def read_scores(parts: Sequence[Part]) -> Scores:
    """The scores of a sample whose stage is complete."""
    contents = [json.loads((part.path / FILE_NAME).read_text(encoding="utf-8")) for part in parts]
    return {
        int(layer): np.array([row for c in contents for row in c["score"][layer]], dtype=float)
        for layer in contents[0]["score"]
    }


def importance(scores: Scores, temperature: float | None) -> tuple[dict[int, list[float]], float]:
    """Softmax over the heads of each layer of their mean scores on the sample.

    Without a temperature it is the spread of the scores: the largest difference between the best
    and the worst head of a layer. Then the best head of any layer weighs at most e times its worst,
    and does so where heads differ most, whatever the units and the offset of the metric.

    Args:
        scores: of the sample.
        temperature: of the softmax.

    Returns:
        Layer -> weights that sum to 1; a head none of whose captions could be scored has 0.
        And the temperature.

    Raises:
        ValueError: no head of a layer could be scored.
    """
    means: dict[int, np.ndarray] = {}
    for layer, matrix in scores.items():
        counts = (~np.isnan(matrix)).sum(0)
        if not counts.any():
            raise ValueError(
                f"heads of layer {layer} must say something; all their captions of the sample, or "
                "the layer's own, are empty. Leave the layer out of `layers` under [[pruning]]."
            )
        sums = np.nansum(matrix, 0)
        means[layer] = np.divide(sums, counts, out=np.full(len(sums), -np.inf), where=counts > 0)
    if temperature is None:
        temperature = spread(means)
    return {layer: _softmax(mean / temperature) for layer, mean in means.items()}, temperature


def spread(means: Mapping[int, Float[np.ndarray, " head"]]) -> float:
    """Largest difference of two heads' scores within a layer; 1 if heads are all alike."""
    finite = [mean[np.isfinite(mean)] for mean in means.values()]
    # At any temperature, heads that are all alike have equal weights.
    return max(float(mean.max() - mean.min()) for mean in finite) or 1.0


def _softmax(values: np.ndarray) -> list[float]:
    weights = np.exp(values - values.max())
    shares: list[float] = (weights / weights.sum()).tolist()
    return shares
