"""What is shown of a stage while it is made: on a terminal, in a log, and to the dashboard."""

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
)
from rich.text import Text

from precompute.runner.engine import Advance
from precompute.runner.telling import Telling
from precompute.terminal import duration


class Screen:
    """A terminal has two lines that change, and keeps none of them; a log gets a line a stage."""

    def __init__(self, console: Console | None = None, telling: Telling | None = None) -> None:
        self._telling = telling
        self._console = console or Console(stderr=True, highlight=False)
        self._live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._bar = self._new_bar()
        self._run = ""

    def _new_bar(self) -> "_Bar":
        return _Bar(
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            _Pace(),
            console=self._console,
            refresh_per_second=5,
            transient=True,
            disable=not self._live,
        )

    @contextmanager
    def stage(
        self, run: Path, label: str, total: int, done: int, unit: str = "images"
    ) -> Iterator[Advance]:
        """Show how far a stage is, while the block lasts.

        Args:
            run: the run's folder.
            label: the stage's name.
            total: images in all.
            done: images that are there already.
            unit: what is counted instead of images.

        Yields:
            A function to call with the number of images that were done.
        """
        before, begun = done, time.monotonic()

        def advance(images: int) -> None:
            nonlocal done
            done += images
            self._bar.update(task, completed=done)
            if self._telling:
                self._telling.advance(done)

        for ended in self._bar.task_ids:  # until now, so that the lines do not come and go
            self._bar.remove_task(ended)
        task = self._bar.add_task(
            f"{run.name}  {label}", total=total, completed=done, before=done, unit=unit
        )
        self._bar.start()
        if self._telling:
            self._telling.stage(run.name, label, done, total, unit)
        try:
            yield advance
        finally:
            if self._telling:
                self._telling.end_stage()
            if not self._live:
                self._log(run, label, f"{done - before:,} {unit}", time.monotonic() - begun)

    def _log(self, run: Path, label: str, what: str, seconds: float) -> None:
        if run.name != self._run:
            self._run = run.name
            self.say(run.name)
        self.say(f"  {label}: {what} in {duration(seconds)}")

    def say(self, text: str) -> None:
        """Print a line, above those that change."""
        self._console.print(text, markup=False, soft_wrap=True)

    def clear(self) -> None:
        """Take the changing lines away, until the next stage."""
        self._bar.stop()
        self._bar = self._new_bar()  # the old one, started again, would wipe what was printed since


class _Bar(Progress):
    """Names the stage above its bar, where it has the whole width."""

    def get_renderables(self) -> Iterable[RenderableType]:
        for task in self.tasks:
            yield Text(task.description, no_wrap=True, overflow="ellipsis")
            yield self.make_tasks_table([task])


class _Pace(ProgressColumn):
    """Images a second since the stage began, and the time left at that speed.

    The library's own looks back for 30 seconds, in which a large model may not end a batch.
    """

    def render(self, task: Task) -> Text:
        """Nothing before the first images."""
        seconds = task.finished_time or task.elapsed or 0.0
        made = task.completed - task.fields["before"]
        if not made or not seconds:
            return Text("")
        rate = made / seconds
        left = timedelta(seconds=math.ceil((task.remaining or 0) / rate))
        speed = f"{rate:.1f}" if rate >= 1 else f"{rate:.2g}"
        return Text(f"{speed} {task.fields['unit']}/s  {left} left", no_wrap=True)
