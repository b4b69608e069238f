"""What pages say and the precompute stage does: the two know nothing of each other."""

import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dashboard.charts import maps
from dashboard.names.conditions import edit_name, which_mean
from precompute.__main__ import app as commands
from precompute.forward import attention
from precompute.interventions.conditions import Shape
from precompute.interventions.parse import parse
from store.interventions import read_spec
from tests.dashboard.opening import app as page
from tests.synthetic import make_run

ROOT = Path(__file__).parents[1]
NAMES = {
    "mean:5": "layer 5",
    "mean:4-6": "layers 4-6",
    "confuse:3+7": "layers 3+7",
    "skip:12": "layer 12",
    "mean:4-6@other-1a2b": "layers 4-6, mean of other-1a2b",
    "mean:5~output~token~n100~seed1": (
        "layer 5, of the layer's output, one for all tokens, 100 images, seed 1"
    ),
    "confuse:5@my-set-1a2b~seed3": "layer 5, mean of my-set-1a2b, seed 3",
    "mean:5~resample": "layer 5, another picture's state",
    "heads:9-only-3": "layer 9 with head 3 alone",
    "heads:9-without-0+3": "layer 9 without head 0+3",
    "heads:2-4-without-1": "layers 2-4 without head 1",
    "skip:1,mean:2@other-1a2b": "skip:1,mean:2@other-1a2b",
    "mean:1@other-1a2b,skip:2": "mean:1@other-1a2b,skip:2",
    "heads:1-only-3,heads:2-only-4": "heads:1-only-3,heads:2-only-4",
}


@pytest.mark.parametrize("text", NAMES)
def test_an_edit_is_named_by_its_specification(text):
    row = parse(text, Shape(12, 6)).row("own-1a2b", "own", 7)
    spec = read_spec(row["spec"])
    assert edit_name(row["condition_id"], spec) == NAMES[text]
    _, _, mean = NAMES[text].partition(", ")
    if row["kind"] != "mixed":
        assert ", ".join(which_mean(spec)) == mean


@settings(deadline=None)
@given(st.lists(st.floats(0, 5, width=32), min_size=9, max_size=9), st.integers(0, 8))
def test_outliers_are_those_of_the_precompute_stage(norms, strong):
    assert maps.OUTLIER_MADS == attention.OUTLIER_MADS
    norms[strong] += 100
    tokens = np.array([1e3, *norms], np.float32)
    expected = int(attention.n_outliers(torch.tensor(tokens[1:])))
    assert maps.outliers(tokens, (3, 3)).sum() == expected


def test_without_a_judge_there_is_the_command_for_this_run(tmp_path, monkeypatch):
    run = make_run(tmp_path, "demo-whoops", n_images=2)
    monkeypatch.setenv("PEEL_RESULTS", str(tmp_path))
    at = page("judge", {}).run()
    assert not at.exception
    assert any("No judge yet" in element.proto.body for element in at.get("html"))
    (command,) = at.code
    words = shlex.split(command.value)
    assert words[:4] == ["python", "-m", "precompute", "judge"]
    assert words[4] == "precompute/configs/demo.toml"
    assert run.name in words
    put = {"precompute/configs/demo.toml": str(ROOT / words[4]), "URL": "http://127.0.0.1:9/v1"}
    arguments = [put.get(word, word) for word in words[3:]]
    answer = CliRunner().invoke(commands, [*arguments, "--dry-run"])
    assert answer.exit_code == 0, answer.output
    assert run.name in answer.output
