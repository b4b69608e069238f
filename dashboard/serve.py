"""Serve the dashboard, alone or while a command makes what it shows: `python -m dashboard.serve`.

With a command, the address is told as soon as a run can be looked at, and Ctrl-C ends both. Both
are told to stop by this process alone: each has a group of its own, which a terminal's Ctrl-C does
not reach, so that the command is asked once and can stop after a whole part.
"""

import argparse
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import IO

from dashboard.names import making as words
from store.disk import (
    current_generation,
    list_making,
    list_runs,
    make_folder,
    results_folder,
)

_APP = Path(__file__).with_name("app.py")
_HOST = "127.0.0.1"
_PAUSE = 0.25  # seconds between two looks at the processes
_KILL = 20.0  # seconds after which a server that was told to end is killed
_TAIL = 15  # lines of a log that are shown
LOG = "making.log"
"""In the folder of results: what the command printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; the exit code."""
    parser = argparse.ArgumentParser("python -m dashboard.serve", description=__doc__)
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--base", default="", help="a path below which it is served: /lab/peel")
    parser.add_argument("command", nargs="*", help="after --: what makes the results meanwhile")
    asked = parser.parse_args(arguments)
    address = f"http://{_HOST}:{asked.port}{asked.base}"
    if not _is_free(asked.port):
        print(
            f"Port {asked.port} is in use, perhaps by another dashboard: look at {address}, or "
            f"name another port: PORT={asked.port + 1} behind the same command.",
            file=sys.stderr,
        )
        return 1
    server = [sys.executable, "-m", "dashboard.warm", "run", str(_APP)]
    server += ["--server.address", _HOST, "--server.port", str(asked.port)]
    server += ["--server.headless", "true", "--logger.level", "warning"]
    server += ["--server.baseUrlPath", asked.base] if asked.base else []
    os.environ["PYTHONPATH"] = "."
    if not asked.command:
        print(f"Peel is at {address} (Ctrl-C ends it)", flush=True)
        os.execv(server[0], server)
    return _Both(server, asked.command, address).serve()


class _Both:
    """The server and the command, from their start until both have ended."""

    def __init__(self, server: list[str], command: list[str], address: str) -> None:
        self._results, self._address, self._command = results_folder(), address, command
        self._begun, self._asked = time.monotonic(), 0  # how often somebody asked to stop
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self._ask_to_stop)
        self._ready = self._any_published()
        make_folder(self._results)
        with (self._results / LOG).open("wb") as log:
            self._making = _start(command, log, subprocess.STDOUT)
        self._server = _start(server, subprocess.DEVNULL, None)

    def serve(self) -> int:
        """Wait until both have ended; the exit code."""
        try:
            return self._wait()
        finally:
            _end(self._server)

    def _wait(self) -> int:
        """The exit code: of the command, 130 if it was stopped, or of a server that broke down."""
        code, told, said, over = 0, False, "", False
        while not self._asked:
            if self._server.poll() is not None:
                print(f"The server ended by itself ({self._server.returncode}).", file=sys.stderr)
                self._stop_making()
                return 1
            if not told:
                told = self._is_usable() and self._answers()
                said = self._tell_address() if told else self._say_step(said)
            if not over and not self._makes():
                over, code = True, self._tell_end(self._making.returncode)
                if code and not self._any_published():
                    return code
            time.sleep(_PAUSE)
        return 130 if self._stop_making() else code

    def _makes(self) -> bool:
        return self._making.poll() is None

    def _ask_to_stop(self, number: int, _: FrameType | None) -> None:
        self._asked += 1
        if self._asked > 1 and self._makes():
            self._making.send_signal(signal.SIGINT)  # which then stops at once

    def _stop_making(self) -> bool:
        """Let the command stop after its part, at once if asked twice; whether it was at work."""
        if not self._makes():
            return False
        print(
            "\nStopping after the part that is being made; Ctrl-C again stops at once.", flush=True
        )
        self._making.send_signal(signal.SIGINT)
        self._making.wait()
        print("Stopped. The same command goes on from here.", flush=True)
        return True

    def _any_published(self) -> bool:
        return any(current_generation(run) for run in list_runs(self._results))

    def _is_usable(self) -> bool:
        """Whether a run can be looked at, or the command makes no more."""
        there = list_making(self._results)
        return self._ready or any(one.ready for one in there if one.alive) or not self._makes()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._address}/_stcore/health", timeout=2):
                return True
        except OSError:
            return False

    def _say_step(self, said: str) -> str:
        """Say which step is being made before there is something to see, a line each."""
        there = [making for making in list_making(self._results) if making.alive]
        now = next(map(words.step, there), said)
        if now != said:
            print(f"  {now}", flush=True)
        return now

    def _tell_address(self) -> str:
        more = ""
        if self._makes():
            spent = time.monotonic() - self._begun
            more = (
                f"\n  after {spent:.0f} s. The rest is made meanwhile: pages say how far it is, "
                f"{self._results / LOG} says more."
            )
        print(f"Peel is at {self._address} (Ctrl-C ends it){more}", flush=True)
        return ""

    def _tell_end(self, status: int) -> int:
        """Say what became of the command; the exit code that follows."""
        if status == 0:
            spent = words.span(time.monotonic() - self._begun)
            print(f"Everything is made, after {spent}.", flush=True)
            return 0
        log = (self._results / LOG).read_text(errors="replace").splitlines()
        print(
            "Not everything is made. The last lines of what was printed:",
            *(f"  {line}" for line in log[-_TAIL:]),
            f"`{shlex.join(self._command)}` goes on.",
            sep="\n",
            file=sys.stderr,
            flush=True,
        )
        return status if status > 0 else 128 - status


def _start(command: list[str], out: IO[bytes] | int, errors: int | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=out, stderr=errors, start_new_session=True)


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(_KILL)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        # As the server does: a connection that was just closed holds no port.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((_HOST, port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
