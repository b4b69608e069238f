"""The experiments of a configuration: read before any work, carried out after the capture."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from precompute.config import ExperimentConfig, local_path
from precompute.interventions.conditions import Condition, MeanSource, Shape
from precompute.interventions.means import make_means, means_needed, source_run
from precompute.interventions.parse import expand
from precompute.interventions.saved import SAVED, saved
from precompute.interventions.sweep import sweep
from precompute.runner import Job, Plan, stage_names
from store.disk import read_run
from store.parts import is_complete, stage_settings


@dataclass(frozen=True)
class _Owner:
    """Who computes a condition: one stage alone, as the tables hold a caption once.

    Attributes:
        name: for messages.
        all_layers: whether every state is decoded.
        capture: whether statistics and arrays are kept.
        stage: its folder, if another configuration made it.
    """

    name: str
    all_layers: bool
    capture: bool
    stage: Path | None = None

    def require(self, condition_id: str, by: ExperimentConfig) -> None:
        """Check that it gives an experiment all that this wants of a condition.

        Raises:
            ValueError: it does not.
        """
        if (by.all_layers and not self.all_layers) or (by.capture and not self.capture):
            lacking = "wants more of it (all_layers or capture)"
            remedy = f"Leave it out of {by.name!r}" if self.stage else f"Put {by.name!r} first"
        elif self.stage and not is_complete(self.stage):
            lacking = "needs it for all images, and that stage is not complete"
            remedy = "Go on with that configuration"
        else:
            return
        if self.stage:
            parts, label = self.stage.parent, self.stage.name.rpartition("-")[0]
            remedy += (  # its scores go, too
                f"; or move the folders {parts}/*{label}-???????? away and `python -m precompute "
                f"publish {parts.parent.name} --allow-fewer`"
            )
        raise ValueError(
            f"condition {condition_id} is computed once, by {self.name}; {by.name!r} {lacking}. "
            f"{remedy}."
        )


@dataclass(frozen=True)
class Experiments:
    """The experiments of a run.

    Attributes:
        conditions: experiment -> those of its conditions that no experiment before it has, nor
            any that the run has from another configuration.
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
            number of tokens; two experiments that want a condition in different depth; a condition
            of which another configuration has made a part.
    """
    info = read_run(run)
    sources: dict[str, Plan] = {}

    @functools.cache
    def run_of(name: str) -> str | None:
        source = source_run(plan, name, run.parent)
        if source.run_id == plan.run_id:
            return None
        sources[source.run_id] = source
        return source.run_id

    keeps_shape = plan.config.model.aspect == "keep" or plan.config.model.tiles > 1
    labels = {stage_names.SWEEP + experiment.name for experiment in plan.config.experiments}
    owners = dict(_of_other_settings(run, info, labels))
    taken = []
    for experiment in plan.config.experiments:
        mean = mean_source(experiment, run_of)
        parsed = {
            condition.id: condition
            for entry in experiment.conditions
            for condition in _named(experiment, entry, info, mean, run_of, keeps_shape)
        }
        for condition_id in parsed.keys() & owners.keys():
            owners[condition_id].require(condition_id, experiment)
        new = tuple(c for condition_id, c in parsed.items() if condition_id not in owners)
        owner = _Owner(f"experiment {experiment.name!r}", experiment.all_layers, experiment.capture)
        owners.update((c.id, owner) for c in new)
        taken.append((experiment, new))
    return Experiments(tuple(taken), sources)


def mean_source(experiment: ExperimentConfig, run_of: Callable[[str], str | None]) -> MeanSource:
    """The mean of an experiment's conditions, unless one names another.

    Args:
        experiment: of a configuration.
        run_of: the run that a name in it means; None for the condition's own run.
    """
    return MeanSource(
        run_of(experiment.mean_of) if experiment.mean_of else None,
        experiment.mean_images,
        experiment.seed,
        experiment.state,
        experiment.pool,
    )


def _named(
    experiment: ExperimentConfig,
    entry: str,
    info: Mapping[str, Any],
    mean: MeanSource,
    run_of: Callable[[str], str | None],
    keeps_shape: bool,
) -> list[Condition]:
    try:
        if entry.startswith(SAVED):
            return saved(local_path(entry.removeprefix(SAVED)), info)
        conditions = expand(entry, Shape(info["n_layers"], info["n_heads"]), mean, run_of)
        for condition in conditions if keeps_shape else ():
            _require_no_positions(condition)
        return conditions
    except ValueError as error:
        raise ValueError(f"experiment {experiment.name!r}: {error}") from error


def _require_no_positions(condition: Condition) -> None:
    """Where pictures keep their shape, a position of one is not another's.

    Raises:
        ValueError: the condition takes a mean of every position.
    """
    if condition.mean is not None and condition.mean.pool == "position":
        raise ValueError(
            f"{condition.id} takes a mean of every position, and pictures that keep their shape "
            'have positions of their own. Give one vector for all (pool = "token", or '
            f"{condition.id}~token), take another image's state ({condition.id}~resample), or see "
            'all pictures alike (aspect = "square", tiles = 1 under [model]).'
        )


def _of_other_settings(
    run: Path, info: Mapping[str, Any], named: set[str]
) -> Iterator[tuple[str, _Owner]]:
    """The conditions that a run has from stages which this configuration does not name.

    Args:
        run: the run's folder.
        info: its run.json.
        named: the stages of this configuration, which are made anew if their conditions change.
    """
    for label, name in info.get("stages", {}).items():
        stage = run / "parts" / name
        if label in named or not label.startswith(stage_names.OF_CONDITIONS):
            continue
        if not any(stage.glob("[!.]*/part.json")):
            continue
        settings = stage_settings(stage)
        owner = _Owner(
            f"stage {name}, which another configuration made",
            settings["all_layers"],
            settings["with_capture"],
            stage,
        )
        for condition_id in settings["conditions"]:
            yield condition_id, owner


def run_experiments(job: Job, experiments: Experiments) -> None:
    """Make the means and sweeps of a run that are missing.

    Args:
        job: the run; its capture is complete.
        experiments: from `read_experiments`.
    """
    every = [c for _, conditions in experiments.conditions for c in conditions]
    for source, states in means_needed(every).items():
        images = experiments.sources[source.run] if source.run else job.plan
        with job.maker.if_whole():
            make_means(job, source, images, states)
    for experiment, conditions in experiments.conditions:
        if not conditions:
            continue
        with job.maker.if_whole():
            label = stage_names.SWEEP + experiment.name
            sweep(job, label, conditions, experiment.all_layers, experiment.capture)
