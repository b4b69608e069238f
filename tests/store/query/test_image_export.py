"""Exports: rows, values, and the query that made them."""

import csv
import io
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from store import open_run
from store.query.image_export import PARQUET_KEY, collect
from store.query.images import Search, Selection, Sort
from store.query.predicates import Quantity, parse_predicates
from store.query.similar import Likeness

TEXT = "rouge_l:final@2>=0;|delta_attn|>=0"


@pytest.fixture
def opened(run):
    with open_run(run) as got:
        yield got


def test_all_images_with_the_values_asked_for(opened):
    frame = collect(opened, Selection(parse_predicates(TEXT))).frame
    assert list(frame.columns) == [
        "image_id",
        "label",
        "category",
        "caption",
        "rouge_l:final@2",
        "|delta_attn|",
    ]
    assert len(frame) == 12
    stats = opened.table("layer_stat")
    largest = stats["delta_attn"].abs().groupby(stats["image_id"]).max()
    assert dict(zip(frame["image_id"], frame["|delta_attn|"], strict=True)) == dict(largest)


def test_the_query_can_be_asked_again(opened):
    chosen = Selection(
        parse_predicates(TEXT),
        Search("a", 5),
        among=("img00001", "img00003"),
        category=("physics", "biology"),
    )
    for order in (None, Sort(Quantity("map_shift")), Likeness("img00001", "rouge_l")):
        made = collect(opened, chosen, order, tag="funny")
        query = made.query
        again = opened.sql(query["sql"], query["params"])
        assert list(again["image_id"]) == list(made.frame["image_id"])
        assert (query["run"], query["generation"]) == (opened.run_id, opened.generation)
        assert (query["filter"], query["tag"]) == ("rouge_l:final@2>=0;|delta_attn|>=0", "funny")
        assert query["search"] == {"text": "a", "layer": 5}
        assert (query["category"], query["label"]) == (["physics", "biology"], [])
        assert query["images"] == len(again)


def test_csv_begins_with_the_query_and_reads_back(opened):
    made = collect(opened, Selection(), written={"img00002": ("x; y", 'a, "b"\nc')})
    text = made.csv()
    first = next(csv.reader(io.StringIO(text)))
    assert len(first) == 1  # one cell, so that no part of it begins a cell of its own
    assert json.loads(first[0].removeprefix("# ")) == made.query
    read = pd.read_csv(io.StringIO(text), skiprows=1, keep_default_na=False)
    assert list(read["image_id"]) == list(made.frame["image_id"])
    row = read[read["image_id"] == "img00002"].iloc[0]
    assert (row["tags"], row["note"]) == ("x; y", 'a, "b"\nc')


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_a_csv_is_a_formula_and_parquet_holds_it_as_it_is(opened, text):
    made = collect(
        opened, Selection(parse_predicates("delta_attn@3>-9")), written={"img00000": (text, text)}
    )
    rows = list(csv.reader(io.StringIO(made.csv(), newline="")))
    cells = [cell for row in rows for cell in row]
    assert f"'{text}" in cells
    numbers = rows[1].index("delta_attn@3")
    for row in rows:
        for place, cell in enumerate(row):
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert place == numbers or not cell.startswith("-")  # numbers stay numbers
    stored = pq.read_table(io.BytesIO(made.parquet()))
    assert stored.column("note")[0].as_py() == text
    assert json.loads(stored.schema.metadata[PARQUET_KEY.encode()]) == made.query
    pd.testing.assert_frame_equal(stored.to_pandas(), made.frame)
