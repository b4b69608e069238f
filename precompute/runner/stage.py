"""Make the parts that a stage lacks: progress, Ctrl-C, and publishing while it goes on."""

import logging
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from precompute.images import ImageItem
from precompute.runner.engine import Advance, Engine, Here, MakePart, PartFailed, Work
from precompute.runner.progress import Screen
from precompute.runner.shard import WHOLE, Shard
from store.errors import PublishRefused, StageIncomplete
from store.parts.failures import Failure, write_failures
from store.parts.write import Part, has_part, list_parts, mark_complete, require_complete
from store.publish.generation import is_due, publish

log = logging.getLogger(__name__)

__all__ = ["Advance", "PartFailed", "Stopped", "Unfinished", "Watch", "make_parts", "sources_of"]


class Stopped(Exception):
    """Somebody asked the run to stop; everything made so far is whole and published."""


class Unfinished(RuntimeError):
    """A run has done what it could and is not complete.

    Attributes:
        failures: parts that were given up; if there are none, other processes have work to do.
    """

    def __init__(self, told: str, failures: Sequence[Failure]) -> None:
        super().__init__(told)
        self.failures = failures


class Watch:
    """The screen, the Ctrl-C, the workers and the publishing of one process; a context manager.

    Attributes:
        screen: where it says how far it is.
        engine: what makes parts.
        shard: this process's share of them.
        stopping: whether Ctrl-C was pressed.
    """

    def __init__(self, engine: Engine | None = None, shard: Shard = WHOLE) -> None:
        self.engine = engine or Here()
        self.shard = shard
        self._failures: list[Failure] = []
        self._lacking: list[str] = []
        self._refused = False
        self.screen = Screen()
        self.stopping = False

    def __enter__(self) -> Self:
        """Turn the first Ctrl-C into a stop after the part being made."""
        self._before = signal.signal(signal.SIGINT, self._ask_to_stop)
        return self

    def __exit__(self, *_: object) -> None:
        self.screen.clear()
        signal.signal(signal.SIGINT, self._before)

    def _ask_to_stop(self, *_: object) -> None:
        self.stopping = True
        self.screen.say("Stopping after this part; Ctrl-C again stops at once.")
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def after_part(self, run: Path) -> None:
        """Publish if it is time to. One share of several leaves that to the last.

        Tables that are refused wait for the run's end, which raises it if it still holds: where a
        condition has gone from one stage to another, both hold it until the first is made anew.
        """
        if self.stopping or self._refused or self.shard != WHOLE or not is_due(run):
            return
        try:
            publish(run)
        except PublishRefused as error:
            log.warning("not published before the end: %s", error)
            self._refused = True

    def after_stage(self, run: Path, stage: str, failures: Sequence[Failure]) -> None:
        """Keep what was given up, and stop if Ctrl-C was pressed.

        Raises:
            Stopped: it was.
        """
        write_failures(run, stage, failures)
        self._failures += failures
        if self.stopping:
            raise Stopped("stopped after a whole part; the same command goes on from here.")

    @contextmanager
    def if_whole(self) -> Iterator[None]:
        """What needs a stage whole is left out while others are at it, or parts were given up."""
        try:
            yield
        except StageIncomplete as lacking:
            if self.shard == WHOLE and not self._failures:
                raise
            self._lacking.append(str(lacking))

    @property
    def waits(self) -> bool:
        """Whether other shares have work to do; the last of them publishes."""
        return self.shard != WHOLE and bool(self._lacking)

    def end_run(self, run: Path) -> None:
        """Clear the screen, and begin to count anew.

        Raises:
            Unfinished: something of the run was left out or given up.
        """
        self.screen.clear()
        self._refused = False
        lacking, self._lacking = list(dict.fromkeys(self._lacking)), []
        failures, self._failures = self._failures, []
        if failures:
            told = "".join(f"\n  - {failure}" for failure in failures)
            raise Unfinished(
                f"{run.name}: {len(failures)} parts were given up, and what needs them was left "
                f"out; all else is made. The same command tries again.{told}",
                failures,
            )
        if lacking:
            told = "".join(f"\n  - {text}" for text in lacking)
            raise Unfinished(
                f"{run.name}: share {self.shard.number}/{self.shard.of} has made what can be made "
                f"now. When the other shares have ended, run them all again.{told}",
                failures,
            )


def make_parts(
    watch: Watch, run: Path, stage: Path, sizes: Mapping[str, int], make: MakePart
) -> None:
    """Make the missing parts of a stage, or this process's share, then mark it complete if it is.

    Args:
        watch: screen, Ctrl-C, publishing.
        run: the run's folder.
        stage: the stage's folder.
        sizes: every part of the stage -> its number of images.
        make: writes one part: its writer, its name, and a function to call with the number of
            images done. Workers elsewhere get it pickled.

    Raises:
        Stopped: Ctrl-C.
        PartFailed: names the part; the cause is chained, its traceback in the log.
    """
    work, own = Work(run, stage, make), watch.shard.own(list(sizes))
    missing = {name: sizes[name] for name in own if not has_part(stage, name)}
    total = sum(sizes[name] for name in own)
    failures = []
    if missing:
        done = total - sum(missing.values())
        with (
            watch.screen.stage(run, work.label, total, done) as advance,
            closing(watch.engine.make(work, missing, advance, lambda: watch.stopping)) as ended,
        ):
            for failure in ended:
                if failure:
                    failures.append(failure)
                watch.after_part(run)
    watch.after_stage(run, stage.name, failures)
    with watch.if_whole():
        mark_complete(stage, list(sizes))


def sources_of(
    watch: Watch, stage: Path, shards: Mapping[str, Sequence[ImageItem]]
) -> tuple[dict[str, Part], dict[str, int]]:
    """The parts of a stage on which another builds part by part, and the sizes of that one's.

    Args:
        watch: whether this process makes a share of them only; then it needs no others.
        stage: the stage's folder.
        shards: every part of it -> its images.

    Returns:
        Part name -> part; part name -> number of images, of all of the stage.

    Raises:
        StageIncomplete: parts are missing of which this process needs all.
    """
    parts = require_complete(stage) if watch.shard == WHOLE else list_parts(stage)
    sources = {part.name: part for part in parts}
    sizes = {
        name: sources[name].rows["image"] if name in sources else len(items)
        for name, items in shards.items()
    }
    return sources, sizes
