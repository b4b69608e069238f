"""A run that was damaged or made to harm, beside a good one: sentences, and the good one stays."""

import json
import os
import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from store.disk.making import Making, write_making
from tests.dashboard.opening import PAGES, app, words
from tests.synthetic import make_run

OTHERS = (
    *(page for page in PAGES if page not in ("images", "image")),
    "judge",
    "compare",
    "figures",
)
DEEP = "[" * 100_000


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    make_run(folder, "bad", n_images=3, n_layers=3, n_heads=2, conditions=True)
    make_run(folder, "good", n_images=3, n_layers=3, n_heads=2, seed=1)
    return folder


def as_json(file, **fields):
    def change(run):
        path = next(iter(run.glob(file)))
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return change


def as_text(file, text):
    def change(run):
        path = next(iter(run.glob(file)))
        path.write_text(text)

    return change


def folder_for_file(run):
    (run / "run.json").unlink()
    (run / "run.json").mkdir()


def pipe_for_file(run):
    (run / "run.json").unlink()
    os.mkfifo(run / "run.json")


def sql(*statements):
    def change(run):
        with duckdb.connect(str(run / "results-1.duckdb")) as con:
            for statement in statements:
                con.execute(statement)

    return change


def odd_making(run):
    write_making(run.parent, Making((run.name,), ("run", "x.toml")))
    (path,) = (run.parent / ".making").iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"total": "many", "runs": [[1]]}))


def no_tensors(run):
    for path in run.glob("parts/*/*/*.h5"):
        path.unlink()


def no_tables(run):
    for path in run.glob("results*"):
        path.unlink()


def cut_tables(run):
    with (run / "results-1.duckdb").open("r+b") as file:
        file.truncate(5000)


def other_columns(run):
    for path in run.glob("parts/capture-*/*/caption.parquet"):
        pq.write_table(pq.read_table(path).drop_columns(["text"]), path)


BAD = {
    "run.json is a folder": folder_for_file,
    "run.json is a pipe": pipe_for_file,
    "run.json nested": as_text("run.json", DEEP),
    "run.json of a list": as_text("run.json", "[1]"),
    "run.json empty": as_text("run.json", ""),
    "parity": as_json("run.json", parity=["passed"]),
    "checks": as_json("run.json", parity={"checks": {"a": 1}}),
    "stages": as_json("run.json", stages={"capture": "../../../x"}),
    "config": as_json("run.json", config="none"),
    "no size": as_json("run.json", n_layers=None, n_heads=None, grid_h=None, grid_w=None),
    "another size": as_json("run.json", n_layers=40, n_heads=16, grid_h=16, grid_w=16),
    "huge size": as_json("run.json", n_layers=10**12),
    "sidecar": as_json("results-1.json", parts=3, bytes="x"),
    "making": odd_making,
    "no arrays": no_tensors,
    "no tables": no_tables,
    "cut tables": cut_tables,
    "a view": sql("CREATE VIEW v AS SELECT 1"),
    "NULL in part": sql("UPDATE image SET part = NULL, row_in_part = NULL"),
    "part elsewhere": sql("UPDATE image SET part = '../../x'"),
    "row far away": sql("UPDATE image SET row_in_part = 2000000000"),
    "metric of two colons": sql("UPDATE score SET metric = 'a:b:c' WHERE metric = 'rouge_l'"),
    "no curves": sql("DELETE FROM curve", "DELETE FROM head_curve", "DELETE FROM landmark"),
    "no conditions": sql("DELETE FROM condition"),
    "NULL captions": sql("UPDATE caption SET text = NULL"),
    "no captions": sql("DELETE FROM caption"),
    "layers far away": sql("UPDATE caption SET layer = 2000000000 WHERE layer = 2"),
    "odd specification": sql("UPDATE condition SET spec = '[[['"),
    "a mean of another type": sql("""UPDATE condition SET spec = '{"mean": [1]}'"""),
    "half a mean": sql("""UPDATE condition SET spec = '{"mean": {"n": 3}}'"""),
    "a pruning of another type": sql("""UPDATE condition SET spec = '{"pruning": [1]}'"""),
    "half a pruning": sql("""UPDATE condition SET spec = '{"pruning": {"n_pruned": 3}}'"""),
    "dropped table": sql("DROP TABLE landmark"),
    "dropped column": sql("ALTER TABLE caption DROP COLUMN token_ids"),
    "columns of other types": sql("ALTER TABLE caption ALTER COLUMN mean_logprob TYPE VARCHAR"),
}


@pytest.mark.parametrize("what", BAD)
def test_pages_of_a_strange_run_are_pages_or_sentences(two, tmp_path, monkeypatch, what):
    results = Path(shutil.copytree(two, tmp_path / "results", symlinks=True))
    (bad,), (good,) = results.glob("bad-*"), results.glob("good-*")
    BAD[what](bad)
    monkeypatch.setenv("PEEL_RESULTS", str(results))
    # Two of the other pages in turn: all of them in all cases take a minute and a half.
    turn = 2 * list(BAD).index(what)
    for page in ("images", "image", *(OTHERS[(turn + k) % len(OTHERS)] for k in (0, 1))):
        asked = {"run": bad.name, "image": "img00000"}
        at = app(page, asked).run()
        assert not at.exception, (page, [error.value for error in at.exception])
        assert words(at).strip(), page
    at = app("images", {"run": good.name}).run()
    assert not at.exception
    assert "3 of 3 images" in words(at)
