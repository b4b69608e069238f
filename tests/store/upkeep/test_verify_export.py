"""Verifying a run, and taking its tables elsewhere."""

import json
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from store import open_run
from store.disk.files import file_sha256
from store.disk.generations import sidecar_path
from store.errors import TableNotFound
from store.query.export import export_table
from store.upkeep.verify import verify_run
from tests.synthetic import make_run, write_capture_part


def part_of(run: Path) -> Path:
    return next((run / "parts").glob("capture-*")) / "part-00001"


def test_a_good_run_is_good(run: Path) -> None:
    report = verify_run(run)
    assert report.ok and report.n_parts == 6 and report.n_bytes > 10_000 and not report.notes


def test_unpublished_parts_are_a_note(run: Path, tmp_path: Path) -> None:
    write_capture_part(part_of(run).parent, "more", [30], 5, 3, (4, 4))
    report = verify_run(run)
    assert report.ok and "more" in report.notes[0]
    assert verify_run(make_run(tmp_path / "new", publish=False)).notes


def test_each_damage_is_found(run: Path) -> None:
    path = part_of(run) / "tensors.h5"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    caption = part_of(run) / "caption.parquet"
    caption.write_bytes(caption.read_bytes()[:-1])
    problems = verify_run(run).problems
    assert len(problems) == 2
    assert any("tensors.h5: sha256" in problem for problem in problems)
    assert any("caption.parquet: expected" in problem for problem in problems)


def test_parts_gone_or_emptied_are_found(run: Path) -> None:
    (part_of(run) / "part.json").unlink()
    shutil.rmtree(part_of(run).parent / "part-00002")
    problems = " ".join(verify_run(run).problems)
    assert "must be a part" in problems
    assert "part-00002: is published and is not among the parts" in problems


def test_a_broken_published_file_is_found(run: Path) -> None:
    (run / "results-1.duckdb").write_bytes(b"broken" * 1000)
    (problem,) = verify_run(run).problems
    assert "nothing is lost" in problem


def changed(run: Path, statement: str) -> tuple[str, ...]:
    """What is wrong once the published tables are other than the parts, and their hash is right."""
    path = run / "results-1.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(statement)
    side = sidecar_path(run, 1)
    output = json.loads(side.read_text(encoding="utf-8"))
    side.write_text(json.dumps({**output, "sha256": file_sha256(path)}), encoding="utf-8")
    return verify_run(run).problems


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE caption SET text = 'hello'", "caption"),
        (
            "UPDATE image SET label = 'hello' WHERE image_id = (SELECT min(image_id) FROM image)",
            "image",
        ),
        ("UPDATE score SET value = value + 1e-6 WHERE layer = 2", "score"),
        ("INSERT INTO skipped VALUES ('a.png', 'hello')", "skipped"),
        ("DELETE FROM head_stat WHERE layer = 1 AND head = 0", "head_stat"),
        ("INSERT INTO condition VALUES ('skip:1', 'skip', [1], [], NULL, NULL)", "condition"),
    ],
)
def test_published_rows_are_compared_by_content(run: Path, statement: str, table: str) -> None:
    (problem,) = changed(run, statement)
    assert f"table {table}: expected the" in problem


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_exports_read_back(run: Path, tmp_path: Path, suffix: str) -> None:
    with open_run(run) as opened:
        path = export_table(opened, "caption", tmp_path / f"out{suffix}")
        frame = opened.table("caption")
    back = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    columns = [column for column in frame if column != "token_ids"]
    pd.testing.assert_frame_equal(back[columns], frame[columns], check_dtype=False)
    if suffix == ".csv":
        assert back.token_ids[0] == str(frame.token_ids[0].tolist())
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith((".", "out"))) == [
        path.name
    ]


def test_frames_are_exported_and_nonsense_is_refused(run: Path, tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ['a, "b"\nc', None], "n": [1, 2]})
    back = pd.read_csv(export_table(None, frame, tmp_path / "f.csv"))
    assert back.text[0] == frame.text[0] and pd.isna(back.text[1])
    with pytest.raises(ValueError, match=r"\.csv or \.parquet"):
        export_table(None, frame, tmp_path / "f.xlsx")
    with pytest.raises(ValueError, match="its run"):
        export_table(None, "caption", tmp_path / "f.csv")
    with open_run(run) as opened, pytest.raises(TableNotFound):
        export_table(opened, "captions", tmp_path / "f.csv")
