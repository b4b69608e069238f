"""Scores that a set of captions has and a single one has not: corpus BLEU-4, layer by layer.

They are no means over images, so that `publish` cannot make them from table `score`: this stage
writes their rows of `curve` itself, on the same bootstrap samples of the images. It is one part,
as it needs all captions; 20,000 of them take ten seconds.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from precompute.config import Config
from precompute.metrics import tokeniser, versions_of
from precompute.metrics.coco_corpus import SUMMANDS, bleu4, summands
from precompute.runner import Advance, Maker, Row, make_parts, open_stage, stage_names
from precompute.scoring.corpus import read_corpus
from store.disk import read_run
from store.parts import Part, PartWriter, iter_tables, require_complete
from store.publish import N_BOOTSTRAP, SEED, bootstrap_weights
from store.statistics import intervals

VERSION = 2
"""Of what the stage computes; part of its identity."""

METRIC = "coco_bleu4"
"""The metric of single captions beside which the corpus's is made."""

CURVE = "coco_bleu4_corpus"
STAGE = f"corpus.{METRIC}"


Array = NDArray[Any]


def score_corpus(run: Path, config: Config, maker: Maker, metrics: Sequence[str] = ()) -> None:
    """Corpus BLEU-4 of every layer, where the images have references; the caller publishes.

    Args:
        run: the run's folder.
        config: whether `coco_bleu4` is wanted.
        maker: what makes parts.
        metrics: instead of the configuration's.

    Raises:
        StoreError: the captions are not complete yet.
    """
    capture = run / "parts" / read_run(run)["stages"][stage_names.CAPTURE]
    parts = require_complete(capture)
    corpus = read_corpus(parts, {})
    if METRIC not in (metrics or config.score.metrics) or not corpus.references:
        return
    stage = open_stage(
        run,
        STAGE,
        {
            "version": VERSION,
            "captions": capture.name,
            "tokeniser": tokeniser(),
            "samples": N_BOOTSTRAP,
            "seed": SEED,
            **versions_of("pycocoevalcap"),
        },
    )
    sizes = {"all": sum(part.rows["image"] for part in parts)}
    make_parts(maker, run, stage, sizes, functools.partial(_make, parts, corpus.references))


def _make(
    parts: Sequence[Part],
    references: Mapping[str, tuple[str, ...]],
    part: PartWriter,
    _: str,
    advance: Advance,
) -> None:
    part.table("curve", list(corpus_rows(parts, references, advance)))


def corpus_rows(
    parts: Sequence[Part], references: Mapping[str, tuple[str, ...]], advance: Advance
) -> Iterator[Row]:
    """The rows of `curve`: corpus BLEU-4 of every condition and layer, with its interval.

    Empty captions, and those of images without references, are left out; `n` counts the others.

    Args:
        parts: all captions, with the images that they are of.
        references: image -> what people wrote of it.
        advance: called with the number of images done, after every part.
    """
    # Numbered as publish numbers them, so that the samples are those of the other curves.
    images = sorted(
        image for _, table in iter_tables(parts, "image") for image in table["image_id"].to_pylist()
    )
    number = {image: i for i, image in enumerate(images)}
    weights = bootstrap_weights(len(images))
    total: dict[tuple[str, int], Array] = {}
    n: dict[tuple[str, int], int] = {}
    for part in parts:
        captions = _captions(part, references)
        # All layers in one call: a tokenizer in Java takes its time to start.
        values = summands(
            [text for _, _, text in captions], [references[i] for _, i, _ in captions]
        )
        rows: dict[tuple[str, int], list[int]] = {}
        for k, (at, _, _) in enumerate(captions):
            rows.setdefault(at, []).append(k)
        for at, rows_of in rows.items():
            drawn = weights[:, [number[captions[k][1]] for k in rows_of]].astype(np.float64)
            before = total.get(at, np.zeros((N_BOOTSTRAP + 1, SUMMANDS)))
            total[at] = before + np.vstack([values[rows_of].sum(axis=0), drawn @ values[rows_of]])
            n[at] = n.get(at, 0) + len(rows_of)
        advance(part.rows["image"])
    for (condition, layer), sums in sorted(total.items()):
        if sums[0, -1]:  # there is no score against references of punctuation alone
            yield {
                "condition_id": condition,
                "layer": layer,
                "metric": CURVE,
                "against": "reference",
                "n": n[condition, layer],
                **_interval(sums, n[condition, layer]),
            }


def _captions(
    part: Part, references: Mapping[str, tuple[str, ...]]
) -> list[tuple[tuple[str, int], str, str]]:
    """Condition and layer, image, caption: of what can be scored."""
    return [
        ((row["condition_id"], row["layer"]), row["image_id"], row["text"])
        for _, table in iter_tables([part], "caption")
        for row in table.select(["condition_id", "image_id", "layer", "text"]).to_pylist()
        if (row["text"] or "").strip() and row["image_id"] in references
    ]


def _interval(sums: Float[np.ndarray, "sample summand"], n: int) -> dict[str, float | None]:
    """The score of all images, which come first, and its interval from the samples, if any."""
    scores = bleu4(sums)
    low, high = intervals.expanded(scores[1:, None], np.array([n]))
    ends = {"low": low[0], "high": high[0]}
    return {
        "mean": float(scores[0]),
        **{name: float(end) if np.isfinite(end) else None for name, end in ends.items()},
    }
