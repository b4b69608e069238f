"""`make stress`, in short: what is killed all the time ends as what is left alone."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_killed_runs_end_in_the_same_tables_and_arrays():
    done = subprocess.run(
        [sys.executable, "-m", "tests.stress", "--seconds", "12"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kills = [int(count) for count in re.findall(r"(\d+) kills", done.stdout)]
    assert kills and min(kills) >= 3, done.stdout
    assert done.stdout.count("the same") == len(kills)
    assert int(re.search(r"(\d+) reads of [1-9]", done.stdout)[1]) > 0, done.stdout
    assert int(re.search(r"(\d+) damaged files: an answer or a sentence", done.stdout)[1]) >= 12
