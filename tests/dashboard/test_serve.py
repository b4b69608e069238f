"""The server beside a command that makes what it shows: their start, end, and what is left."""

import os
import signal
import socket
import sys
import urllib.request

import pytest

from store.disk.making import list_making
from tests.together import together

MAKES = """
import sys, time
from pathlib import Path
from store.disk.making import Making, remove_making, write_making
from tests.synthetic import make_run
results = Path(sys.argv[1])
making = Making(("synthetic-1",), ("run", "x.toml"), run="synthetic-1", stage="capture")
write_making(results, making)
{before}
make_run(results, "synthetic", n_images=2)
write_making(results, Making(**{{**vars(making), "ready": ("synthetic-1",)}}))
{after}
remove_making(results, making)
"""
WAITS = """
try:
    time.sleep(600)
except KeyboardInterrupt:
    print("stopped between two parts")
    raise
"""


def makes(results, before="", after=""):
    return sys.executable, "-c", MAKES.format(before=before, after=after), str(results)


def test_the_address_is_told_when_a_run_can_be_looked_at_and_ctrl_c_ends_both(tmp_path):
    results = tmp_path / "results"
    with together(results, tmp_path / "log", *makes(results, after=WAITS)) as both:
        both.says("synthetic: captions of every layer")
        both.says(f"Peel is at http://127.0.0.1:{both.port} (Ctrl-C ends it)")
        assert any(making.ready for making in list_making(results))
        with urllib.request.urlopen(f"http://127.0.0.1:{both.port}/", timeout=30) as page:
            assert b"<title>" in page.read()
        both.interrupt()
        assert both.ends() == 130
    assert both.said.count("Stopping after the part") == 1
    assert "goes on from here" in both.said
    log = (results / "making.log").read_text()
    assert log.count("stopped between two parts") == 1
    assert "stopped between two parts" not in both.said


def test_when_all_is_made_the_server_stays_and_ctrl_c_is_no_failure(tmp_path):
    results = tmp_path / "results"
    with together(results, tmp_path / "log", *makes(results)) as both:
        both.says("Everything is made")
        both.says("Peel is at")
        both.interrupt()
        assert both.ends() == 0
    assert "Not everything" not in both.said and "Stopping" not in both.said


def test_a_command_that_fails_before_there_is_anything_ends_it_all(tmp_path):
    results = tmp_path / "results"
    fails = makes(results, before="print('no weights here', flush=True); sys.exit(3)")
    with together(results, tmp_path / "log", *fails) as both:
        assert both.ends() == 3
    assert "no weights here" in both.said and "goes on." in both.said


def test_a_command_that_breaks_down_later_leaves_what_is_there_and_is_told(tmp_path):
    results = tmp_path / "results"
    breaks = makes(results, after="import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with together(results, tmp_path / "log", *breaks) as both:
        both.says("Not everything is made")
        both.says("Peel is at")
        both.interrupt()
        assert both.ends() == 128 + signal.SIGKILL


def test_a_server_that_breaks_down_ends_the_command_too(tmp_path):
    results = tmp_path / "results"
    with together(results, tmp_path / "log", *makes(results, after=WAITS)) as both:
        both.says("Peel is at")
        assert len(both.left()) == 3, "itself, the server and the command"
        os.kill(both.pid_of("dashboard.warm"), signal.SIGKILL)
        assert both.ends() == 1
    assert "The server ended by itself" in both.said
    assert "stopped between two parts" in (results / "making.log").read_text()


@pytest.mark.parametrize("command", [(), ("true",)])
def test_a_port_in_use_is_told_before_anything_is_started(tmp_path, command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with together(tmp_path / "results", tmp_path / "log", *command, port=port) as both:
            assert both.ends() == 1
    assert f"Port {port} is in use" in both.said and f"PORT={port + 1}" in both.said
    assert not (tmp_path / "results").exists()
