"""Publishing: generations, readers that are not disturbed, and what is refused."""

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from store import open_run
from store.disk.files import write_json
from store.disk.generations import current_generation
from store.disk.runs import read_run, update_run
from store.errors import (
    FolderRefused,
    PartDamaged,
    PublishLocked,
    PublishRefused,
    SchemaTooNew,
    StageMixed,
)
from store.parts.write import list_parts, read_part, stage_folder, write_part
from store.publish import build
from store.publish.generation import current_parts, is_due, publish, published_manifest
from store.schema import SCHEMA_VERSION, TABLES
from store.upkeep.verify import verify_run
from tests.hostile_names import FOLDERS
from tests.store.small_parts import add_part, capture
from tests.synthetic import begin_run, make_run, write_capture_part


def tables_of(run: Path) -> dict[str, str]:
    with open_run(run) as opened:
        return {name: opened.table(name).to_csv() for name in TABLES}


def test_all_tables_exist_with_the_columns_of_the_schema(run: Path) -> None:
    with open_run(run) as opened:
        for name, table in TABLES.items():
            frame = opened.table(name)
            assert list(frame.columns) == list(table.columns)
            keys = frame[list(table.key)]
            assert not keys.duplicated().any() and not keys.isna().any().any()


def test_rows_are_sorted_as_the_schema_says(run: Path) -> None:
    with open_run(run) as opened:
        for name, table in TABLES.items():
            frame = opened.table(name)
            assert frame.equals(frame.sort_values(list(table.order), ignore_index=True)), name


def test_published_rows_are_those_of_the_parts(run: Path) -> None:
    parts = list_parts(capture(run))
    stored = pd.concat(pd.read_parquet(part.path / "caption.parquet") for part in parts)
    order = list(TABLES["caption"].order)
    with open_run(run) as opened:
        there = opened.table("caption")
    columns = [column for column in there if column != "token_ids"]
    pd.testing.assert_frame_equal(
        there[columns], stored.sort_values(order, ignore_index=True)[columns], check_dtype=False
    )


def test_nothing_is_done_when_nothing_changed(run: Path) -> None:
    first = published_manifest(run)
    again = publish(run)
    assert not again.created and again.number == 1 and again.rows == first["rows"]
    update_run(run, parity={"passed": False})
    changed = publish(run)
    assert changed.created and changed.number == 2


def test_deleting_the_published_files_loses_nothing(run: Path) -> None:
    before = tables_of(run)
    for path in run.glob("results*"):
        path.unlink()
    assert current_generation(run) is None
    publish(run)
    assert tables_of(run) == before


def test_a_dangling_link_is_published_anew(run: Path) -> None:
    (run / "results-1.duckdb").unlink()
    assert publish(run).created
    with open_run(run) as opened:
        assert len(opened.table("image")) == 12


def test_parts_that_vanish_are_refused(run: Path) -> None:
    shutil.rmtree(capture(run) / "part-00001")
    shutil.rmtree(next((run / "parts").glob("score-*")) / "part-00001")
    with pytest.raises(PublishRefused, match="part-00001"):
        publish(run)
    assert current_generation(run) == 1
    assert publish(run, allow_fewer=True).rows["image"] == 7


def test_two_settings_of_a_stage_are_refused_unless_one_is_named(run: Path) -> None:
    other = stage_folder(run, "capture", {"code": 2})
    write_capture_part(other, "part-00000", [0, 1], 5, 3, (4, 4))
    info = read_run(run)
    assert next(iter(current_parts(run, info))) == info["stages"]["capture"]
    stages = {k: v for k, v in info["stages"].items() if k != "capture"}
    messages = r"got capture-\w+ \(\d parts, the last made 2\d{3}-.*Move all of them but one"
    with pytest.raises(StageMixed, match=messages):
        current_parts(run, {**info, "stages": stages})
    update_run(run, stages={"capture": other.name})
    assert publish(run).rows["image"] == 2


def test_a_named_stage_without_parts_does_not_bring_back_the_old_one(run: Path) -> None:
    update_run(run, stages={"score": stage_folder(run, "score", {"new": 1}).name})
    assert [name.rpartition("-")[0] for name in current_parts(run, read_run(run))] == ["capture"]


def test_the_same_work_twice_is_refused(run: Path) -> None:
    add_part(run, "again", [3])
    stage = capture(run).name
    twice = rf"'img00003'.* in {stage}/again and {stage}/part-0000\d\. .*--allow-fewer"
    with pytest.raises(PublishRefused, match=twice):
        publish(run)
    with open_run(run) as opened:
        assert len(opened.table("image")) == 12
    assert list(run.glob(".publish~*")) == []


