"""The dashboard's real server, started as a reader starts it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def serve(results, log, base=""):
    """The address of the dashboard, from `make dashboard` with the Python that runs the test.

    It lies below the path `base`, which has no slash at its end.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"VENV": sys.prefix, "RESULTS": results, "PORT": port, "BASE": base}
    with log.open("w") as out:
        process = subprocess.Popen(
            ["make", "dashboard", *(f"{name}={value}" for name, value in settings.items())],
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}{base}"
    try:
        _wait_until_healthy(f"{address}/_stcore/health", process, log)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
    assert "Traceback" not in log.read_text(), log.read_text()


def _wait_until_healthy(url, process, log):
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"no answer from {url}: {log.read_text()}")
