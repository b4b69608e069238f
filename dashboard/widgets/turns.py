"""Readers in turn: of many at once, a few scripts run, and the others wait in the order they came.

Each time that a script waits for a disk or a query it stands in line for the interpreter's lock
anew. Twenty that run beside each other so take many times as long as twenty in turn, and the
longest wait is that of whoever asks most often (`python -m bench.sessions`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 3
"""Scripts that run: one has the interpreter, whatever the cores, and others wait for a disk."""
PATIENCE = 10.0
"""Seconds after which a script starts out of turn: a slow query holds nobody up for longer."""

_free = threading.Semaphore(AT_ONCE)


@contextmanager
def turn() -> Iterator[None]:
    """Wait until few enough others run, or for `PATIENCE`."""
    mine = _free.acquire(timeout=PATIENCE)
    try:
        yield
    finally:
        if mine:
            _free.release()
