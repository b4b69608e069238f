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
    server = [sys.executable, "-m", "streamlit", "run", str(_APP)]
    server += ["--server.address", _HOST, "--server.port", str(asked.port)]
    server += ["--server.headless", "true", "--logger.level", "warning"]
    server += ["--server.baseUrlPath", asked.base] if asked.base else []
    os.environ["PYTHONPATH"] = "."
    return _Both(server, asked.command, address).serve()


class _Both:
    """The server, and the command if there is one, from their start until both have ended."""

    def __init__(self, server: list[str], command: list[str], address: str) -> None:
        self._server_command, self._command, self._address = server, command, address
        self._results = results_folder()
        self._making: subprocess.Popen[bytes] | None = None
        self._asked = 0  # how often somebody asked to stop

    def serve(self) -> int:
        """Start both, and wait until they have ended; the exit code."""
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self._ask_to_stop)
        begun = time.monotonic()
        self._ready = any(current_generation(run) for run in list_runs(self._results))
        if self._command:
            make_folder(self._results)
            with (self._results / LOG).open("wb") as log:
                self._making = _start(self._command, log, subprocess.STDOUT)
        self._server = _start(self._server_command, subprocess.DEVNULL, None)
        try:
            return self._wait(begun)
        finally:
            _end(self._server)

    def _wait(self, begun: float) -> int:
        code, told, making = 0, False, self._making
        said = ""
        while not self._asked:
            if self._server.poll() is not None:
                print(f"The server ended by itself ({self._server.returncode}).", file=sys.stderr)
                self._stop_making()
                return self._server.returncode or 1
            if not told and (making is None or self._usable()) and self._answers():
                told = True
                self._tell_address(begun)
            elif not told:
                said = self._say_step(said)
            if making is not None and making.poll() is not None:
                code = self._tell_end(making.returncode, begun)
                making = None
            time.sleep(_PAUSE)
        self._stop_making()
        return code

    def _ask_to_stop(self, number: int, _: FrameType | None) -> None:
        self._asked += 1
        if self._asked > 1 and self._making and self._making.poll() is None:
            self._making.send_signal(signal.SIGINT)  # which then stops at once

    def _stop_making(self) -> None:
        """Let the command stop after its part; a second Ctrl-C stops it at once."""
        if self._making is None or self._making.poll() is not None:
            return
        print("\nStopping after the part that is being made; Ctrl-C again stops at once.")
        self._making.send_signal(signal.SIGINT)
        self._making.wait()
        print("Stopped. The same command goes on from here.")

    def _usable(self) -> bool:
        """Whether a run can be looked at, or the command makes no more."""
        return (
            self._ready
            or any(making.ready for making in list_making(self._results) if making.alive)
            or self._making is None
            or self._making.poll() is not None
        )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._address}/_stcore/health", timeout=2):
                return True
        except OSError:
            return False

    def _say_step(self, said: str) -> str:
        """Say which step is being made before there is something to see, a line each."""
        now = next((words.step(making) for making in list_making(self._results)), said)
        if now != said:
            print(f"  {now}", flush=True)
        return now

    def _tell_address(self, begun: float) -> None:
        print(f"Peel is at {self._address} (Ctrl-C ends it)", flush=True)
        if self._making is not None and self._making.poll() is None:
            print(
                f"  after {time.monotonic() - begun:.0f} s; the rest is made meanwhile, and the "
                f"pages say how far it is (and {self._results / LOG})",
                flush=True,
            )

    def _tell_end(self, status: int, begun: float) -> int:
        """Say what became of the command; the exit code that follows."""
        log = (self._results / LOG).read_text(errors="replace").splitlines()
        if status == 0:
            print(f"Everything is made, after {words.span(time.monotonic() - begun)}.", flush=True)
            return 0
        print("Not everything is made. The last lines of what was printed:", file=sys.stderr)
        print(*(f"  {line}" for line in log[-_TAIL:]), sep="\n", file=sys.stderr)
        print(
            f"What is there can be looked at; `{shlex.join(self._command)}` goes on.",
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
