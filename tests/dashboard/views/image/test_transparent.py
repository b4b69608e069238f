"""The page of a transparent picture says which colours the model saw."""

import json

import pytest

from tests.dashboard.opening import words
from tests.synthetic import make_run

NOTE = "The model saw the colours that lie hidden there"


def noted(folder, transparent):
    """A run of two images whose part notes this."""
    run = make_run(folder, n_images=2)
    (file,) = run.glob("parts/capture-*/*/part.json")
    part = json.loads(file.read_text())
    part["meta"]["transparent"] = transparent
    file.write_text(json.dumps(part))


def test_a_transparent_picture_says_so_and_another_does_not(visit, tmp_path):
    noted(tmp_path, ["img00001"])
    assert NOTE in words(visit("image", tmp_path, image="img00001"))
    assert NOTE not in words(visit("image", tmp_path, image="img00000"))


@pytest.mark.parametrize("nonsense", [5, None, {"img00000": 1}, "img00000"])
def test_a_part_that_notes_nonsense_says_nothing(nonsense, visit, tmp_path):
    noted(tmp_path, nonsense)
    at = visit("image", tmp_path, image="img00000")
    assert not at.exception
    assert NOTE not in words(at)
