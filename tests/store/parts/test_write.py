"""Parts: whole or not there, whoever writes and whenever it dies."""

import errno
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from store.disk.files import write_json
from store.errors import (
    DiskFull,
    PartConflict,
    PartDamaged,
    RowsRefused,
    SchemaTooNew,
    StageIncomplete,
    TableNotFound,
)
from store.parts.write import (
    has_part,
    is_complete,
    list_parts,
    mark_complete,
    read_part,
    read_table,
    require_complete,
    stage_folder,
    verify_part,
    write_part,
)
from store.schema import SCHEMA_VERSION
from tests.store.small_parts import hidden, stat_rows
from tests.synthetic import make_run, write_capture_part


def test_a_part_is_there_after_the_block_and_not_before(stage: Path) -> None:
    with write_part(stage, "p0", {"images": ["i0", "i1"]}) as part:
        part.table("layer_stat", stat_rows(1))
        part.meta["seconds"] = 1.5
        assert not has_part(stage, "p0")
        assert list_parts(stage) == []
    (got,) = list_parts(stage)
    assert got.rows == {"layer_stat": 2}
    assert got.id == f"{stage.name}/p0"
    assert got.manifest["meta"] == {"seconds": 1.5}
    assert got.manifest["schema_version"] == SCHEMA_VERSION
    assert verify_part(got) == []
    assert hidden(stage) == []


def test_an_exception_leaves_nothing(stage: Path) -> None:
    with pytest.raises(KeyboardInterrupt), write_part(stage, "p0") as part:
        part.table("layer_stat", stat_rows(1))
        raise KeyboardInterrupt
    assert list_parts(stage) == []
    assert hidden(stage) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_says_what_to_do_and_other_errors_stay_what_they_are(
    stage: Path, number: int
) -> None:
    with pytest.raises(DiskFull, match="make room"), write_part(stage, "p"):
        raise OSError(number, os.strerror(number))
    with pytest.raises(PermissionError), write_part(stage, "p"):
        raise PermissionError(errno.EACCES, "no")
    assert not hidden(stage)
    assert list_parts(stage) == []


def test_a_part_is_begun_only_where_one_like_the_others_finds_room(
    stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with write_part(stage, "first") as part:
        (part.path / "some").write_bytes(bytes(5000))
    size = sum(path.stat().st_size for path in (stage / "first").iterdir())
    usage = shutil.disk_usage(stage)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=size - 1))
    refused = pytest.raises(DiskFull, match=f"about {size:,} bytes, {size - 1:,} are free")
    with refused, write_part(stage, "second"):
        raise AssertionError("it was begun")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=size))
    with write_part(stage, "second"):
        pass
    assert [part.name for part in list_parts(stage)] == ["first", "second"]


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
    with (
        pytest.raises(PartConflict, match="different work different names"),
        write_part(stage, "p0", {"images": ["i1"]}),
    ):
        pass
    assert hidden(stage) == []


def test_a_folder_that_is_no_part_is_not_taken_for_one(stage: Path) -> None:
    (stage / "p0").mkdir()
    (stage / "p0" / "x").write_text("half a copy")
    with pytest.raises(PartDamaged, match="still being copied"):
        list_parts(stage)
    with pytest.raises(PartDamaged), write_part(stage, "p0"):
        pass


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"image_id": "i", "layer": 1, "condition_id": "b", "resid_nrom": 1.0}], "resid_nrom"),
        ([{"image_id": "i", "layer": 1}], "condition_id"),
        ([{"image_id": None, "layer": 1, "condition_id": "b"}], "image_id"),
        ([{"image_id": "i", "layer": 2**40, "condition_id": "b"}], "layer int32"),
        ([{"image_id": "i", "layer": "one", "condition_id": "b"}], "must fit"),
        (stat_rows(1) + stat_rows(1), "unique"),
    ],
)
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


@pytest.mark.parametrize("version", [0, -1, SCHEMA_VERSION + 1])
def test_parts_of_another_schema_are_refused(stage: Path, version: int) -> None:
    with write_part(stage, "p0") as part:
        part.table("layer_stat", stat_rows(1))
    manifest = read_part(stage / "p0").manifest
    write_json(stage / "p0" / "part.json", {**manifest, "schema_version": version})
    with pytest.raises(SchemaTooNew, match=f"got {version}. Update this program"):
        read_table(list_parts(stage), "layer_stat")
