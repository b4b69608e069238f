"""What every stage of a run will cost beside the others, for the time that is left of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from precompute.config import Config
from precompute.estimate.cost import A100, CPU
from precompute.estimate.published import published_size
from precompute.estimate.report import seconds_of
from precompute.estimate.workload import workload
from precompute.models import device_of, size_of
from precompute.runner import MODEL, Plan, Size, stage_names
from store.disk import read_run
from store.errors import StoreError
from store.parts import is_complete

_SCORED = (
    stage_names.CAPTURE,
    stage_names.HEADS,
    stage_names.FLOOR,
    stage_names.READERS,
    *stage_names.OF_CONDITIONS,
)


def foretell(config: Config, plans: Sequence[Plan], results: Path) -> dict[tuple[str, str], Size]:
    """Run and label of every stage that is not complete -> its size: the model's and the metrics'.

    A stage of the model is sized by its reckoned time, one of a metric by the captions it scores.
    Empty where the model's dimensions are not known.
    """
    return {
        (plan.run_id, label): size
        for plan in plans
        for label, size in _of_run(config, plan)
        if not _is_complete(results / plan.run_id, label)
    }


def _is_complete(run: Path, label: str) -> bool:
    try:
        return is_complete(run / "parts" / read_run(run)["stages"][label])
    except (StoreError, KeyError):
        return False


def _of_run(config: Config, plan: Plan) -> Iterator[tuple[str, Size]]:
    size = size_of(config.model) or published_size(config.model)
    if size is None:
        return
    device = CPU if device_of(config.model) == "cpu" else A100
    n_questions = sum(len(item.questions) for item in plan.items)
    for work in workload(config, plan.dataset.name, size, len(plan.items), n_questions):
        yield work.stage, Size(MODEL, seconds_of(config, size, work, device))
        if work.stage.startswith(_SCORED) and work.captions:
            suffix = "" if work.stage == stage_names.CAPTURE else f".{work.stage}"
            for metric in config.score.metrics:
                yield f"score.{metric}{suffix}", Size(metric, work.captions)
