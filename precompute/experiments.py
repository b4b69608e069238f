"""The experiments of a configuration: read before any work, carried out after the capture."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from precompute.condition_text import expand
from precompute.conditions import Condition, MeanSource, Shape
from precompute.config import local_path
from precompute.experiment_config import ExperimentConfig
from precompute.means import make_means, needed, source_run
from precompute.models.captioner import Captioner
from precompute.plan import Plan
from precompute.pruning import saved
from precompute.stages import Watch
from precompute.sweep import sweep
from store.runs import read_run

STAGE = "sweep."
SAVED = "file:"
"""Before the path of a pruning's condition.json, as an entry of `conditions`."""


@dataclass(frozen=True)
class Experiments:
    """The experiments of a run.

    Attributes:
        conditions: experiment -> those of its conditions that no experiment before it has.
        sources: run id -> the run whose images a mean is of, for all means but the run's own.
    """

    conditions: tuple[tuple[ExperimentConfig, tuple[Condition, ...]], ...]
    sources: dict[str, Plan]


def read_experiments(run: Path, plan: Plan) -> Experiments:
    """Resolve and check the experiments of a configuration; computes nothing.

    Args:
        run: the run's folder; its run.json knows the tower.
        plan: the run.

    Raises:
        ValueError: an entry cannot be read or does not fit the tower; a mean of another model or
            number of tokens; two experiments that want a condition in different depth.
    """
    info = read_run(run)
    sources: dict[str, Plan] = {}

    @functools.cache
    def run_of(name: str) -> str | None:
        found = source_run(plan, name, run.parent)
        if found.run_id == plan.run_id:
            return None
        sources[found.run_id] = found
        return found.run_id

    claimed: dict[str, ExperimentConfig] = {}
    taken = []
    for experiment in plan.config.experiments:
        mean = MeanSource(
            run_of(experiment.mean_of) if experiment.mean_of else None,
            experiment.mean_images, experiment.seed, experiment.state, experiment.pool,
        )
        found = {
            condition.id: condition
            for entry in experiment.conditions
            for condition in _named(experiment, entry, info, mean, run_of)
        }
        for condition_id in found.keys() & claimed.keys():
            _require_no_more(condition_id, experiment, claimed[condition_id])
        new = tuple(c for condition_id, c in found.items() if condition_id not in claimed)
        claimed.update((c.id, experiment) for c in new)
        taken.append((experiment, new))
    return Experiments(tuple(taken), sources)


def _named(
    experiment: ExperimentConfig,
    entry: str,
    info: Mapping[str, Any],
    mean: MeanSource,
    run_of: Callable[[str], str | None],
) -> list[Condition]:
    try:
        if entry.startswith(SAVED):
            return saved(local_path(entry.removeprefix(SAVED)), info)
        return expand(entry, Shape(info["n_layers"], info["n_heads"]), mean, run_of)
    except ValueError as error:
        raise ValueError(f"experiment {experiment.name!r}: {error}") from error


def _require_no_more(
    condition_id: str, later: ExperimentConfig, earlier: ExperimentConfig
) -> None:
    """A condition is computed once: by the first experiment that names it."""
    if (later.all_layers and not earlier.all_layers) or (later.capture and not earlier.capture):
        raise ValueError(
            f"condition {condition_id} is computed once, by experiment {earlier.name!r}; "
            f"{later.name!r} wants more of it (all_layers or capture). Put {later.name!r} first."
        )


def run_experiments(
    run: Path,
    plan: Plan,
    experiments: Experiments,
    captioner: Callable[[], Captioner],
    watch: Watch,
) -> None:
    """Make the means and sweeps of a run that are missing.

    Args:
        run: the run's folder; its capture is complete.
        plan: the run.
        experiments: from `read_experiments`.
        captioner: gives the model; called only if a part has to be made.
        watch: screen, Ctrl-C, publishing.
    """
    every = [c for _, conditions in experiments.conditions for c in conditions]
    for source, states in needed(every).items():
        images = experiments.sources[source.run] if source.run else plan
        with watch.if_whole():
            make_means(run, source, images, states, captioner, watch)
    for experiment, conditions in experiments.conditions:
        with watch.if_whole():
            if conditions:
                sweep(
                    run, plan, captioner, watch, STAGE + experiment.name, conditions,
                    experiment.all_layers, experiment.capture,
                )
