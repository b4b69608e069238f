"""Parts: whole or not there, whoever writes and whenever it dies."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import upgrades
from store.errors import (
    PartConflict,
    PartDamaged,
    RowsRefused,
    SchemaTooNew,
    StageIncomplete,
    TableNotFound,
)
from store.files import Owner, write_json
from store.parts import (
    PartWriter,
    has_part,
    is_complete,
    iter_tables,
    list_parts,
    mark_complete,
    read_part,
    read_table,
    require_complete,
    stage_folder,
    sweep,
    verify_part,
    write_part,
)
from store.schema import SCHEMA_VERSION
from tests.synthetic import make_run, write_capture_part

ROOT = Path(__file__).parents[2]


def stat_rows(layer: int, n: int = 2) -> list[dict[str, object]]:
    return [{"condition_id": "baseline", "image_id": f"i{i}", "layer": layer, "resid_norm": 1.0}
            for i in range(n)]


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    return stage_folder(tmp_path / "run", "capture", {"code": 1})


def hidden(stage: Path) -> list[Path]:
    return [path for path in stage.iterdir() if path.name.startswith(".")]


def test_a_part_is_there_after_the_block_and_not_before(stage: Path) -> None:
    with write_part(stage, "p0", {"images": ["i0", "i1"]}) as part:
        part.table("layer_stat", stat_rows(1))
        part.meta["seconds"] = 1.5
        assert not has_part(stage, "p0")
        assert list_parts(stage) == []
    (found,) = list_parts(stage)
    assert found.rows == {"layer_stat": 2}
    assert found.id == f"{stage.name}/p0"
    assert found.manifest["meta"] == {"seconds": 1.5}
    assert found.manifest["schema_version"] == SCHEMA_VERSION
    assert verify_part(found) == []
    assert hidden(stage) == []


def test_an_exception_leaves_nothing(stage: Path) -> None:
    with pytest.raises(KeyboardInterrupt), write_part(stage, "p0") as part:
        part.table("layer_stat", stat_rows(1))
        raise KeyboardInterrupt
    assert list_parts(stage) == []
    assert hidden(stage) == []


def test_the_first_of_two_writers_wins_and_the_other_drops_its_copy(stage: Path) -> None:
    with write_part(stage, "p0", {"images": ["i0"]}) as slow:
        slow.table("layer_stat", stat_rows(2))
        with write_part(stage, "p0", {"images": ["i0"]}) as fast:
            fast.table("layer_stat", stat_rows(1))
    assert read_table(list_parts(stage), "layer_stat")["layer"].to_pylist() == [1, 1]
    assert hidden(stage) == []


def test_two_different_parts_under_one_name_are_a_conflict(stage: Path) -> None:
    with write_part(stage, "p0", {"images": ["i0"]}):
        pass
    with pytest.raises(PartConflict, match="different work different names"), \
            write_part(stage, "p0", {"images": ["i1"]}):
        pass
    assert hidden(stage) == []


def test_a_folder_that_is_no_part_is_not_taken_for_one(stage: Path) -> None:
    (stage / "p0").mkdir()
    (stage / "p0" / "x").write_text("half a copy")
    with pytest.raises(PartDamaged, match="still being copied"):
        list_parts(stage)
    with pytest.raises(PartDamaged), write_part(stage, "p0"):
        pass


@pytest.mark.parametrize(("rows", "message"), [
    ([{"image_id": "i", "layer": 1, "condition_id": "b", "resid_nrom": 1.0}], "resid_nrom"),
    ([{"image_id": "i", "layer": 1}], "condition_id"),
    ([{"image_id": None, "layer": 1, "condition_id": "b"}], "image_id"),
    ([{"image_id": "i", "layer": 2**40, "condition_id": "b"}], "layer int32"),
    ([{"image_id": "i", "layer": "one", "condition_id": "b"}], "must fit"),
    (stat_rows(1) + stat_rows(1), "unique"),
])
def test_rows_that_do_not_fit_are_refused(
    stage: Path, rows: list[dict[str, object]], message: str
) -> None:
    with pytest.raises(RowsRefused, match=message), write_part(stage, "p0") as part:
        part.table("layer_stat", rows)
    assert list_parts(stage) == []


def test_unknown_tables_and_second_writes_are_refused(stage: Path) -> None:
    with pytest.raises(TableNotFound, match="layer_stat"), write_part(stage, "p0") as part:
        part.table("layer_stats", [])
    with pytest.raises(RowsRefused, match="second time"), write_part(stage, "p0") as part:
        part.table("layer_stat", [])
        part.table("layer_stat", [])


def test_arrow_tables_are_cast_and_put_in_order(stage: Path) -> None:
    rows = pa.table({"layer": [1], "image_id": ["i0"], "condition_id": ["b"], "map_shift": [0.5]})
    with write_part(stage, "p0") as part:
        part.table("layer_stat", rows)
    table = read_table(list_parts(stage), "layer_stat")
    assert table.schema.field("layer").type == pa.int32()
    assert table["map_shift"].to_pylist() == [0.5]
    assert table["delta_attn"].to_pylist() == [None]


def test_other_settings_are_another_stage(tmp_path: Path) -> None:
    one = stage_folder(tmp_path, "score", {"metrics": ["exact"], "seed": 1})
    assert one == stage_folder(tmp_path, "score", {"seed": 1, "metrics": ["exact"]})
    assert one != stage_folder(tmp_path, "score", {"metrics": ["exact"], "seed": 2})


def test_complete_names_its_parts(stage: Path) -> None:
    with write_part(stage, "p0"):
        pass
    with pytest.raises(StageIncomplete, match="no mark"):
        require_complete(stage)
    with pytest.raises(StageIncomplete, match="p1"):
        mark_complete(stage, ["p0", "p1"])
    mark_complete(stage, ["p0"])
    assert [part.name for part in require_complete(stage)] == ["p0"]
    shutil.rmtree(stage / "p0")
    assert not is_complete(stage)


def test_sweep_removes_only_what_dead_processes_of_this_host_left(stage: Path) -> None:
    run = stage.parents[1]
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = Owner.here()
    tokens = {
        "dead": Owner(here.host, dead.pid, 1), "reused": Owner(here.host, here.pid, 1),
        "elsewhere": Owner("other+1", dead.pid, 1), "mine": here,
    }
    made = {name: stage / owner.token(name) for name, owner in tokens.items()}
    for path in made.values():
        path.mkdir()
        (path / "x").touch()
    assert set(sweep(run)) == {made["dead"], made["reused"]}
    assert {path.name for path in hidden(stage)} == {made["elsewhere"].name, made["mine"].name}


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
@pytest.mark.parametrize("file", ["caption.parquet", "tensors.h5"])
def test_verify_finds_damage(tmp_path: Path, damage: str, file: str) -> None:
    run = make_run(tmp_path, publish=False, with_scores=False, n_images=3)
    (part,) = list_parts(next((run / "parts").iterdir()))
    data = bytearray((part.path / file).read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
    if damage == "truncate":
        del data[-7:]
    (part.path / file).unlink()
    if damage != "remove":
        (part.path / file).write_bytes(data)
    (problem,) = verify_part(part)
    assert f"{part.id}/{file}" in problem


def test_rows_of_images_and_of_arrays_must_agree(stage: Path) -> None:
    write_capture_part(stage, "p0", [0, 1], 2, 2, (2, 2))
    with pytest.raises(RowsRefused, match="same order"), write_part(stage, "p1") as part:
        shutil.copy(stage / "p0" / "tensors.h5", part.tensors_path)
        part.table("image", [{"image_id": "img00001"}, {"image_id": "img00000"}])


def test_older_parts_are_upgraded_and_newer_refused(
    stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with write_part(stage, "p0") as part:
        part.table("layer_stat", stat_rows(1))
    manifest = read_part(stage / "p0").manifest

    def lift(tables: upgrades.Tables) -> upgrades.Tables:
        old = tables["layer_stat"]
        doubled = pa.array([2 * x for x in old["resid_norm"].to_pylist()], pa.float32())
        at = old.column_names.index("resid_norm")
        return {**tables, "layer_stat": old.set_column(at, "resid_norm", doubled)}

    write_json(stage / "p0" / "part.json", {**manifest, "schema_version": SCHEMA_VERSION - 1})
    with pytest.raises(SchemaTooNew, match="no step from 0"):
        read_table(list_parts(stage), "layer_stat")
    monkeypatch.setattr(upgrades, "UPGRADES", {SCHEMA_VERSION - 1: lift})
    ((_, table),) = iter_tables(list_parts(stage), "layer_stat")
    assert table["resid_norm"].to_pylist() == [2.0, 2.0]
    write_json(stage / "p0" / "part.json", {**manifest, "schema_version": SCHEMA_VERSION + 1})
    with pytest.raises(SchemaTooNew, match="Update this program"):
        read_table(list_parts(stage), "layer_stat")


# A model of several writers: each does its steps one at a time, and may die between any two.

STEPS = ("open", "rows", "close", "commit")


class Worker:
    """A writer whose steps can be interleaved with others'; `die` leaves all as it stands."""

    def __init__(self, stage: Path, name: str, pid: int) -> None:
        self.stage, self.name, self.step = stage, name, 0
        self.temporary = stage / Owner(Owner.here().host, pid, 1).token(name)

    def advance(self) -> None:
        from store.parts import _commit

        step = STEPS[self.step]
        if step == "open":
            self.temporary.mkdir()
            self.writer = PartWriter(self.temporary)
        elif step == "rows":
            self.writer.table("layer_stat", stat_rows(int(self.name[1:])))
        elif step == "close":
            self.writer.close({"schema_version": SCHEMA_VERSION, "name": self.name, "expects": {}})
        else:
            _commit(self.temporary, self.stage / self.name, {})
            shutil.rmtree(self.temporary, ignore_errors=True)
        self.step += 1

    @property
    def done(self) -> bool:
        return self.step == len(STEPS)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["go", "go", "go", "die"])),
                max_size=30))
