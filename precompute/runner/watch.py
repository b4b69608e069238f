"""One process and who watches it: the screen, the dashboards, and the wish to stop."""

import signal
from typing import Self

from precompute.runner.progress import Screen
from precompute.runner.telling import Telling


class Stopped(Exception):
    """Somebody asked the run to stop; everything made so far is whole and published."""


class Watch:
    """The screen and the Ctrl-C of one process; a context manager.

    Attributes:
        screen: where it says how far it is.
        telling: how dashboards hear of it; None where they need not.
        stopping: whether Ctrl-C was pressed.
    """

    def __init__(self, telling: Telling | None = None) -> None:
        self.telling = telling
        self.screen = Screen(telling=telling)
        self.stopping = False

    def __enter__(self) -> Self:
        """Turn the first Ctrl-C into a stop after the part being made."""
        self._before = signal.signal(signal.SIGINT, self._ask_to_stop)
        if self.telling:
            self.telling.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, _: object) -> None:
        self.screen.clear()
        if self.telling:
            self.telling.end(_why(kind, error) if kind else None)
        signal.signal(signal.SIGINT, self._before)

    def _ask_to_stop(self, *_: object) -> None:
        self.stopping = True
        self.screen.say("Stopping after this part; Ctrl-C again stops at once.")
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _why(kind: type[BaseException], error: object) -> str:
    """Why a process ends before all is made, in a line."""
    if issubclass(kind, Stopped | KeyboardInterrupt):
        return "stopped by Ctrl-C"
    return next(iter(str(error).splitlines()), "") or kind.__name__
