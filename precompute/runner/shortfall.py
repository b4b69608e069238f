"""What a run lacks when a process has done what it could."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from precompute.runner.shard import Shard
from store.parts import Failure, write_failures


class Unfinished(RuntimeError):
    """A run has done what it could and is not complete.

    Attributes:
        failures: parts that were given up; if there are none, other processes have work to do.
    """

    def __init__(self, message: str, failures: Sequence[Failure]) -> None:
        super().__init__(message)
        self.failures = failures


@dataclass
class Shortfall:
    """What one process does not make of one run.

    Attributes:
        failures: parts that were given up.
        left_out: why steps were left out, which need a stage whole that is not.
    """

    failures: list[Failure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def give_up(self, run: Path, stage: str, failures: Sequence[Failure]) -> None:
        """Keep which parts of a stage were given up, in place of those of an earlier process."""
        write_failures(run, stage, failures)
        self.failures += failures

    def require_none(self, run: Path, shard: Shard) -> None:
        """Check that the run lacks nothing.

        Raises:
            Unfinished: something of it was left out or given up.
        """
        if self.failures:
            raise Unfinished(
                f"{run.name}: {len(self.failures)} parts were given up, and what needs them was "
                "left out; all else is made. The same command tries again."
                + "".join(f"\n  - {failure}" for failure in self.failures),
                self.failures,
            )
        if self.left_out:
            raise Unfinished(
                f"{run.name}: share {shard.number}/{shard.total} has made what can be made now. "
                "When the other shares have ended, run them all again."
                + "".join(f"\n  - {reason}" for reason in dict.fromkeys(self.left_out)),
                (),
            )
