"""One run that is to be made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from precompute.models import Captioner
from precompute.runner.plan import Plan
from precompute.runner.stage import Maker


@dataclass(frozen=True)
class Job:
    """What every stage is given that needs the model.

    It stays in its process: a function that workers elsewhere are to call takes along only what it
    needs of it, plan and captioner.

    Attributes:
        plan: which run: its configuration, its images and its parts.
        results: the folder of all runs.
        captioner: gives the model; called only if a part has to be made.
        maker: what makes parts.
    """

    plan: Plan
    results: Path
    captioner: Callable[[], Captioner]
    maker: Maker

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.results / self.plan.run_id
