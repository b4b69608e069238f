"""Conditions: what is edited, where and from which mean, and the sweeps that compute them.

`conditions` are values with readable ids, `parse` reads them, `apply` makes edits of a tower of
them, `means` gives the means, `sweep` computes them for a run, `experiments` does so for a
configuration. Which heads a pruning removes and why, it must not know: a pruning is a condition to
it, which `saved` reads from a file.
"""

from precompute.interventions.conditions import Condition, Edit, Shape
from precompute.interventions.experiments import mean_source, read_experiments, run_experiments
from precompute.interventions.means import means_label, means_needed, source_run
from precompute.interventions.parse import expand, from_paper
from precompute.interventions.resample import Others
from precompute.interventions.saved import SAVED, save_condition
from precompute.interventions.sweep import sweep

__all__ = [
    "SAVED",
    "Condition",
    "Edit",
    "Others",
    "Shape",
    "expand",
    "from_paper",
    "mean_source",
    "means_label",
    "means_needed",
    "read_experiments",
    "run_experiments",
    "save_condition",
    "source_run",
    "sweep",
]
