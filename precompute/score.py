"""Score stored captions: dS (Eq. 9) and likeness to the final caption and to the references.

A stage of its own over parts on disk: it needs no vision model, restarts where it stopped, and a
new metric can be added to an old run. Each metric is a stage, so that adding one recomputes none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from precompute.metrics import METRICS
from store.parts import Part, read_table

VERSION = 1
"""Of what a metric's stage computes; part of the stage's identity."""

Row = dict[str, object]
Texts = Sequence[str]
"""The captions of one image, Z^0's first."""


@dataclass(frozen=True)
class Pair:
    """A caption and what it is held against."""

    layer: int
    against: str
    text: str
    references: tuple[str, ...]


def pairs(captions: Texts, references: Sequence[str]) -> Iterator[Pair]:
    """What one image's captions are scored against.

    `previous` is the caption of the layer below (dS^l, undefined at l = 0), `final` that of Z^L,
    `reference` the image's own references; a data set without references has no such rows.
    """
    for layer, text in enumerate(captions):
        if layer:
            yield Pair(layer, "previous", text, (captions[layer - 1],))
        yield Pair(layer, "final", text, (captions[-1],))
        if references:
            yield Pair(layer, "reference", text, tuple(references))


def score_rows(
    metric: str,
    condition_id: str,
    captions: Mapping[str, Texts],
    references: Mapping[str, Sequence[str]],
) -> list[Row]:
    """Rows of the table `score` for one metric.

    Early layers of many images say the same words, so every distinct pair is scored once. A pair
    with an empty side is not scored: its value is None, never 0.

    Args:
        metric: a name in `METRICS`.
        condition_id: the condition that the captions were given under.
        captions: image -> captions by layer.
        references: image -> its references, possibly none.
    """
    rows = [
        (image_id, pair)
        for image_id, texts in captions.items()
        for pair in pairs(texts, references[image_id])
    ]
    distinct = list(dict.fromkeys(
        (pair.text, pair.references)
        for _, pair in rows
        if pair.text.strip() and any(r.strip() for r in pair.references)
    ))
    values = METRICS[metric]([t for t, _ in distinct], [r for _, r in distinct])
    value_of = dict(zip(distinct, values, strict=True))
    return [
        {
            "condition_id": condition_id,
            "image_id": image_id,
            "layer": pair.layer,
            "metric": metric,
            "against": pair.against,
            "value": value_of.get((pair.text, pair.references)),
        }
        for image_id, pair in rows
    ]


def score_settings(metric: str, captions: str) -> dict[str, object]:
    """What identifies the stage of one metric: the metric, and the captions it scored."""
    return {"version": VERSION, "metric": metric, "captions": captions}


def score_part(captions: Part, metric: str) -> list[Row]:
    """The rows of `score` for one part of captions."""
    images = read_table([captions], "image").to_pylist()
    references = {row["image_id"]: row["refs"] or [] for row in images}
    table = read_table([captions], "caption").select(["condition_id", "image_id", "layer", "text"])
    told: dict[str, dict[str, list[str]]] = {}
    for row in table.sort_by("layer").to_pylist():
        told.setdefault(row["condition_id"], {}).setdefault(row["image_id"], []).append(row["text"])
    return [
        row
        for condition_id, stories in told.items()
        for row in score_rows(metric, condition_id, stories, references)
    ]
