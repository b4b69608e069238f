"""Captions of many images, layer by layer, against a loop over the run's rows."""

import numpy as np
import pytest

from store import open_run
from store.query import Predicate, Quantity, Selection, by_layer
from store.query.images import filter_images
from store.query.predicates import parse_predicates
from tests.synthetic import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("by-layer"), n_images=12, conditions=True)
    with open_run(folder) as opened:
        yield opened


def test_texts_are_those_of_the_images_and_the_condition(run):
    ids = ["img00007", "img00002", "not there"]
    frame = by_layer.texts(run, ids, "baseline")
    rows = run.table("caption", "condition_id = 'baseline'")
    there = {(row.image_id, row.layer): row.text for row in rows.itertuples()}
    found = {(row.image_id, row.layer): row.text for row in frame.itertuples()}
    assert found == {at: text for at, text in there.items() if at[0] in ids}
    assert len(found) == 2 * 6


@pytest.mark.parametrize("op", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("text", ["", "map_shift@2>=0.3"])
@pytest.mark.parametrize("against", ["final", "previous"])
def test_shares_are_counted_over_the_images_that_fit(run, op, text, against):
    metric = "rouge_l"
    score = run.table("score", "condition_id = 'baseline'").dropna(subset="value")
    rows = score[(score["metric"] == metric) & (score["against"] == against)]
    bound = float(rows["value"].iloc[3])  # a value that is there: the ends count
    chosen = Selection(parse_predicates(text))
    ids = set(filter_images(run, chosen)["image_id"])
    assert 0 < len(ids) < 12 or not text
    frame = by_layer.shares(run, chosen, Predicate(Quantity(metric, against), op, bound))
    assert len(frame) > 1
    compare = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[op]
    for row in frame.itertuples():
        mine = rows[(rows["layer"] == row.layer) & rows["image_id"].isin(ids)]["value"]
        assert (row.n, row.right) == (len(mine), int(compare(mine, np.float32(bound)).sum()))


def test_scores_are_those_of_the_images(run):
    score = run.table("score", "condition_id = 'baseline'")
    metric, against = score.iloc[0][["metric", "against"]]
    frame = by_layer.scores(run, ["img00003"], "baseline", Quantity(metric, against))
    rows = score[
        (score["metric"] == metric)
        & (score["against"] == against)
        & (score["image_id"] == "img00003")
    ]
    there = dict(zip(rows["layer"], rows["value"], strict=True))
    assert dict(zip(frame["layer"], frame["value"], strict=True)) == there


def test_a_run_without_a_floor_has_no_shares_of_it(run):
    assert by_layer.floor_shares(run, Predicate(Quantity("rouge_l", "final"), ">", 0.5)).empty
