"""Stage `floor` against the library's `generate`, its weights permuted by hand, its tower cut."""

import copy
import shutil
from dataclasses import dataclass

import duckdb
import numpy as np
import pytest
import torch

from precompute.config.settings import FloorConfig, ScoreConfig
from precompute.images import readable
from precompute.metrics.exact import exact
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from store.query import floor as floor_queries
from store.query import images as image_queries
from tests.precompute.brute_force import permuted_model

PROMPT, SEEDS = "a short image caption.", (0, 5)


@pytest.fixture(scope="module")
def with_floor(config):
    return config.model_copy(
        update={
            "floor": FloorConfig(seeds=SEEDS, n=4, draw=2),
            "score": ScoreConfig(metrics=("exact", "uniqueness", "repetition"), shuffles=1),
        }
    )


@dataclass
class Answers:
    """Whatever answers SQL with a frame."""

    con: duckdb.DuckDBPyConnection

    def sql(self, query, params=None):
        return self.con.execute(query, params).df()


def execute_into(results, config, captioner):
    (plan,) = plan_runs(config)
    with Watch() as watch:
        return execute(Job(plan, results, lambda: captioner, Maker(watch)))


@pytest.fixture(scope="module")
def folder(with_floor, captioner, tmp_path_factory):
    return execute_into(tmp_path_factory.mktemp("results"), with_floor, captioner)


@pytest.fixture(scope="module")
def pictures_of(with_floor):
    (plan,) = plan_runs(with_floor)
    return {item.image_id: picture for item, picture in readable(plan.items)}


def logprob(model, inputs, ids):
    logits = model(**inputs, decoder_input_ids=torch.tensor([[0, *ids[:-1]]])).logits[0]
    return logits.log_softmax(-1)[torch.arange(len(ids)), torch.tensor(ids)].mean().item()


def test_captions_equal_generate_of_a_model_permuted_by_hand(
    folder, with_floor, captioner, pictures_of
):
    with open_run(folder) as run:
        rows = run.table("floor_caption").set_index(["condition_id", "image_id", "layer"])
        final = run.table("caption", "layer = 3").set_index("image_id").token_ids
    images = set(rows.index.get_level_values("image_id"))
    # Four are drawn of six; one of the six does not open.
    assert images < set(pictures_of) and len(images) in (3, 4)
    assert len(rows) == len(SEEDS) * len(images) * 4
    for seed in SEEDS:
        whole = permuted_model(captioner.model, seed)
        for layer in range(4) if seed == SEEDS[0] else (3,):
            model = copy.deepcopy(whole)
            model.vision_model.encoder.layers = model.vision_model.encoder.layers[:layer]
            for image_id in images:
                inputs = captioner.processor(pictures_of[image_id], PROMPT, return_tensors="pt")
                ids = model.generate(
                    **inputs, do_sample=False, **with_floor.decode.generation.model_dump()
                ).tolist()[0][1:]
                row = rows.loc[f"floor:{seed}", image_id, layer]
                assert list(row.token_ids) == (ids[: ids.index(1) + 1] if 1 in ids else ids)
                mine = logprob(model, inputs, list(row.token_ids))
                assert row.mean_logprob == pytest.approx(mine, abs=1e-4)
                ending = logprob(model, inputs, list(final[image_id]))
                assert row.final_logprob == pytest.approx(ending, abs=1e-4)


def test_scores_and_the_band_by_a_plain_loop(folder):
    with open_run(folder) as run:
        captions, scores = run.table("floor_caption"), run.table("floor_score")
        plain = run.table("caption").set_index(["image_id", "layer"]).text
        refs = run.table("image").set_index("image_id").refs
        curves, band = run.table("floor_curve"), floor_queries.band(run)
    text = captions.set_index(["condition_id", "image_id", "layer"]).text
    assert set(scores.metric) == {"exact", "grounded_gain_exact", "repetition"}
    value = scores.set_index(["condition_id", "image_id", "layer", "metric", "against"]).value
    held = {
        "final": lambda c, i, at: [text[c, i, 3]],
        "baseline": lambda c, i, at: [plain[i, at]],
        "reference": lambda c, i, at: list(refs[i]),
    }
    for condition, image, layer in text.index:
        for against, others in held.items():
            expected = exact([text[condition, image, layer]], [others(condition, image, layer)])
            assert value[condition, image, layer, "exact", against] == expected[0]
    logprobs = captions.groupby(["condition_id", "layer"]).mean_logprob.mean()
    for row in curves[curves.metric == "mean_logprob"].itertuples():
        assert row.mean == pytest.approx(logprobs[row.condition_id, row.layer], abs=1e-6)
        assert row.n == captions.image_id.nunique()
    for row in band.itertuples():
        same = curves[
            (curves.metric == row.metric)
            & (curves.against == row.against)
            & (curves.layer == row.layer)
        ]
        ends = [same.low.min(), same.high.max()]  # NaN: four images are too few for an interval
        np.testing.assert_array_equal([row.low, row.high], ends)
        assert row.mean == pytest.approx(np.mean(list(same["mean"])))
        assert (row.n, row.towers) == (same.n.min(), len(SEEDS))
    assert len(band) == len(curves) / len(SEEDS)


def test_no_page_takes_it_for_a_condition(folder):
    with open_run(folder) as run:
        assert image_queries.conditions(run) == ["baseline"]
        for table in ("condition", "caption", "score", "curve", "change", "landmark", "image_stat"):
            frame = run.table(table)
            assert not frame.condition_id.str.startswith("floor").any(), table


def test_another_seed_makes_its_own_tower_alone(folder, with_floor, captioner, tmp_path):
    shutil.copytree(folder, tmp_path / folder.name, symlinks=True)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/parts/*/*/part.json")}
    more = with_floor.model_copy(update={"floor": FloorConfig(seeds=(*SEEDS, 9), n=4, draw=2)})
    again = execute_into(tmp_path, more, captioner)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/parts/*/*/part.json")}
    assert {path: made[path] for path in before} == before
    assert {path.parent.parent.name.rpartition("-")[0] for path in made.keys() - before.keys()} == {
        "floor.9", "score.exact.floor.9", "score.repetition.floor.9",
    }  # fmt: skip
    with open_run(again) as run:
        assert set(floor_queries.band(run).towers) == {3}


def test_without_one_or_its_table_the_band_is_empty(folder):
    with duckdb.connect() as con:
        assert floor_queries.band(Answers(con)).empty  # of an older version
        columns = list(floor_queries.band(Answers(con)).columns)
        con.execute(
            "CREATE TABLE floor_curve (metric TEXT, against TEXT, layer INT, n INT, mean DOUBLE, "
            "low DOUBLE, high DOUBLE)"
        )
        assert floor_queries.band(Answers(con)).empty
    with open_run(folder) as run:
        assert list(floor_queries.band(run).columns) == columns
