"""Algorithm 1: heads weighted and removed by their importance on a sample, beside controls.

A pruning gives one main condition, captured, its controls at equal count, and others for the
curve (`precompute.heads.pruned`). The first and the first few of the controls are decoded at all
layers, since Table 1 has the layer from which captions stay; the many random ones beyond at the
last, where they tell what chance does. The main one is saved, for other data sets.
"""

import functools
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from precompute.config import FEW_SEEDS, PruningConfig
from precompute.heads import importance as by
from precompute.heads.pruned import controls, curve, pruned, weigh
from precompute.heads.stability import stability
from precompute.interventions import Condition, save_condition, sweep
from precompute.metrics import METRICS, Metric
from precompute.runner import Advance, Job, Lazy, Plan, make_parts, open_stage, stage_names
from precompute.scoring import read_corpus, synonyms
from store.disk import read_run
from store.parts import Part, PartWriter, iter_tables, require_complete


def require_prunable(run: Path, plan: Plan) -> None:
    """Check the prunings of a configuration against a run's tower and data set.

    Raises:
        ValueError: a count of heads or a sample that does not fit.
    """
    info = read_run(run)
    n_heads, n_images = info["n_heads"], len(plan.items)
    for config in plan.config.pruning:
        where = f"of pruning {config.name!r}"
        counts = [*config.counts, *([config.top_k] if config.top_k else [])]
        if wrong := [count for count in counts if not 1 <= count < n_heads]:
            raise ValueError(
                f"top_k and counts {where} must be in 1..{n_heads - 1}, heads a layer; got {wrong}."
            )
        if config.m >= n_images:
            raise ValueError(
                f"the sample {where} must leave images to judge it on; got m = {config.m} of the "
                f"{n_images} images of {plan.dataset.name}. Choose a smaller m."
            )


def prune(job: Job) -> None:
    """Make what is missing of the prunings of a configuration: samples, conditions, captions.

    Raises:
        StoreError: the capture is not complete.
        ValueError: a sample has no usable scores.
        Stopped: Ctrl-C.
    """
    for config in job.plan.config.pruning:
        with job.maker.if_whole():
            label = stage_names.PRUNING + config.name
            main, equal, others = _conditions(job, config)
            stage = sweep(job, label, [main], all_layers=True, with_capture=True)
            save_condition(stage, main, read_run(job.run))
            if equal:
                few = [
                    c for c in equal if (c.pruning or {}).get("seed") in {None, *range(FEW_SEEDS)}
                ]
                sweep(job, f"{label}.controls", few, all_layers=True)
                if many := [c for c in equal if c not in few]:
                    sweep(job, f"{label}.random", many)
            if others:
                sweep(job, f"{label}.curve", others)


def _conditions(
    job: Job, config: PruningConfig
) -> tuple[Condition, list[Condition], list[Condition]]:
    """The main condition of a pruning, its controls at equal count, and those of its curve."""
    info = read_run(job.run)
    sources = require_complete(job.run / "parts" / info["stages"][stage_names.CAPTURE])
    ids = [row.as_py() for _, table in iter_tables(sources, "image") for row in table["image_id"]]
    sample = by.draw(ids, config)
    layers = sorted(set(config.layers or range(1, info["n_layers"] + 1)))
    scores = _score_sample(job, config, sources, sample, layers)
    heads = by.importance(scores, config)
    origin = {
        "group": config.name,
        "layers": layers,
        "softmax": config.softmax,
        "rule": config.importance,
        "temperature": heads.temperature,
        "sample": sample,
        "metric": config.metric,
        "importance": _by_layer(heads.weights),
        "null": _by_layer(by.null_means(scores)),
        "above_null": _by_layer(by.above_null(scores)),
        "stability": _stability(job, config, sources, ids, scores, layers),
    }
    scales = weigh(heads, config)
    main = pruned(config.name, scales, origin, "importance")
    norms = contribution_norms(sources, sample, layers, info["class_token"])
    # By id: where few heads are left, two ways to choose them may choose the same.
    equal = {c.id: c for c in controls(config, scales, norms, origin) if c.id != main.id}
    others = {c.id: c for c in curve(config, heads, norms, origin)}
    known = {main.id, *equal}
    return main, list(equal.values()), [c for c in others.values() if c.id not in known]


def _by_layer(values: Mapping[int, Any]) -> dict[str, Any]:
    return {str(layer): value for layer, value in values.items()}


def _stability(
    job: Job,
    config: PruningConfig,
    sources: Sequence[Part],
    ids: Sequence[str],
    scores: by.Scores,
    layers: Sequence[int],
) -> dict[str, Any] | None:
    """How alike the choices on other samples are; None if there are no others."""
    samples = by.draw_others(ids, config)
    if not samples:
        return None
    together = sorted(chain(*samples))
    others = _score_sample(job, config, sources, together, layers, ".samples")
    return stability([scores, *map(others.of, samples)], config)


def _score_sample(
    job: Job,
    config: PruningConfig,
    sources: Sequence[Part],
    sample: Sequence[str],
    layers: Sequence[int],
    suffix: str = "",
) -> by.Scores:
    """The scores of a sample's heads; their stage is complete then."""
    plan, captioner = job.plan, job.captioner
    metric = _metric(plan, config.metric, sources)
    stage = open_stage(
        job.run,
        stage_names.IMPORTANCE + config.name + suffix,
        {
            "version": by.VERSION,
            "capture": sources[0].path.parent.name,
            "sample": list(sample),
            "layers": list(layers),
            "metric": config.metric,
            **metric.settings,
        },
    )
    chosen = plan.shards_of(sample)
    captures = {part.name: part for part in sources}
    score = Lazy(functools.partial(metric.open, stage))

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        by.write_scores(
            part, captioner(), chosen[name], captures[name], layers, score, plan.config, advance
        )

    sizes = {name: len(items) for name, items in chosen.items()}
    make_parts(job.maker, job.run, stage, sizes, make)
    return by.read_scores(require_complete(stage))


def _metric(plan: Plan, name: str, sources: Sequence[Part]) -> Metric:
    corpus = read_corpus(list(sources), synonyms(plan.config, plan.dataset.name))
    metric = METRICS[name](plan.config.score, corpus)
    if metric is None or "baseline" not in metric.against:
        raise ValueError(
            f"metric under [[pruning]] must compare captions, as bertscore does; got {name!r}, "
            f"which does not, or not for {plan.run_id}."
        )
    return metric


def contribution_norms(
    sources: Sequence[Part], sample: Sequence[str], layers: Sequence[int], class_token: bool
) -> dict[int, list[float]]:
    """Layer -> mean over the sample of what each of its heads gives, as a length.

    To CLS, or in a tower without one to the mean patch.
    """
    norm = "contribution_norm" if class_token else "mean_contribution_norm"
    norms: dict[tuple[int, int], list[float]] = {}
    chosen = set(sample)
    for _, table in iter_tables(sources, "head_stat"):
        rows = table.select(["image_id", "layer", "head", norm]).to_pylist()
        for row in rows:
            if row["image_id"] in chosen and row["layer"] in layers:
                norms.setdefault((row["layer"], row["head"]), []).append(row[norm])
    n_heads = 1 + max(head for _, head in norms)
    return {at: [float(np.mean(norms[at, head])) for head in range(n_heads)] for at in layers}
