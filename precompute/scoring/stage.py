"""Score whatever captions a run has stored: of layers, of conditions, of heads.

Every metric and stage of captions make a stage of their own, so that a new metric, or a new
experiment, recomputes nothing.
"""

import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from precompute.config import Config
from precompute.metrics import METRICS, Corpus, Metric, Score
from precompute.runner import Advance, Lazy, Maker, make_parts, open_stage, stage_names
from precompute.scoring.compare import Known, knowledge, score_heads, score_part, score_settings
from precompute.scoring.corpus import read_corpus, synonyms
from store.disk import read_run
from store.parts import Part, PartWriter, is_complete, require_complete

log = logging.getLogger(__name__)

_OF_HEADS = ("baseline", "previous", "reference")

Ready = Callable[[], tuple[Score, dict[str, Known]]]


@dataclass(frozen=True)
class Captions:
    """The captions of one complete stage.

    Attributes:
        label: of the stage.
        parts: its parts by name; those of a shard are named alike in all stages.
    """

    label: str
    parts: Mapping[str, Part]

    @property
    def of_heads(self) -> bool:
        """Whether they are what heads say."""
        return self.label == stage_names.HEADS

    @property
    def of_floor(self) -> bool:
        """Whether they are of a tower with permuted weights."""
        return self.label.startswith(stage_names.FLOOR)

    def of_some(self, capture: Mapping[str, Part]) -> bool:
        """Whether they are of fewer images than the run has."""
        of_run = sum(part.rows["image"] for part in capture.values())
        return sum(self.n_images(name, capture) for name in self.parts) < of_run

    def n_images(self, part: str, capture: Mapping[str, Part]) -> int:
        """Of how many images a part of theirs is: the floor and readers may be of some alone."""
        if self.label.startswith((stage_names.FLOOR, stage_names.READERS)):
            return sum(map(len, self.parts[part].manifest["meta"].get("batches", [])))
        return capture[part].rows["image"]

    @property
    def folder(self) -> str:
        """The stage's folder."""
        return next(iter(self.parts.values())).path.parent.name if self.parts else ""


def score(run: Path, config: Config, maker: Maker, metrics: Sequence[str] = ()) -> None:
    """Score the stored captions of a run; the caller publishes.

    Args:
        run: the run's folder.
        config: how to score; also names the data set's folder, where synonyms of labels are.
        maker: what makes parts.
        metrics: instead of the configuration's.

    Raises:
        StoreError: the captions of the layers are not complete yet.
        ValueError: a metric's model is not on this machine.
    """
    info = read_run(run)
    parts = require_complete(run / "parts" / info["stages"][stage_names.CAPTURE])
    capture = {part.name: part for part in parts}
    corpus = read_corpus(parts, synonyms(config, info["dataset"]))
    sources = list(caption_sources(run, info["stages"], capture))
    for name in metrics or config.score.metrics:
        _score_by(name, run, config, maker, corpus, capture, sources)


def caption_sources(
    run: Path, stages: Mapping[str, str], capture: Mapping[str, Part]
) -> Iterator[Captions]:
    """The stages of a run that hold captions and are complete, the capture first."""
    yield Captions(stage_names.CAPTURE, capture)
    beside = (stage_names.FLOOR, stage_names.READERS, *stage_names.OF_CONDITIONS)
    for label, folder in sorted(stages.items()):
        if label != stage_names.HEADS and not label.startswith(beside):
            continue
        if is_complete(run / "parts" / folder):
            parts = require_complete(run / "parts" / folder)
            yield Captions(label, {part.name: part for part in parts})
        else:
            log.info("%s: %s is not complete; its captions are not scored yet", run.name, label)


def _score_by(
    name: str,
    run: Path,
    config: Config,
    maker: Maker,
    corpus: Corpus,
    capture: Mapping[str, Part],
    sources: Sequence[Captions],
) -> None:
    """Score all captions by one metric, whose model is loaded once."""
    shuffles = config.score.shuffles
    opened: Ready | None = None
    for source in sources:
        corpus_here = replace(corpus, captions=list(source.parts.values()))
        metric = METRICS[name](config.score, corpus_here)
        if metric is None:
            return
        if source.of_heads and not set(metric.against) & set(_OF_HEADS):
            continue
        if metric.of_set and (source.of_floor or source.of_some(capture)):
            continue  # fewer images than the run: another set, and other numbers
        suffix = "" if source.label == stage_names.CAPTURE else f".{source.label}"
        label = f"score.{name}{suffix}"
        settings = score_settings(name, metric, source.folder, corpus_here, shuffles)
        stage = open_stage(run, label, settings)
        if opened is None or metric.of_set:
            opened = Lazy(functools.partial(_ready, metric, stage, corpus_here, shuffles))
        make = functools.partial(_score_shard, name, metric, opened, source, capture)
        make_parts(maker, run, stage, {n: source.n_images(n, capture) for n in source.parts}, make)


def _ready(
    metric: Metric, stage: Path, corpus: Corpus, shuffles: int
) -> tuple[Score, dict[str, Known]]:
    return metric.open(stage), knowledge(corpus, metric, shuffles)


def _score_shard(
    name: str,
    metric: Metric,
    ready: Ready,
    source: Captions,
    capture: Mapping[str, Part],
    part: PartWriter,
    shard: str,
    advance: Advance,
) -> None:
    captions = source.parts[shard]
    if source.of_heads:
        rows = score_heads(captions, name, metric, *ready(), capture[shard])
        part.table("head_score", rows)
    else:
        baseline = None if source.label == stage_names.CAPTURE else capture[shard]
        floor = "floor_" if source.of_floor else ""
        rows = score_part(captions, name, metric, *ready(), baseline, f"{floor}caption")
        part.table(f"{floor}score", rows)
    advance(source.n_images(shard, capture))
