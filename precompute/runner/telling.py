"""What this process makes, told to the dashboards that look at the same folder of results."""

import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from precompute.runner.forecast import Forecast, Size
from store.disk import Making, forget_making, remove_making, write_making

_SECONDS = 1.0
_BEATS = 10  # so many seconds may pass without news: then it says that it still lives


class Telling:
    """Keeps one small file up to date while a process makes runs; a context manager.

    A thread writes it, so that no batch waits for a disk, and so that it is written, too, while
    one batch takes minutes.
    """

    def __init__(
        self,
        results: Path,
        runs: Sequence[str],
        sizes: Mapping[tuple[str, str], Size] | None = None,
    ) -> None:
        """Prepare; nothing is written yet.

        Args:
            results: the folder of all runs.
            runs: the names of those that are to be completed.
            sizes: run and label of the stages that are to come -> what they are reckoned to cost.
        """
        self.failed: str | None = None
        self._results = results
        self._making = Making(tuple(runs), tuple(sys.argv[1:]))
        self._forecast = Forecast(sizes or {})
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_telling, daemon=True)

    def __enter__(self) -> Self:
        """Take the place of what ended processes said of these runs."""
        forget_making(self._results, self._making.runs)
        self._tell()
        self._thread.start()
        return self

    def end(self, why: str | None) -> None:
        """Say why it ended before all was made; None if all is made, of which nothing is kept."""
        self._over.set()
        self._thread.join()
        why = why or self.failed
        if why is None:
            remove_making(self._results, self._making)
        else:
            self._making = replace(self._making, ended=why)
            self._tell()

    def stage(self, run: str, label: str, done: int, total: int, unit: str) -> None:
        """A stage begins."""
        self._forecast.begin(run, label, done / max(total, 1))
        self._set(run=run, stage=label, done=done, total=total, unit=unit)

    def advance(self, done: int) -> None:
        """So many units of the stage are done."""
        self._forecast.advance(done / max(self._making.total, 1))
        self._set(done=done)

    def end_stage(self) -> None:
        """The stage is over."""
        self._forecast.end()

    def ready(self, run: str) -> None:
        """A run can be looked at: captions of the unedited model are published."""
        self._set(ready=(*self._making.ready, run))

    def complete(self, run: str) -> None:
        """A run is complete."""
        self._forecast.drop(run)
        left = tuple(name for name in self._making.runs if name != run)
        self._set(runs=left or self._making.runs)

    def _set(self, **changes: object) -> None:
        seconds, at_least = self._forecast.left
        self._making = replace(
            self._making,
            seconds_left=seconds,
            at_least=at_least,
            **changes,  # type: ignore[arg-type]
        )

    def _keep_telling(self) -> None:
        told, quiet = self._making, 0
        while not self._over.wait(_SECONDS):
            quiet += 1
            if self._making is not told or quiet >= _BEATS:
                told, quiet = self._making, 0
                self._tell()

    def _tell(self) -> None:
        with suppress(OSError):  # a full disk ends the run where it writes parts, with a sentence
            write_making(self._results, self._making)
