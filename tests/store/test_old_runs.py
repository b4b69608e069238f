"""Runs of the first schema open, verify, publish and go on as they did."""

import json
import math
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from store import open_run
from store.disk.files import file_sha256, write_json
from store.disk.runs import read_run, update_run
from store.errors import PartDamaged
from store.parts.read import list_parts, read_table
from store.publish.generation import publish
from store.query.one_image import head_stats, layer_stats
from store.schema import SCHEMA_VERSION, TABLES, lacking
from store.upkeep.verify import verify_run
from tests.store.small_parts import add_part, capture
from tests.store.version_1 import COLUMNS, make_old, make_run_old
from tests.synthetic import make_run, write_capture_part

NEW = {table: set(TABLES[table].columns) - set(columns) for table, columns in COLUMNS.items()}


@pytest.fixture
def old(run: Path) -> Path:
    make_run_old(run)
    return run


def tables_of(run: Path) -> dict[str, pd.DataFrame]:
    with open_run(run) as opened:
        return {name: opened.table(name) for name in TABLES if name != "run"}


def test_only_these_tables_have_columns_that_the_first_version_had_not() -> None:
    for name, table in TABLES.items():
        if name not in ("run", *COLUMNS):
            assert lacking(name, 1) == ()
        elif name in COLUMNS:
            assert tuple(c for c in table.columns if c not in lacking(name, 1)) == COLUMNS[name]
        assert lacking(name, SCHEMA_VERSION) == ()
    for version in (0, SCHEMA_VERSION + 1):
        with pytest.raises(ValueError, match=f"got {version}"):
            lacking("layer_stat", version)


def test_what_an_old_version_published_is_read_and_verified(old: Path) -> None:
    assert "class_token" not in json.loads((old / "run.json").read_text())
    with open_run(old) as opened:
        assert opened.class_token and not opened.table("run").empty
        assert not {*NEW["layer_stat"]} & {*opened.table("layer_stat").columns}
        for of in (layer_stats, head_stats):
            assert not of(opened, "img00001", "baseline", opened.class_token).isna().all().any()
        assert opened.tensors("img00001").attention.shape == (5, 3, 17)
    report = verify_run(old)
    assert report.ok and not report.notes, report


def test_an_old_run_is_published_with_the_same_numbers(old: Path, tmp_path: Path) -> None:
    before = tables_of(old)
    assert publish(old).created
    after = tables_of(old)
    for name, frame in before.items():
        assert after[name][list(frame)].equals(frame), name
        for column in NEW.get(name, ()):
            assert after[name][column].isna().all()
    with open_run(old) as opened:
        assert opened.table("run").class_token.tolist() == [True]
    assert verify_run(old).ok
    assert not publish(old).created


def test_an_old_run_goes_on_in_new_parts(old: Path, tmp_path: Path) -> None:
    add_part(old, "before-the-others", [12, 13])
    assert {p.manifest["schema_version"] for p in list_parts(capture(old))} == {1, SCHEMA_VERSION}
    publish(old)
    assert verify_run(old).ok
    new = make_run(tmp_path / "new", n_images=14, with_scores=False)
    for name in COLUMNS:
        got, expected = (
            tables_of(of)[name].drop(columns=["part", "row_in_part"], errors="ignore")
            for of in (old, new)
        )
        key = list(TABLES[name].key)
        assert got.sort_values(key, ignore_index=True).equals(
            expected.sort_values(key, ignore_index=True)
        )


def test_rows_of_old_parts_have_the_columns_of_today(stage: Path) -> None:
    write_capture_part(stage, "p0", [0, 1], 2, 2, (2, 2))
    for name in COLUMNS:
        expected = read_table(list_parts(stage), name)
        make_old(stage / "p0")
        got = read_table(list_parts(stage), name)
        assert got.schema.names == list(TABLES[name].columns) and got.equals(expected)
        column = lacking(name, 1)[0]
        assert got.schema.field(column).type == TABLES[name].columns[column]


@pytest.mark.parametrize("version", [1, SCHEMA_VERSION])
@pytest.mark.parametrize("change", ["less", "more"])
def test_nothing_but_the_columns_of_its_version_is_taken(
    run: Path, version: int, change: str
) -> None:
    """A part that lacks a column is not one of an older version, nor has an old one new columns."""
    part = capture(run) / "part-00001"
    if version == 1:
        make_old(part)
    file = part / "layer_stat.parquet"
    rows = pq.read_table(file)
    column = "received_entropy" if version == 1 else "received_entropies"
    if change == "more":
        rows = rows.append_column(column, rows["resid_norm"])
    else:
        rows = rows.drop_columns(["resid_norm" if version == 1 else "received_entropy"])
    pq.write_table(rows, file)
    manifest = json.loads((part / "part.json").read_text())
    manifest["files"][file.name] |= {"bytes": file.stat().st_size, "sha256": file_sha256(file)}
    write_json(part / "part.json", manifest)
    with pytest.raises(PartDamaged, match=r"part-00001/layer_stat\.parquet must have the columns"):
        read_table(list_parts(part.parent), "layer_stat")
    with pytest.raises(PartDamaged, match="must have the columns"):
        publish(run)


def test_the_kind_of_tower_must_be_a_yes_or_no(run: Path) -> None:
    info = json.loads((run / "run.json").read_text())
    for value in (None, 1, "false", []):
        write_json(run / "run.json", {**info, "class_token": value})
        with pytest.raises(PartDamaged, match="class_token"):
            read_run(run)


def test_arrays_of_the_other_kind_of_tower_are_refused(run: Path) -> None:
    update_run(run, class_token=False, grid_h=1, grid_w=17)  # the shape alone would fit
    with open_run(run) as opened, pytest.raises(PartDamaged, match="received_attention must be"):
        opened.tensors("img00001")


def test_a_run_without_a_class_token_is_published_and_read(tmp_path: Path) -> None:
    run = make_run(tmp_path, "patches", conditions=True, class_token=False)
    assert verify_run(run).ok
    with open_run(run) as opened:
        assert not opened.class_token
        assert opened.table("run").class_token.tolist() == [False]
        arrays = opened.tensors("img00001")
        assert arrays.attention.shape == arrays.contribution.shape == (5, 3, 16)
        assert abs(arrays.attention.astype(float).sum(-1) - 1).max() < 0.01
        layers = layer_stats(opened, "img00001", "baseline", False)
        heads = head_stats(opened, "img00001", "baseline", False)
        maps = arrays.attention.astype(float).mean(1)
        assert layers.received_entropy.to_numpy() == pytest.approx(
            [-sum(p * math.log(p) for p in of_layer) for of_layer in maps], abs=0.01
        )
        assert {"attn_to_patches", "cos_prev"} & {*layers, *heads} == set()
        curves = set(opened.table("curve").metric) | set(opened.table("head_curve").metric)
        stats = opened.table("layer_stat")
    assert {"mean_update_norm", "received_shift", "mean_contribution_share"} <= curves
    assert not curves & {"attn_to_patches", "delta_attn", "update_norm", "contribution_norm"}
    assert stats.attn_to_patches.isna().all()
