"""Algorithm 1: heads weighted and removed by their importance on a sample, beside controls.

A pruning gives one main condition, captured, its controls at equal count, and others for the
curve (`precompute.heads.pruned`). The first two are decoded at all layers, since Table 1 has the
layer from which captions stay. The main one is saved, and can be applied to other data sets.
"""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from precompute.config.experiments import PruningConfig
from precompute.heads import importance as by
from precompute.heads.captions import require_layers
from precompute.heads.pruned import controls, curve, pruned, weigh
from precompute.interventions.conditions import Condition, Edit, Shape, check
from precompute.interventions.sweep import sweep
from precompute.metrics import METRICS
from precompute.metrics.metric import Metric
from precompute.models.captioner import Captioner
from precompute.runner.lazy import Lazy
from precompute.runner.plan import Plan
from precompute.runner.stage import Advance, Watch, make_parts
from precompute.scoring.corpus import read_corpus, synonyms
from store.disk.files import write_json
from store.disk.runs import read_run, update_run
from store.parts.write import Part, PartWriter, iter_tables, require_complete, stage_folder

SAVED = "condition.json"
"""The main condition of a pruning, in the folder of its captions."""

CAPTIONS = "pruning."
"""Before a pruning's name: the stage of its conditions' captions."""


def require_prunable(run: Path, plan: Plan) -> None:
    """Check the prunings of a configuration against a run's tower and data set.

    Raises:
        ValueError: a layer, a count of heads or a sample that does not fit.
    """
    info = read_run(run)
    n_layers, n_heads, n_images = info["n_layers"], info["n_heads"], len(plan.items)
    for config in plan.config.pruning:
        where = f"of pruning {config.name!r}"
        require_layers(config.layers or (), n_layers, where)
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


def prune(run: Path, plan: Plan, captioner: Callable[[], Captioner], watch: Watch) -> None:
    """Make what is missing of the prunings of a configuration: samples, conditions, captions.

    Raises:
        StoreError: the capture is not complete.
        ValueError: a sample has no usable scores.
        Stopped: Ctrl-C.
    """
    for config in plan.config.pruning:
        with watch.if_whole():
            stage = CAPTIONS + config.name
            main, equal, others = _conditions(run, plan, config, captioner, watch)
            sweep(run, plan, captioner, watch, stage, [main], True, True)
            _save(run, plan, stage, main)
            if equal:
                sweep(run, plan, captioner, watch, f"{stage}.controls", equal, True)
            if others:
                sweep(run, plan, captioner, watch, f"{stage}.curve", others)


def _save(run: Path, plan: Plan, stage: str, condition: Condition) -> None:
    info = read_run(run)
    write_json(
        run / "parts" / info["stages"][stage] / SAVED,
        {
            "condition_id": condition.id,
            "name": condition.name,
            "run": plan.run_id,
            "weights_sha256": info["weights_sha256"],
            **condition.spec(plan.dataset.name),
        },
    )


def _conditions(
    run: Path,
    plan: Plan,
    config: PruningConfig,
    captioner: Callable[[], Captioner],
    watch: Watch,
) -> tuple[Condition, list[Condition], list[Condition]]:
    """The main condition of a pruning, its controls at equal count, and those of its curve."""
    info = read_run(run)
    sources = require_complete(run / "parts" / info["stages"]["capture"])
    ids = [row.as_py() for _, table in iter_tables(sources, "image") for row in table["image_id"]]
    sample = by.draw(ids, config)
    layers = sorted(set(config.layers or range(1, info["n_layers"] + 1)))
    stage = _score_sample(run, plan, config, sources, sample, layers, captioner, watch)
    scores = by.read_scores(require_complete(stage))
    weights, temperature = by.importance(scores, config.temperature)
    told = {
        "group": config.name,
        "layers": layers,
        "softmax": config.softmax,
        "temperature": temperature,
        "sample": sample,
        "metric": config.metric,
        "importance": {str(layer): of for layer, of in weights.items()},
    }
    scales = weigh(weights, config)
    main = pruned(config.name, scales, told, "importance")
    norms = contribution_norms(sources, sample, layers)
    # By id: where few heads are left, two ways to choose them may choose the same.
    equal = {c.id: c for c in controls(config, weights, scales, norms, told) if c.id != main.id}
    others = {c.id: c for c in curve(config, weights, norms, told)}
    known = {main.id, *equal}
    return main, list(equal.values()), [c for c in others.values() if c.id not in known]


