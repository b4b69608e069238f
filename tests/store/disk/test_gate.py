"""A folder that a stranger sent: links, pipes, JSON of any shape; nothing outside is touched."""

import json
import os
import shutil
from pathlib import Path

import pytest

from store import open_run
from store.disk.generations import read_sidecar
from store.disk.runs import create_run, read_run
from store.errors import PartDamaged, RunRefused, StoreError
from store.parts.failures import Failure, read_failures, write_failures
from store.parts.read import list_parts
from store.parts.unfinished import remove_unfinished
from store.parts.write import write_part
from store.publish.generation import publish
from store.upkeep.repair import set_parts_aside, set_tables_aside
from store.upkeep.verify import verify_run
from tests.synthetic import make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("made"), n_images=4, n_layers=3, n_heads=2)


@pytest.fixture
def run(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "results" / made.name, symlinks=True))


@pytest.fixture
def outside(tmp_path):
    """A folder of the receiver's, as a run's links may name it."""
    folder = tmp_path / "outside"
    (folder / "work").mkdir(parents=True)
    (folder / "work" / "thesis.tex").write_text("years")
    (folder / ".half~00000000~1~1~elsewhere").write_text("named as if half-written")
    return folder


def everything(folder):
    """All that is below a folder: name -> content."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


WRITING = {
    "verify": verify_run,
    "publish": publish,
    "publish anew": lambda run: publish(run, allow_fewer=True),
    "remove": lambda run: remove_unfinished(run, elsewhere=0),
    "parts aside": lambda run: set_parts_aside(run, ["x/work"]),
    "tables aside": set_tables_aside,
    "go on": lambda run: create_run(run.parent, run.name, {"decides": read_run(run)["decides"]}),
}


@pytest.mark.parametrize("place", ["parts/x", "damaged", "failed", "judge", "run.log"])
@pytest.mark.parametrize("act", WRITING)
def test_no_command_follows_moves_or_writes_through_a_link(run, outside, act, place):
    target = outside if place != "run.log" else outside / "work" / "thesis.tex"
    if (run / place).is_dir():
        shutil.rmtree(run / place)
    (run / place).symlink_to(target)
    before = everything(outside)
    with pytest.raises(RunRefused, match=place):
        WRITING[act](run)
    assert everything(outside) == before
    assert (run / place).is_symlink()


def test_single_files_are_not_written_through_a_linked_folder(run, outside):
    (run / "failed").symlink_to(outside)
    before = everything(outside)
    with pytest.raises(RunRefused):
        write_failures(run, "capture-1a2b", [Failure("capture-1a2b", "p", "e", 1, "h")])
    stage = next((run / "parts").glob("capture-*"))
    stage.rename(outside / "stage")
    stage.symlink_to(outside / "stage")
    kept = everything(outside)
    with pytest.raises(RunRefused), write_part(stage, "new"):
        pass
    with pytest.raises(RunRefused):
        list_parts(stage)
    assert everything(outside) == kept
    assert before.items() <= kept.items()


def test_a_reader_follows_no_link_to_arrays_or_tables(run, outside):
    stage = next((run / "parts").glob("capture-*"))
    file = next(stage.glob("*/tensors.h5"))
    file.rename(outside / "tensors.h5")
    file.symlink_to(outside / "tensors.h5")
    with open_run(run) as opened, pytest.raises(RunRefused, match=r"tensors\.h5.* a link"):
        opened.tensors("img00000")
    file.unlink()
    (outside / "tensors.h5").rename(file)
    tables = run / "results-1.duckdb"
    tables.rename(outside / tables.name)
    tables.symlink_to(outside / tables.name)
    with pytest.raises(RunRefused, match=r"results-1\.duckdb"):
        open_run(run)


def test_the_published_link_must_stay_in_the_folder(run, outside):
    (run / "results-1.duckdb").rename(outside / "other.duckdb")
    (run / "results.duckdb").unlink()
    (run / "results.duckdb").symlink_to(outside / "other.duckdb")
    with pytest.raises(RunRefused, match=r"results\.duckdb"):
        open_run(run)
    with pytest.raises(RunRefused, match=r"results\.duckdb"):
        verify_run(run)


def test_a_run_as_it_is_made_passes_and_may_itself_be_linked(run, tmp_path):
    assert verify_run(run).ok
    linked = tmp_path / "linked"
    linked.symlink_to(run)
    with open_run(linked) as opened:
        assert opened.tensors("img00000").image_id == "img00000"
    assert verify_run(linked).ok


def test_a_pipe_is_refused_and_not_waited_for(run):
    (run / "run.json").unlink()
    os.mkfifo(run / "run.json")
    with pytest.raises(PartDamaged, match="no regular file"):
        read_run(run)


DEEP = "[" * 100_000
WRONG = {
    "not json": "{",
    "a list": "[]",
    "deep": f'{{"a": {DEEP}',
    "nan": '{"created_at": NaN}',
    "many digits": f'{{"n_layers": {"9" * 5000}}}',
    "negative layers": '{"n_layers": -3}',
    "layers of another type": '{"n_layers": "3"}',
    "huge layers": '{"n_layers": 1000000000}',
    "stages elsewhere": '{"stages": {"capture": "../../other/parts/x"}}',
    "stages of another type": '{"stages": ["capture"]}',
    "a hidden stage": '{"stages": {"capture": ".hidden"}}',
    "parity of another type": '{"parity": "passed"}',
    "checks of another type": '{"parity": {"checks": [1]}}',
    "nested data set": '{"dataset": {"name": {"of": 1}}}',
}


@pytest.mark.parametrize("what", WRONG)
def test_a_run_json_of_another_shape_is_a_sentence(run, what):
    (run / "run.json").write_text(WRONG[what])
    for act in (read_run, open_run, verify_run, publish):
        with pytest.raises(PartDamaged, match=r"run\.json .*; got: .+\. Restore it"):
            act(run)


def test_too_large_a_file_is_not_read(run):
    with (run / "run.json").open("r+b") as file:
        file.truncate(2**40)  # of no size on the disk
    with pytest.raises(PartDamaged, match="1099511627776 bytes, where at most"):
        read_run(run)


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": -(10**30)},
        {"schema_version": "1"},
        {"files": {"../../../run.json": {"rows": 1, "bytes": 1, "sha256": ""}}},
        {"files": {"image.parquet": {"rows": -1, "bytes": 1, "sha256": ""}}},
        {"files": {"image.parquet": None}},
        {"files": []},
        {"expects": 3},
    ],
)
def test_a_part_json_of_another_shape_is_a_sentence(run, change):
    path = next((run / "parts").glob("capture-*/*/part.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(StoreError, match=r"part|schema"):
        publish(run)
    report = verify_run(run)
    assert not report.ok or "another schema" in " ".join(report.notes)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stage": 3}', DEEP, '{"failures": 3}'])
def test_what_is_only_shown_is_left_out_if_it_is_of_another_shape(run, text):
    (run / "failed").mkdir(exist_ok=True)
    (run / "failed" / "x.json").write_text(text)
    (run / "results-1.json").write_text(text)
    assert read_failures(run) == []
    assert read_sidecar(run, 1) is None
