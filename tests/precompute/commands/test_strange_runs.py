"""Commands on a run that was damaged or made to harm: a sentence and a status, no traceback."""

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from precompute.__main__ import app
from precompute.commands import DEMO
from precompute.config import read_config
from store.disk import update_run
from tests.synthetic import make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("made"), n_images=3, n_layers=3, n_heads=2)
    update_run(run, config=read_config(DEMO).model_dump(mode="json"))
    return run


def as_json(file, **fields):
    def change(run):
        path = next(iter(sorted(run.glob(file))))
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return change


def as_text(file, text):
    def change(run):
        next(iter(sorted(run.glob(file)))).write_text(text)

    return change


def pipe(run):
    (run / "run.json").unlink()
    os.mkfifo(run / "run.json")


def link(run):
    (run / "parts" / "x").symlink_to("/")


STRANGE = {
    "run.json is a pipe": pipe,
    "run.json nested": as_text("run.json", "[" * 100_000),
    "run.json of other types": as_json("run.json", stages=[1], n_layers="3"),
    "stages elsewhere": as_json("run.json", stages={"capture": "../../x"}),
    "part.json empty": as_text("parts/capture-*/*/part.json", ""),
    "part.json nested": as_text("parts/capture-*/*/part.json", '{"files":' + "[" * 100_000),
    "part.json's files": as_json("parts/capture-*/*/part.json", files={"../x": {}}),
    "a version below all": as_json("parts/capture-*/*/part.json", schema_version=-(10**40)),
    "a version of text": as_json("parts/capture-*/*/part.json", schema_version="1"),
    "no configuration": as_json("run.json", config=None),
    "a configuration of another version": as_json("run.json", config={"model": {"depth": 3}}),
    "a link": link,
}
COMMANDS = {
    "verify": ["verify"],
    "publish": ["publish"],
    "repair": ["verify", "--repair"],
    "score": ["score", "--metric", "exact"],
}


# What reads with the model costs a second each: only where it gets further than the others.
CASES = [
    (command, what)
    for what in STRANGE
    for command in COMMANDS
    if command in ("verify", "publish") or what in ("part.json empty", "a link") or "conf" in what
]


@pytest.mark.parametrize(("command", "what"), CASES)
def test_a_strange_run_is_a_sentence(made, tmp_path, what, command):
    results = tmp_path / "results"
    run = Path(shutil.copytree(made, results / made.name, symlinks=True))
    STRANGE[what](run)
    done = CliRunner().invoke(app, [*COMMANDS[command], "--results", str(results)])
    if "configuration" in what and command != "score":
        assert done.exit_code == 0, done.output  # a whole run needs none
        return
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit), done.exception
    assert len(done.output) < 3000
    assert made.name in done.output.replace("\n", "")
