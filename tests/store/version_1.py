"""Runs as the first schema had them: no columns for towers without a class token."""

import json
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from store.disk.files import file_sha256, write_json
from store.disk.generations import sidecar_path

AT = ("condition_id", "image_id", "layer")
COLUMNS = {
    "image": (
        "image_id",
        "dataset",
        "source",
        "width",
        "height",
        "sha256",
        "label",
        "category",
        "refs",
        "explanation",
        "part",
        "row_in_part",
    ),
    "layer_stat": (
        *AT,
        "attn_to_patches",
        "delta_attn",
        "map_shift",
        "attn_entropy",
        "resid_norm",
        "update_norm",
        "attn_norm",
        "mlp_norm",
        "attn_share",
        "patch_update_norm",
        "patch_attn_share",
        "cos_prev",
        "n_outlier_tokens",
    ),
    "head_stat": (
        *AT,
        "head",
        "attn_to_patches",
        "attn_entropy",
        "contribution_norm",
        "contribution_share",
    ),
}
"""The columns of the tables that have more today."""


def make_old(part: Path) -> None:
    """Turn a part into the one that the first version would have written."""
    manifest = json.loads((part / "part.json").read_text())
    for table, columns in COLUMNS.items():
        file = part / f"{table}.parquet"
        if file.exists():
            pq.write_table(pq.read_table(file).select(list(columns)), file, compression="zstd")
            there = manifest["files"][file.name]
            there |= {"bytes": file.stat().st_size, "sha256": file_sha256(file)}
    write_json(part / "part.json", {**manifest, "schema_version": 1})


def make_run_old(run: Path) -> None:
    """Turn all parts of a run, its run.json and what is published of it into such ones."""
    for part in run.glob("parts/*/*/part.json"):
        make_old(part.parent)
    info = json.loads((run / "run.json").read_text())
    del info["class_token"]
    write_json(run / "run.json", {**info, "schema_version": 1})
    tables = run / "results-1.duckdb"
    if not tables.exists():
        return
    with duckdb.connect(str(tables)) as con:
        con.execute("ALTER TABLE run DROP COLUMN class_token")
        for table, columns in COLUMNS.items():
            con.execute(
                f"CREATE OR REPLACE TABLE {table} AS SELECT {', '.join(columns)} FROM {table}"
            )
    side = json.loads(sidecar_path(run, 1).read_text())
    for stage, names in side["parts"].items():
        for name in names:
            names[name] = file_sha256(run / "parts" / stage / name / "part.json")
    write_json(sidecar_path(run, 1), {**side, "sha256": file_sha256(tables)})