def test_any_interleaving_leaves_whole_parts(script: list[tuple[int, str]]) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    with tempfile.TemporaryDirectory() as folder:
        stage = stage_folder(Path(folder), "capture", {})
        workers: dict[int, Worker] = {}
        for slot, what in script:
            # Slots 0 and 1 make the same part, 2 and 3 another: every commit is a race.
            worker = workers.setdefault(slot, Worker(stage, f"p{slot // 2}", dead.pid))
            if what == "die" or worker.done:
                del workers[slot]
            else:
                worker.advance()
            for part in list_parts(stage):
                assert verify_part(part) == []
        sweep(Path(folder))
        assert hidden(stage) == []
        for name in ("p0", "p1"):  # a restart does what is missing
            if not has_part(stage, name):
                with write_part(stage, name) as part:
                    part.table("layer_stat", stat_rows(int(name[1:])))
        layers = read_table(list_parts(stage), "layer_stat")["layer"].to_pylist()
        assert layers == [0, 0, 1, 1]


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.synthetic import write_capture_part
import store.parts as parts
stage, where = Path(sys.argv[1]), sys.argv[2]
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
if where == "tensors": parts.PartWriter.table = die
if where == "hash": parts.file_sha256 = die
if where == "manifest": parts.write_json = die
if where == "rename": parts._commit = die
if where == "after":
    real = parts._commit
    parts._commit = lambda *args: (real(*args), die())
write_capture_part(stage, "p0", [0, 1], 2, 2, (2, 2))
"""


@pytest.mark.parametrize("where", ["tensors", "hash", "manifest", "rename", "after"])
def test_a_killed_writer_leaves_a_whole_part_or_rubbish(stage: Path, where: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(stage), where], cwd=ROOT,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert has_part(stage, "p0") == (where == "after")
    assert len(hidden(stage)) == (where != "after")
    sweep(stage.parents[1])
    assert hidden(stage) == []
    write_capture_part(stage, "p0", [0, 1], 2, 2, (2, 2))
    (part,) = list_parts(stage)
    assert verify_part(part) == []
