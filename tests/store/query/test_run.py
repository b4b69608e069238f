"""The reader's door: what it finds, what it cannot do, and copies of runs."""

import doctest
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

import store.query.run
import store.text
from store import open_run
from store.disk.generations import current_generation
from store.disk.runs import read_run, update_run
from store.errors import ImageNotFound, NotPublished, RunNotFound, TableNotFound
from store.parts.tensors import TensorWriter, condition_file, read_image
from store.parts.write import list_parts
from store.publish.generation import publish
from tests.synthetic import make_run

ROOT = Path(__file__).parents[3]


def test_a_run_is_found_by_folder_name_and_short_name(run: Path) -> None:
    results = run.parent
    for arguments in ((run,), (str(run),), (results,), (results, run.name), (results, "synthetic")):
        with open_run(*arguments) as opened:
            assert opened.path == run and opened.generation == 1


def test_a_data_set_names_its_run_beside_others_that_begin_so(run: Path) -> None:
    longer = make_run(run.parent, "synthetic-small", n_images=1, publish=False)
    (run.parent / "other-1a2b3c4d").mkdir()
    (run.parent / "other-1a2b3c4d" / "run.json").write_text("damaged")
    assert store.query.run.find_run(run.parent, "synthetic") == run
    assert store.query.run.find_run(run.parent, "synthetic-small") == longer
    update_run(run, dataset="another")
    with pytest.raises(RunNotFound, match="'synthetic'"):
        store.query.run.find_run(run.parent, "synthetic")


def test_unknown_and_ambiguous_names_are_explained(run: Path) -> None:
    make_run(run.parent, seed=1, publish=False, n_images=1)
    with pytest.raises(RunNotFound, match=r"synthetic-.*synthetic-"):
        open_run(run.parent, "synthetic")
    with pytest.raises(RunNotFound, match="'none'"):
        open_run(run.parent, "none")
    with pytest.raises(RunNotFound, match="make demo"):
        open_run(run.parent / "nowhere")


def test_an_unpublished_run_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path, publish=False)
    assert current_generation(run) is None
    with pytest.raises(NotPublished, match="publish"):
        open_run(run)


def test_tables_with_conditions(run: Path) -> None:
    with open_run(run) as opened:
        assert opened.info == read_run(run)
        assert len(opened.table("layer_stat", "layer = ? AND image_id = ?", [2, "img00003"])) == 1
        assert len(opened.table("caption", limit=3)) == 3
        count = opened.sql("SELECT count(*) AS n FROM caption WHERE layer = $l", {"l": 0})
        assert count.n[0] == 12
        with pytest.raises(TableNotFound, match="layer_stat"):
            opened.table("layer_stats")
        with pytest.raises(duckdb.Error):
            opened.table("layer_stat", "nonsense = 1")


def test_every_image_gets_its_own_arrays(run: Path) -> None:
    parts = list_parts(run / "parts" / read_run(run)["stages"]["capture"])
    with open_run(run) as opened:
        for image in opened.table("image").image_id:
            assert opened.tensors(image).image_id == image
        second = read_image(parts[1].path / "tensors.h5", 2)
        assert opened.tensors("img00007").model_input == second.model_input
        assert opened.picture("img00007").size == (64, 64)
        with pytest.raises(ImageNotFound, match="'nobody'"):
            opened.tensors("nobody")


def test_arrays_under_a_condition_are_read_where_they_were_kept(tmp_path: Path) -> None:
    folder = make_run(tmp_path, n_images=7, n_layers=5, conditions=True)
    with open_run(folder) as opened:
        base = opened.tensors("img00006")
        assert opened.condition_tensors("img00006", "skip:4") is None
        with pytest.raises(ImageNotFound, match="'nobody'"):
            opened.condition_tensors("nobody", "skip:4")
        part = folder / "parts" / opened.info["stages"]["sweep.deep"] / "part-00001"
        with TensorWriter(part / condition_file("skip:4"), 5, 3, 17) as writer:
            for image in ("img00005", "img00004"):
                none = base.attention * 0
                writer.append(replace(base, image_id=image, attention=none, summary_state=None))
        got = opened.condition_tensors("img00005", "skip:4")
        assert got is not None and got.image_id == "img00005"
        assert not got.attention.any()
        assert opened.condition_tensors("img00001", "skip:4") is None
        with pytest.raises(ImageNotFound, match=r"row 1 .* must be 'img00006'; got 'img00004'"):
            opened.condition_tensors("img00006", "skip:4")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY image TO 'out.csv'",
        "ATTACH 'other.duckdb'",
        "CREATE TABLE mine (a INTEGER)",
        "DELETE FROM image",
        "UPDATE image SET label = 'x'",
        "DROP TABLE image",
        "SET enable_external_access = true",
        "SELECT * FROM glob('/*')",
        "INSTALL httpfs",
    ],
)
def test_a_reader_can_neither_write_nor_reach_files(
    run: Path, query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_run(run) as opened, pytest.raises(duckdb.Error):
        opened.sql(query)
    assert not list(tmp_path.glob("o*"))


def test_opened_twice_and_used_from_threads(run: Path) -> None:
    got: list[int] = []
    with open_run(run) as one:
        with open_run(run) as other:
            threads = [
                threading.Thread(target=lambda r=r: got.append(len(r.table("caption"))))
                for r in (one, other) * 4
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(one.table("image")) == 12  # the other's close is not this one's
    assert got == [72] * 8


@pytest.mark.parametrize("links", [True, False])
def test_a_copy_opens_elsewhere(run: Path, tmp_path: Path, links: bool) -> None:
    copy = shutil.copytree(run, tmp_path / "elsewhere" / run.name, symlinks=links)
    shutil.rmtree(run)
    with open_run(copy) as opened:
        assert opened.generation == 1 and len(opened.table("image")) == 12
        assert opened.tensors("img00005").image_id == "img00005"
    publish(copy)


def test_a_copy_without_its_link_opens(run: Path) -> None:
    (run / "results.duckdb").unlink()
    with open_run(run) as opened:
        assert opened.generation == 1


READ = """
import os, sys
from store import open_run
def read():
    with open_run(sys.argv[1]) as run:
        return len(run.table("image")), run.picture("img00001").size
read()  # everything is imported now: nobody may not read the interpreter's files
if os.geteuid() == 0:  # root writes where it likes: read as nobody
    os.setgid(65534)
    os.setuid(65534)
print(*read())
try:
    open(sys.argv[1] + "/x", "w")
except OSError:
    print("read-only")
"""


def test_a_read_only_folder_opens() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder))
        paths = [p for p in (Path(folder), *Path(folder).rglob("*")) if not p.is_symlink()]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        done = subprocess.run(
            [sys.executable, "-c", READ, str(run)],
            cwd=ROOT,
            text=True,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
        for path in paths:
            path.chmod(0o755)
    assert done.stdout == "12 (64, 64)\nread-only\n", done.stderr


@pytest.mark.parametrize("module", [store.query.run, store.text])
def test_the_examples_in_docstrings_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    make_run(tmp_path / "results", "whoops")
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(module)
    assert result.attempted > 0 and result.failed == 0
