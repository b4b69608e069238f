"""`python -m dashboard.serve -- COMMAND` as a process, and whether anything is left of it."""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE = 240  # seconds, on a busy machine


class Together:
    """The launcher while it runs.

    Attributes:
        port: where it serves.
        process: itself.
    """

    def __init__(self, results, log, command, port):
        self.port, self._log, self._mark = port, log, uuid.uuid4().hex
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dashboard.serve", "--port", str(port), "--", *command],
                cwd=ROOT,
                env={**os.environ, "PEEL_RESULTS": str(results), "PEEL_TEST": self._mark},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self):
        return self._log.read_text()

    def says(self, text):
        """Wait until it has said so."""
        self.until(lambda: text in self.said or self.process.poll() is not None)
        assert text in self.said, self.said

    def until(self, wanted):
        end = time.monotonic() + PATIENCE
        while not wanted():
            assert time.monotonic() < end, self.said
            time.sleep(0.1)

    def left(self):
        """Command lines of all processes that it has started, itself among them."""
        mark, lines = f"PEEL_TEST={self._mark}".encode(), []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes():
                    lines.append((folder / "cmdline").read_bytes().decode().split("\0"))
            except OSError:
                continue
        return [line for line in lines if any(line)]

    def pid_of(self, word):
        """The process that it has started whose command line has this word."""
        mark = f"PEEL_TEST={self._mark}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                if word in words and mark in (folder / "environ").read_bytes():
                    return int(folder.name)
            except OSError:
                continue
        raise AssertionError(self.left())

    def ends(self):
        """Its exit status; nothing may be left of it."""
        status = self.process.wait(PATIENCE)
        assert self.left() == [], self.left()
        return status

    def interrupt(self):
        """As Ctrl-C does."""
        os.killpg(self.process.pid, signal.SIGINT)


@contextmanager
def together(results, log, *command, port=None):
    if port is None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    one = Together(results, log, command, port)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.terminate()
            one.process.wait(60)