def test_a_table_that_is_sorted_in_pieces_has_the_same_rows(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sorted by image is cut between parts, which here is the whole order all the same."""
    whole = tables_of(run)
    monkeypatch.setattr(build, "_SORTED", 1)
    update_run(run, note="changed")
    assert publish(run).created
    assert {**tables_of(run), "run": ""} == {**whole, "run": ""}


def test_the_same_scores_in_two_stages_are_refused(run: Path) -> None:
    rows = [
        {
            "condition_id": "baseline",
            "image_id": "img00003",
            "layer": 2,
            "metric": "exact",
            "against": "final",
            "value": 1.0,
        }
    ]
    for label in ("score.exact", "score.exact.again"):
        with write_part(stage_folder(run, label, {}), "part-00000") as part:
            part.table("score", rows)
    with pytest.raises(PublishRefused, match=r"score.*img00003"):
        publish(run)


def test_damaged_parts_are_named(run: Path) -> None:
    path = capture(run) / "part-00001" / "caption.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    update_run(run, note="changed")
    with pytest.raises(PartDamaged, match="part-00001"):
        publish(run)
    (path.parent / "tensors.h5").unlink()
    with pytest.raises(PartDamaged, match=r"tensors\.h5.*no such file"):
        publish(run)


def test_one_publisher_at_a_time(run: Path) -> None:
    with FileLock(run / ".publish.lock"), pytest.raises(PublishLocked, match="Try again"):
        publish(run, timeout=0)


def test_parts_of_another_schema_are_refused(run: Path) -> None:
    path = capture(run) / "part-00001"
    manifest = read_part(path).manifest
    write_json(path / "part.json", {**manifest, "schema_version": SCHEMA_VERSION + 1})
    with pytest.raises(SchemaTooNew, match="part-00001"):
        publish(run)


def test_nan_is_published_as_null(run: Path) -> None:
    stage = stage_folder(run, "extra", {})
    with write_part(stage, "p0") as part:
        part.table(
            "answer",
            [
                {
                    "condition_id": "baseline",
                    "image_id": "img00000",
                    "layer": 1,
                    "question": "where",
                    "score": np.nan,
                }
            ],
        )
    publish(run)
    with open_run(run) as opened:
        assert len(opened.table("answer", "score IS NULL")) == 1


def test_a_run_without_parts_publishes_empty_tables(tmp_path: Path) -> None:
    run = begin_run(tmp_path, "empty", 2, 2, (2, 2), 0)
    generation = publish(run)
    assert {name for name, rows in generation.rows.items() if rows} == {"run", "condition"}


def test_publishing_is_due_after_ten_times_its_duration(run: Path) -> None:
    side = json.loads((run / "results-1.json").read_text())
    for age, due in ((9, False), (11, True)):
        write_json(
            run / "results-1.json",
            {**side, "seconds": 10.0, "published_at": time.time() - 10 * age},
        )
        assert is_due(run) == due


def test_no_folder_above_a_run_gives_its_columns(tmp_path: Path) -> None:
    plain = make_run(tmp_path / "results")
    above = Path(*(f"{column}=hello" for column in ("text", "label", "dataset", "source", "part")))
    named = make_run(tmp_path / above / "mean_logprob=3" / "layer=1" / "results")
    assert verify_run(named).ok
    with open_run(plain) as expected, open_run(named) as got:
        for table in TABLES.keys() - {"run"}:
            pd.testing.assert_frame_equal(got.table(table), expected.table(table))


@pytest.mark.parametrize("name", FOLDERS)
def test_names_of_folders_mean_nothing(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    run = make_run(folder, n_images=2)
    with open_run(run) as opened:
        assert len(opened.table("image")) == 2
        assert opened.tensors("img00001").image_id == "img00001"
    assert verify_run(run).ok


@pytest.mark.parametrize("name", ["a?b", "a\\b", "caf\udce9"])
def test_a_run_under_a_name_that_duckdb_would_misread_is_not_published(tmp_path, name):
    made = make_run(tmp_path, n_images=2, publish=False)
    folder = tmp_path / name
    folder.mkdir()
    run = made.rename(folder / made.name)
    before = sorted(path.name for path in run.iterdir())
    with pytest.raises(FolderRefused, match="Rename it"):
        publish(run)
    assert sorted(path.name for path in run.iterdir()) == before
