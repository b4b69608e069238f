"""Score stored captions: dS (Eq. 9), likeness to the final caption and references, grounding.

A stage of its own over parts on disk: it needs no vision model, restarts where it stopped, and a
new metric can be added to an old run. Each metric is a stage, so that adding one recomputes none.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from precompute.metrics import Corpus, Metric, Score
from precompute.scoring.corpus import SEED, derangements
from store.metrics import GAIN
from store.parts import Part, read_table
from store.schema import BASELINE

VERSION = 2
"""Of what a metric's stage computes; part of the stage's identity."""

Captions = Mapping[int, str]
"""The captions of one image under one condition, by layer."""

Key = tuple[object, ...]
"""The key of a caption: condition, image, layer, and head, if it is a head's."""


@dataclass(frozen=True)
class Comparison:
    """A caption and what it is held against."""

    layer: int
    against: str
    text: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """What the captions of one image may be held against, beside each other.

    Attributes:
        reference: what people wrote of it.
        label: the names of its class.
        shuffled: the same of other images, one entry a derangement.
        baseline: its captions when nothing is edited.
    """

    reference: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    shuffled: tuple[tuple[str, ...], ...] = ()
    baseline: Captions | None = None


def pairs(
    trajectory: Captions, known: Known, against: Sequence[str], place: str
) -> Iterator[Comparison]:
    """What one image's captions are scored against.

    `previous` is the caption of the layer below (dS^l), `final` that of the last layer (where all
    layers were decoded), `reference` and `label` the image's own, `shuffled` those of others (one
    pair each), `baseline` the caption of the same layer without the condition's edit. For `self`
    the "references" are the condition and the layer. What an image lacks gives no pairs.
    """
    last = max(trajectory, default=0)
    whole = len(trajectory) == last + 1
    for layer, text in sorted(trajectory.items()):
        held: dict[str, Sequence[tuple[str, ...]]] = {
            "previous": [(trajectory[layer - 1],)] if layer - 1 in trajectory else [],
            "final": [(trajectory[last],)] if whole else [],
            "reference": [known.reference] if known.reference else [],
            "label": [known.label] if known.label else [],
            "shuffled": known.shuffled,
            "baseline": [(known.baseline[layer],)]
            if known.baseline and layer in known.baseline
            else [],
            "self": [(place, str(layer))],
        }
        for kind in against:
            for references in held[kind]:
                yield Comparison(layer, kind, text, references)


def knowledge(corpus: Corpus, metric: Metric, shuffles: int) -> dict[str, Known]:
    """What each image's captions are held against by a metric."""
    texts = corpus.names if "label" in metric.against else corpus.references
    wanted = shuffles if "shuffled" in metric.against else 0
    others = derangements(texts, wanted)
    return {
        image: Known(
            corpus.references.get(image, ()),
            corpus.names.get(image, ()),
            tuple(texts[other[image]] for other in others if image in other),
        )
        for image in corpus.references.keys() | corpus.names.keys()
    }


def score_pairs(asked: Sequence[Comparison], score: Score) -> list[float]:
    """The value of every pair; NaN where a side is empty or the metric has none.

    Early layers of many images say the same words, so every distinct pair is scored once.
    """
    distinct = list(
        dict.fromkeys(
            (pair.text, pair.references)
            for pair in asked
            if pair.text.strip() and any(text.strip() for text in pair.references)
        )
    )
    values = (
        score([text for text, _ in distinct], [refs for _, refs in distinct]) if distinct else []
    )
    value_of = dict(zip(distinct, values, strict=True))
    return [value_of.get((pair.text, pair.references), math.nan) for pair in asked]


def score_image(
    asked: Sequence[Comparison], values: Sequence[float]
) -> dict[tuple[int, str], float]:
    """Layer and against -> value of one image, the mean over those of others' references.

    The key ``(layer, GAIN)`` holds the gain over others, where there is something to compare.
    """
    values_at: dict[tuple[int, str], list[float]] = {}
    for pair, value in zip(asked, values, strict=True):
        values_at.setdefault((pair.layer, pair.against), []).append(value)
    means = {at: sum(values) / len(values) for at, values in values_at.items()}
    for layer, against in list(means):
        if against in ("reference", "label") and (layer, "shuffled") in means:
            means[layer, GAIN] = means[layer, against] - means[layer, "shuffled"]
    return means


