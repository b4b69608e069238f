"""A pruning's condition as a file: back as it was, and refused where it does not fit."""

import json

import pytest

from precompute.interventions.conditions import Condition, Edit
from precompute.interventions.saved import FILE_NAME, save_condition, saved

RUN = {
    "run_id": "tiny-12345678",
    "dataset": "tiny",
    "weights_sha256": "a" * 64,
    "n_layers": 3,
    "n_heads": 2,
}
ELSEWHERE = {**RUN, "run_id": "other-12345678"}


@pytest.fixture
def condition():
    edits = (Edit("heads", (1,), (0.0, 1.5)), Edit("heads", (3,), (2.0, 0.0)))
    return Condition(edits, name="tiny", pruning={"algorithm": "importance", "n_pruned": 2})


@pytest.fixture
def path(condition, tmp_path):
    save_condition(tmp_path, condition, RUN)
    return tmp_path / FILE_NAME


def test_it_comes_back_as_it_was_but_not_for_its_own_run(path, condition):
    assert saved(path, ELSEWHERE) == [condition]
    assert saved(path, RUN) == []
    assert json.loads(path.read_text())["condition_id"] == condition.id


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights_sha256": "0" * 64}, "belongs to one model"),
        ({"n_layers": 2}, r"must be in 1\.\.2"),
        ({"n_heads": 3}, "must scale the 3 heads"),
    ],
)
def test_another_model_is_refused(path, changes, words):
    with pytest.raises(ValueError, match=words):
        saved(path, {**ELSEWHERE, **changes})


def test_what_is_no_such_file_is_refused(tmp_path):
    (tmp_path / "other.json").write_text("{}")
    for name in ("nothing.json", "other.json"):
        with pytest.raises(ValueError, match=r"expected the condition\.json of a pruning"):
            saved(tmp_path / name, ELSEWHERE)
