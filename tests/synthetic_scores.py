"""Scores of a synthetic run: `exact`, and a `rouge_l` that is an overlap of words here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from store.disk.runs import update_run
from store.parts.write import Part, iter_tables, list_parts, mark_complete, stage_folder, write_part
from store.schema import BASELINE
from store.text import normalise


def _exact(a: str, b: str) -> float:
    return float(normalise(a) == normalise(b))


def _overlap(a: str, b: str) -> float:
    one, other = set(normalise(a).split()), set(normalise(b).split())
    return 2 * len(one & other) / (len(one) + len(other))


METRICS = {"exact": _exact, "rouge_l": _overlap}


def value(metric: str, text: str, others: list[str]) -> float | None:
    """The best over the others; None without any."""
    return max((METRICS[metric](text, other) for other in others), default=None)


def write_scores(run: Path, capture: Path) -> Path:
    """The score stage over stored captions, against previous, final and reference."""
    stage = stage_folder(run, "score", {"capture": capture.name, "metrics": list(METRICS)})
    update_run(run, stages={"score": stage.name})
    parts = list_parts(capture)
    for part in parts:
        with write_part(stage, part.name, {"of": part.id}) as written:
            written.table("score", score_rows(part))
    mark_complete(stage, [part.name for part in parts])
    return stage


def score_rows(part: Part) -> list[dict[str, Any]]:
    """Rows of table score for the captions of one part."""
    ((_, images),) = iter_tables([part], "image")
    ((_, captions),) = iter_tables([part], "caption")
    refs = {row["image_id"]: row["refs"] for row in images.to_pylist()}
    texts: dict[str, dict[int, str]] = {}
    for row in captions.to_pylist():
        texts.setdefault(row["image_id"], {})[row["layer"]] = row["text"]
    rows = []
    for image, by_layer in texts.items():
        for layer, text in by_layer.items():
            against: Mapping[str, list[str]] = {
                "previous": [by_layer[layer - 1]] if layer else [],
                "final": [by_layer[max(by_layer)]],
                "reference": refs[image],
            }
            rows += [
                {
                    "condition_id": BASELINE,
                    "image_id": image,
                    "layer": layer,
                    "metric": metric,
                    "against": kind,
                    "value": value(metric, text, others),
                }
                for metric in METRICS
                for kind, others in against.items()
            ]
    return rows
