"""Make the parts that a stage lacks: progress, Ctrl-C, and publishing while it goes on."""

import logging
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from store.parts import PartWriter, has_part, mark_complete, write_part
from store.publish import is_due, publish
from store.runs import write_progress

log = logging.getLogger(__name__)

Advance = Callable[[int], None]
MakePart = Callable[[PartWriter, str, Advance], None]


class Stopped(Exception):
    """Somebody asked the run to stop; everything made so far is whole and published."""


class PartFailed(RuntimeError):
    """A part could not be made; the parts made before it stand."""


class Watch:
    """The screen, the Ctrl-C and the publishing of one process; a context manager."""

    def __init__(self) -> None:
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            _Speed(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self.stopping = False

    def __enter__(self) -> Self:
        """Show the bars, and turn the first Ctrl-C into a stop after the part being made."""
        self._before = signal.signal(signal.SIGINT, self._ask_to_stop)
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
        signal.signal(signal.SIGINT, self._before)

    def _ask_to_stop(self, *_: object) -> None:
        self.stopping = True
        self.bar.console.print("Stopping after this part; Ctrl-C again stops at once.")
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def after_part(self, run: Path) -> None:
        """Publish if it is time to, and stop if Ctrl-C was pressed.

        Raises:
            Stopped: it was.
        """
        if self.stopping:
            raise Stopped("stopped after a whole part; the same command goes on from here.")
        if is_due(run):
            publish(run)


class _Speed(ProgressColumn):
    """Images a second of a stage."""

    def render(self, task: Task) -> Text:
        """The speed, short enough for a narrow screen."""
        return Text(f"{task.finished_speed or task.speed or 0:.1f} images/s", no_wrap=True)


def make_parts(
    watch: Watch, run: Path, stage: Path, sizes: Mapping[str, int], make: MakePart
) -> None:
    """Make the missing parts of a stage one after the other, then mark it complete.

    Args:
        watch: screen, Ctrl-C, publishing.
        run: the run's folder.
        stage: the stage's folder.
        sizes: every part of the stage -> its number of images.
        make: writes one part: its writer, its name, and a function to call with the number of
            images done.

    Raises:
        Stopped: Ctrl-C.
        PartFailed: names the part; the cause is chained, its traceback in the log.
    """
    label = stage.name.rsplit("-", 1)[0]
    missing = [name for name in sizes if not has_part(stage, name)]
    total, done = sum(sizes.values()), sum(sizes.values()) - sum(sizes[m] for m in missing)
    task = watch.bar.add_task(
        f"{run.name} {label}", total=total, completed=done, visible=bool(missing)
    )
    begun, before = time.monotonic(), done

    def advance(images: int) -> None:
        nonlocal done
        done += images
        watch.bar.update(task, completed=done)
        write_progress(run, label, done, total, (done - before) / (time.monotonic() - begun))

    for name in missing:
        log.info("%s %s: part %s", run.name, label, name)
        try:
            with write_part(stage, name) as part:
                make(part, name, advance)
        except Exception as error:
            log.exception("part %s failed", name)
            raise PartFailed(f"part {name} of {stage.name} in {run.name}: {error}") from error
        watch.after_part(run)
    mark_complete(stage, list(sizes))
