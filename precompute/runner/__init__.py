"""How parts get made: which run, which parts, who makes them, and what is lacking in the end.

A stage is given a `Job`: the run's `Plan`, its captioner, and the `Maker`, which has the parts made
here or by workers, shows how far it is and
tells dashboards, stops for Ctrl-C and publishes on the way. `capture_of` and
what lies beside it give a stage the capture to build on; `rows` words what was computed for the
store. Nothing here knows what a stage computes. `ray_engine` is imported only where a configuration
asks for Ray.
"""

from precompute.runner import stage_names
from precompute.runner.captured import (
    Batches,
    Captured,
    baseline_batches,
    capture_of,
    final_captions,
)
from precompute.runner.engine import Advance, PartFailed, Work, WorkersLost
from precompute.runner.forecast import MODEL, Size
from precompute.runner.job import Job
from precompute.runner.lazy import Lazy
from precompute.runner.open_engine import open_engine
from precompute.runner.plan import Plan, plan_of, plan_runs, shared_decisions
from precompute.runner.rows import Row, caption_row, caption_rows, image_tensors, stat_table
from precompute.runner.shard import WHOLE, Shard, read_shard
from precompute.runner.shortfall import Unfinished
from precompute.runner.stage import Maker, make_parts, open_stage
from precompute.runner.telling import Telling
from precompute.runner.watch import Stopped, Watch

__all__ = [
    "MODEL",
    "WHOLE",
    "Advance",
    "Batches",
    "Captured",
    "Job",
    "Lazy",
    "Maker",
    "PartFailed",
    "Plan",
    "Row",
    "Shard",
    "Size",
    "Stopped",
    "Telling",
    "Unfinished",
    "Watch",
    "Work",
    "WorkersLost",
    "baseline_batches",
    "caption_row",
    "caption_rows",
    "capture_of",
    "final_captions",
    "image_tensors",
    "make_parts",
    "open_engine",
    "open_stage",
    "plan_of",
    "plan_runs",
    "read_shard",
    "shared_decisions",
    "stage_names",
    "stat_table",
]
