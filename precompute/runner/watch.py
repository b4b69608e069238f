"""One process and who watches it: the screen, and the wish to stop."""

import signal
from typing import Self

from precompute.runner.progress import Screen


class Stopped(Exception):
    """Somebody asked the run to stop; everything made so far is whole and published."""


class Watch:
    """The screen and the Ctrl-C of one process; a context manager.

    Attributes:
        screen: where it says how far it is.
        stopping: whether Ctrl-C was pressed.
    """

    def __init__(self) -> None:
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
