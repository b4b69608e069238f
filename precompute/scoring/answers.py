"""Score stored answers with metrics of likeness: a stage of its own, as for captions.

`answer.score` says whether an answer is the expected one; these say how close it is. An empty
answer has no likeness: it is unscored here, and wrong there.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from precompute.config import Config
from precompute.metrics import METRICS, Corpus, Metric, Score
from precompute.runner import Advance, Lazy, Maker, make_parts, open_stage, stage_names
from precompute.scoring.compare import Comparison, score_pairs
from store.disk import read_run
from store.parts import Part, PartWriter, is_complete, list_parts, read_table

VERSION = 1
"""Of what a metric's stage computes; part of the stage's identity."""

OF_ANSWERS = ("rouge_l", "bertscore")
"""The others ask for sentences, or for a data set's references."""

_KEY = ["condition_id", "image_id", "layer", "question"]


def score_answers(run: Path, config: Config, maker: Maker, metrics: Sequence[str] = ()) -> None:
    """Score the stored answers of a run, if it has all of them; the caller publishes.

    Args:
        run: the run's folder.
        config: which metrics, and their settings.
        maker: what makes parts.
        metrics: instead of the configuration's; those that do not suit answers are skipped.

    Raises:
        OSError: a metric's model is not on this machine.
    """
    name_of = read_run(run)["stages"].get(stage_names.QUESTIONS)
    # Answers that are not all there are scored by the command that completes them.
    if name_of is None or not is_complete(run / "parts" / name_of):
        return
    sources = {part.name: part for part in list_parts(run / "parts" / name_of)}
    sizes = {name: _images(part) for name, part in sources.items()}
    for name in metrics or config.score.metrics:
        metric = METRICS[name](config.score, Corpus({}, {}, "")) if name in OF_ANSWERS else None
        if metric is None:
            continue
        stage = open_stage(run, f"score.answers.{name}", answer_settings(name, metric, name_of))
        ready = Lazy(functools.partial(metric.open, stage))
        make_parts(maker, run, stage, sizes, functools.partial(_make, sources, name, ready))


def _make(
    sources: Mapping[str, Part],
    metric: str,
    ready: Callable[[], Score],
    part: PartWriter,
    source: str,
    advance: Advance,
) -> None:
    table = score_answer_part(sources[source], metric, ready())
    part.table("answer_score", table)
    advance(_images(sources[source]))


def answer_settings(name: str, metric: Metric, answers: str) -> dict[str, object]:
    """What identifies the stage of one metric, the answers it scored included."""
    return {"version": VERSION, "metric": name, "answers": answers, **metric.settings}


def score_answer_part(answers: Part, name: str, score: Score) -> pa.Table:
    """The rows of `answer_score` for one part of answers: each against the expected one."""
    table = read_table([answers], "answer")
    texts, expected = (table[column].to_pylist() for column in ("text", "expected"))
    layers = table["layer"].to_pylist()
    asked = [
        Comparison(layer, "reference", text or "", (right or "",))
        for layer, text, right in zip(layers, texts, expected, strict=True)
    ]
    values = [None if math.isnan(value) else value for value in score_pairs(asked, score)]
    rows = table.select(_KEY).append_column("metric", pa.array([name] * len(asked), pa.string()))
    return rows.append_column("value", pa.array(values, pa.float64()))


def _images(answers: Part) -> int:
    return len(read_table([answers], "answer")["image_id"].unique())
