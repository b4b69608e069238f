"""What was given up is known until it is made."""

import pytest

from store.disk.runs import create_run
from store.parts.failures import Failure, read_failures, write_failures
from store.parts.write import stage_folder, write_part


@pytest.fixture
def run(tmp_path):
    return create_run(tmp_path, "some-run", {"decides": {}})


def test_failures_are_known_until_their_parts_are_made(run):
    stage = stage_folder(run, "capture", {})
    failures = [Failure(stage.name, name, "ValueError: no", 3, "host") for name in ("a", "b")]
    write_failures(run, stage.name, failures)
    assert read_failures(run) == failures
    assert str(failures[0]) == f"{stage.name}/a, 3 attempts, last on host: ValueError: no"
    with write_part(stage, "a"):
        pass
    assert read_failures(run) == failures[1:]
    write_failures(run, stage.name, [])
    assert read_failures(run) == []


def test_what_cannot_be_read_is_no_failure(run):
    write_failures(run, "capture-1", [Failure("capture-1", "a", "no", 3, "host")])
    for name, text in (("capture-2", "{"), ("capture-3", '{"failures": [{"part": "a"}]}')):
        (run / "failed" / f"{name}.json").write_text(text)
    assert [failure.stage for failure in read_failures(run)] == ["capture-1"]
