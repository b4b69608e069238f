"""Who makes the parts of a stage: this process, one after the other, or workers elsewhere."""

import logging
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from store.parts import Failure, PartWriter, write_part

log = logging.getLogger(__name__)

T = TypeVar("T")
Advance = Callable[[int], None]
MakePart = Callable[[PartWriter, str, Advance], None]


class PartFailed(RuntimeError):
    """A part could not be made; the parts made before it stand."""


class WorkersLost(RuntimeError):
    """Workers elsewhere do not start, or die of what all of them have to do."""


@dataclass(frozen=True)
class Work:
    """How the parts of one stage are made.

    Attributes:
        run: the run's folder.
        stage: the stage's folder.
        make: writes one part: its writer, its name, and a function to call with the number of
            images done. It may be pickled and called in another process.
    """

    run: Path
    stage: Path
    make: MakePart

    @property
    def label(self) -> str:
        """The stage's name without the hash of its settings."""
        return self.stage.name.rsplit("-", 1)[0]

    def write(self, name: str, advance: Advance) -> None:
        """Make one part."""
        with write_part(self.stage, name) as part:
            self.make(part, name, advance)


class Engine(Protocol):
    """What makes parts."""

    def call(self, work: Callable[[], T]) -> T:
        """Do something that needs the model; returns what it returns."""

    def make(
        self,
        work: Work,
        sizes: Mapping[str, int],
        advance: Advance,
        stopping: Callable[[], bool],
    ) -> Generator[Failure | None, None, None]:
        """Make parts, in any order.

        Args:
            work: the stage's.
            sizes: the parts to make -> their number of images.
            advance: called with the number of images done.
            stopping: whether somebody asked to stop: then no other part is begun.

        Yields:
            After every part: None if it was made, or why it was given up.

        Raises:
            PartFailed: to go on makes no sense.
        """


class Here:
    """This process: one part after the other, and a part that fails ends the run."""

    def call(self, work: Callable[[], T]) -> T:
        """Call it."""
        return work()

    def make(
        self,
        work: Work,
        sizes: Mapping[str, int],
        advance: Advance,
        stopping: Callable[[], bool],
    ) -> Generator[Failure | None, None, None]:
        """Make parts; see `Engine`."""
        for name in sizes:
            log.info("%s %s: part %s", work.run.name, work.label, name)
            try:
                work.write(name, advance)
            except Exception as error:  # whatever it is, it is reported for its part
                log.exception("part %s failed", name)
                raise part_failed(work, name, error) from error
            yield None
            if stopping():
                return


def part_failed(work: Work, name: str, error: BaseException) -> PartFailed:
    """The error that names a part; the cause is to be chained."""
    return PartFailed(f"part {name} of {work.stage.name} in {work.run.name}: {error}")