def _score_sample(
    run: Path,
    plan: Plan,
    config: PruningConfig,
    sources: Sequence[Part],
    sample: Sequence[str],
    layers: Sequence[int],
    captioner: Callable[[], Captioner],
    watch: Watch,
) -> Path:
    """The stage with the scores of the sample's heads, complete."""
    metric = _metric(run, plan, config.metric, sources)
    label = f"importance.{config.name}"
    stage = stage_folder(
        run,
        label,
        {
            "version": by.VERSION,
            "capture": sources[0].path.parent.name,
            "sample": list(sample),
            "layers": list(layers),
            "metric": config.metric,
            **metric.settings,
        },
    )
    update_run(run, stages={label: stage.name})
    chosen = plan.shards_of(sample)
    captures = {part.name: part for part in sources}
    score = Lazy(functools.partial(metric.open, stage))

    def make(part: PartWriter, name: str, advance: Advance) -> None:
        by.write_scores(
            part, captioner(), chosen[name], captures[name], layers, score, plan.config, advance
        )

    make_parts(watch, run, stage, {name: len(items) for name, items in chosen.items()}, make)
    return stage


def _metric(run: Path, plan: Plan, name: str, sources: Sequence[Part]) -> Metric:
    corpus = read_corpus(list(sources), synonyms(plan.config, plan.dataset.name))
    metric = METRICS[name](plan.config.score, corpus)
    if metric is None or "baseline" not in metric.against:
        raise ValueError(
            f"metric under [[pruning]] must compare captions, as bertscore does; got {name!r}, "
            f"which does not, or not for {run.name}."
        )
    return metric


def contribution_norms(
    sources: Sequence[Part], sample: Sequence[str], layers: Sequence[int]
) -> dict[int, list[float]]:
    """Layer -> mean over the sample of what each of its heads gives to CLS, as a length."""
    found: dict[tuple[int, int], list[float]] = {}
    chosen = set(sample)
    for _, table in iter_tables(sources, "head_stat"):
        rows = table.select(["image_id", "layer", "head", "contribution_norm"]).to_pylist()
        for row in rows:
            if row["image_id"] in chosen and row["layer"] in layers:
                found.setdefault((row["layer"], row["head"]), []).append(row["contribution_norm"])
    n_heads = 1 + max(head for _, head in found)
    return {at: [float(np.mean(found[at, head])) for head in range(n_heads)] for at in layers}


def saved(path: Path, run: Mapping[str, Any]) -> list[Condition]:
    """The main condition of a pruning, for other data sets of the same model.

    Args:
        path: its `condition.json`.
        run: run.json of the run that it is to be applied to.

    Returns:
        The condition; none for the run that it comes from, which has it.

    Raises:
        ValueError: no such file, or it does not fit the run's model.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        edits = [
            Edit(edit["kind"], (int(at),), tuple(scale))
            for edit in read["edits"]
            for at, scale in edit["scale"].items()
        ]
        found = Condition(tuple(edits), name=read["name"], pruning=read["pruning"])
        made_by, weights = read["run"], read["weights_sha256"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"expected the {SAVED} of a pruning at {path}; got {error!r}. It lies in a run's "
            "folder parts/pruning.<name>-<hash>."
        ) from error
    if weights != run["weights_sha256"]:
        raise ValueError(
            f"a saved pruning belongs to one model; {path} is of weights {weights[:12]}, this "
            f"run's are {run['weights_sha256'][:12]}. Prune this model."
        )
    check(found, Shape(run["n_layers"], run["n_heads"]))
    return [] if made_by == run["run_id"] else [found]
