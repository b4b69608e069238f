"""A process that dies by SIGKILL where a test wants it to."""

import importlib
import os
import signal
from collections.abc import Callable


def in_child(work: Callable[[], object]) -> int:
    """Start `work` in a forked process; returns its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def ended_by(pid: int) -> int:
    """Wait for a process; returns the signal that ended it, 0 if none did."""
    return os.WTERMSIG(os.waitpid(pid, 0)[1])


def kill_at(module: str, function: str, call: int) -> None:
    """Make the `call`th call of a function the last thing that this process does."""
    home = importlib.import_module(module)
    original, calls = getattr(home, function), []

    def last(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(home, function, last)