def score_settings(
    name: str, metric: Metric, captions: str, corpus: Corpus, shuffles: int
) -> dict[str, object]:
    """What identifies the stage of one metric, the captions it scored included."""
    settings = {"version": VERSION, "metric": name, "captions": captions, **metric.settings}
    if "shuffled" in metric.against:
        settings |= {"shuffles": shuffles, "seed": SEED, "corpus": corpus.sha256}
    return settings


def score_part(
    captions: Part,
    name: str,
    metric: Metric,
    score: Score,
    known: Mapping[str, Known],
    baseline: Part | None = None,
    table: str = "caption",
) -> pa.Table:
    """The rows of `score`, or of `floor_score`, for one part of captions.

    Args:
        captions: the part.
        name: of the metric.
        metric: what it is held against.
        score: the metric, opened.
        known: of every image.
        baseline: where the captions are of conditions, the capture part of the same shard.
        table: which of the part's tables holds them.
    """
    plain = trajectories(baseline) if baseline else {}
    asked: dict[Key, list[Comparison]] = {}
    for (condition, image), trajectory in trajectories(captions, table).items():
        known_here = replace(known.get(image, Known()), baseline=plain.get((BASELINE, image)))
        for pair in pairs(trajectory, known_here, metric.against, condition):
            asked.setdefault((condition, image, pair.layer), []).append(pair)
    return score_rows(asked, name, score, ("condition_id", "image_id", "layer"))


def score_heads(
    captions: Part,
    name: str,
    metric: Metric,
    score: Score,
    known: Mapping[str, Known],
    baseline: Part,
) -> pa.Table:
    """The rows of `head_score` for one part of head captions; the arguments are `score_part`'s.

    What head h of layer l says is held against D(Z^l) (`baseline`), D(Z^{l-1}) (`previous`) and the
    references.
    """
    plain, asked = trajectories(baseline), dict[Key, list[Comparison]]()
    columns = ("condition_id", "image_id", "layer", "head")
    for row in read_table([captions], "head_caption").select([*columns, "text"]).to_pylist():
        trajectory, layer = plain[BASELINE, row["image_id"]], row["layer"]
        refs = known.get(row["image_id"], Known()).reference
        held = {
            "baseline": (trajectory[layer],),
            "previous": (trajectory[layer - 1],),
            "reference": refs,
        }
        asked[tuple(row[column] for column in columns)] = [
            Comparison(layer, against, row["text"] or "", references)
            for against, references in held.items()
            if against in metric.against and references
        ]
    return score_rows(asked, name, score, columns)


def score_rows(
    asked: Mapping[Key, Sequence[Comparison]], name: str, score: Score, key: Sequence[str]
) -> pa.Table:
    """Rows of a table of scores.

    Args:
        asked: the key of a caption -> what it is held against.
        name: of the metric.
        score: the metric, opened.
        key: the names of the key's columns.
    """
    columns: dict[str, list[object]] = {
        column: [] for column in (*key, "metric", "against", "value")
    }
    values = iter(score_pairs([pair for compared in asked.values() for pair in compared], score))
    for at, compared in asked.items():
        for (_, against), value in score_image(compared, [next(values) for _ in compared]).items():
            gain = against == GAIN
            row = (
                *at,
                GAIN + name if gain else name,
                "shuffled" if gain else against,
                None if math.isnan(value) else value,
            )
            for column, cell in zip(columns.values(), row, strict=True):
                column.append(cell)
    return pa.table(columns)


def trajectories(captions: Part, table: str = "caption") -> dict[tuple[str, str], dict[int, str]]:
    """Condition and image -> layer -> text; an empty text stays one."""
    rows = read_table([captions], table).select(["condition_id", "image_id", "layer", "text"])
    texts_of: dict[tuple[str, str], dict[int, str]] = {}
    for row in rows.to_pylist():
        trajectory = texts_of.setdefault((row["condition_id"], row["image_id"]), {})
        trajectory[row["layer"]] = row["text"] or ""
    return texts_of
