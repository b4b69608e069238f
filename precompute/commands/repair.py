"""`verify --repair`: what is damaged is set aside and made again."""

from collections.abc import Callable
from pathlib import Path

from precompute.config import Config, config_of
from precompute.models import Captioner
from precompute.pipeline import execute
from precompute.runner import Job, Maker, Plan, Watch, plan_runs
from store.disk import read_run
from store.parts import A_DAY, remove_unfinished
from store.publish import lost_parts, publish
from store.upkeep import Report, set_parts_aside, set_tables_aside, verify_run


def repair(
    run: Path,
    config: Config | None,
    captioner: Callable[[Config], Captioner],
    watch: Watch,
    tell: Callable[[str], object],
) -> Report:
    """Set damaged parts and tables aside, and make them again; remove what was left half-written.

    Args:
        run: the run's folder.
        config: what the parts are made with; the run's own, if None.
        captioner: gives the model; called only if a part needs it.
        watch: screen and Ctrl-C.
        tell: called with a sentence for each thing that was done.

    Returns:
        What `verify_run` finds afterwards.

    Raises:
        ValueError: the configuration would make another run; nothing was touched.
        PublishRefused: a part is lost that the configuration does not make.
    """
    for path in remove_unfinished(run, elsewhere=A_DAY):
        tell(f"removed {path}, which was left half-written")
    report = verify_run(run)
    if report.ok:
        return report
    settings = config or config_of(run.name, read_run(run))
    plan = _plan(run, settings)
    for part, place in set_parts_aside(run, report.damaged).items():
        tell(f"{part} is damaged: it is now {place}")
    lost = lost_parts(run)
    for part in lost:
        tell(f"{part} is to be made again")
    execute(Job(plan, run.parent, lambda: captioner(settings), Maker(watch)))
    report = verify_run(run)
    if not report.ok and not lost_parts(run):
        for place in set_tables_aside(run):
            tell(f"the published tables were damaged: now {place}")
        publish(run)
        report = verify_run(run)
    return report


def _plan(run: Path, config: Config) -> Plan:
    plans = {plan.run_id: plan for plan in plan_runs(config)}
    if run.name in plans:
        return plans[run.name]
    info = read_run(run)
    there = info.get("decides") or {}
    differing = sorted(
        key
        for plan in plans.values()
        if plan.dataset.name == info.get("dataset")
        for key in {*there, *plan.decides}
        if plan.decides.get(key) != there.get(key)
    )
    raise ValueError(
        f"the parts of {run.name} must be made again as they were; this configuration, on this "
        f"machine, makes {', '.join(plans)}, which differs in: {', '.join(differing) or 'all'}. "
        "Restore the damaged parts from a copy, or repair where the run was made."
    )
