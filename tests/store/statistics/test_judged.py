"""Curves and image statistics of judges against plain loops over the judgements."""

import itertools

import numpy as np
import pandas as pd
import pytest

from store import open_run
from store.parts.write import stage_folder, write_part
from store.publish.generation import publish
from store.query import judges as judge_queries
from store.schema import BASELINE
from store.upkeep.verify import verify_run
from tests.synthetic import image_id, make_run

CRITERIA = ("entities", "specificity", "information", "correspondence")
LAYERS, IMAGES, VOTES = (2, 3, 4), range(7), 3
JUDGES = ("a-1.5-00000000", "b-11111111")


@pytest.fixture
def judged(tmp_path):
    """Two judges of different taste; some scores are missing, one image is not judged well."""
    run = make_run(tmp_path, n_images=9, with_scores=False, publish=False)
    rng = np.random.default_rng(0)
    rows = {}
    for judge in JUDGES:
        menu = [1, 3] if judge == JUDGES[0] else [3, 5]
        for key in itertools.product([judge], IMAGES, LAYERS, CRITERIA, range(VOTES)):
            missing = rng.uniform() < 0.1 or key[1:4] == (3, 4, "entities")
            rows[key] = None if missing else int(rng.choice(menu))
    for judge in JUDGES:
        with write_part(stage_folder(run, f"judge.{judge}", {"judge": judge}), "replies-0") as part:
            part.table(
                "judgement",
                [
                    {
                        "judge": j,
                        "condition_id": BASELINE,
                        "image_id": image_id(i),
                        "layer": layer,
                        "criterion": criterion,
                        "vote": vote,
                        "score": score,
                        "status": "off_menu" if score is None else "ok",
                        "reply_id": f"{i}-{vote}",
                    }
                    for (j, i, layer, criterion, vote), score in rows.items()
                    if j == judge
                ],
            )
    publish(run)
    return run, rows


def votes(rows, *key):
    got = [rows[(*key, vote)] for vote in range(VOTES)]
    return [score for score in got if score is not None]


def mean(rows, judge, image, layer):
    each = [votes(rows, judge, image, layer, criterion) for criterion in CRITERIA]
    return np.mean([np.mean(v) for v in each]) if all(each) else None


def test_curves(judged):
    run, rows = judged
    with open_run(run) as opened:
        curve = opened.table("curve", "metric LIKE 'judge.%'").set_index(["metric", "layer"])
    assert len(curve) == len(JUDGES) * len(LAYERS) * (len(CRITERIA) + 1)
    for judge, layer in itertools.product(JUDGES, LAYERS):
        for criterion in CRITERIA:
            values = [np.mean(v) for i in IMAGES if (v := votes(rows, judge, i, layer, criterion))]
            point = curve.loc[f"judge.{judge}.{criterion}", layer]
            assert (point.n, point["mean"]) == (len(values), pytest.approx(np.mean(values)))
            assert pd.isna(point.low) and pd.isna(point.high)  # of fewer than 10 images
            assert point.against == "self"
        values = [m for i in IMAGES if (m := mean(rows, judge, i, layer)) is not None]
        point = curve.loc[f"judge.{judge}.mean", layer]
        assert (point.n, point["mean"]) == (len(values), pytest.approx(np.mean(values)))


def test_steps_are_paired_differences_of_neighbouring_judged_layers(judged):
    run, rows = judged
    with open_run(run) as opened:
        curve = opened.table("curve", "metric LIKE 'judge_step%'").set_index(["metric", "layer"])
    assert len(curve) == len(JUDGES) * (len(LAYERS) - 1) * (len(CRITERIA) + 1)
    for judge, (below, layer) in itertools.product(JUDGES, itertools.pairwise(LAYERS)):
        for criterion in CRITERIA:
            pairs = [
                (votes(rows, judge, i, below, criterion), votes(rows, judge, i, layer, criterion))
                for i in IMAGES
            ]
            steps = [np.mean(b) - np.mean(a) for a, b in pairs if a and b]
            point = curve.loc[f"judge_step.{judge}.{criterion}", layer]
            assert (point.n, point["mean"]) == (len(steps), pytest.approx(np.mean(steps)))
            assert point.against == "previous"
        pairs = [(mean(rows, judge, i, below), mean(rows, judge, i, layer)) for i in IMAGES]
        steps = [b - a for a, b in pairs if a is not None and b is not None]
        point = curve.loc[f"judge_step.{judge}.mean", layer]
        assert (point.n, point["mean"]) == (len(steps), pytest.approx(np.mean(steps)))
        assert pd.isna([point.low, point.high]).all()  # of fewer than 10 images


def test_image_statistics(judged):
    run, rows = judged
    with open_run(run) as opened:
        table = opened.table("image_stat", "metric LIKE 'judge%'")
    got = {(row.metric, row.image_id): row.value for row in table.itertuples()}
    expected = {}
    for judge, i in itertools.product(JUDGES, IMAGES):
        means = [mean(rows, judge, i, layer) for layer in LAYERS]
        if None not in means:
            expected[f"judge.{judge}", image_id(i)] = np.mean(means)
        if means[0] is not None and means[-1] is not None:
            expected[f"judge_rise.{judge}", image_id(i)] = means[-1] - means[0]
        cells = [votes(rows, judge, i, *at) for at in itertools.product(LAYERS, CRITERIA)]
        expected[f"judge_spread.{judge}", image_id(i)] = np.mean(
            [np.std(cell, ddof=1) for cell in cells if len(cell) > 1]
        )
    assert got == pytest.approx(expected, rel=1e-6)
    assert (f"judge_rise.{JUDGES[0]}", image_id(3)) not in got


def test_one_caption_has_the_mean_of_every_judge(judged):
    run, rows = judged
    with open_run(run) as opened:
        for image, layer in itertools.product(IMAGES, LAYERS):
            got = judge_queries.of_caption(opened, image_id(image), layer)
            expected = {
                judge: value
                for judge in JUDGES
                if (value := mean(rows, judge, image, layer)) is not None
            }
            assert dict(zip(got["judge"], got["value"], strict=True)) == pytest.approx(expected)
        assert judge_queries.of_caption(opened, image_id(0), 1).empty


def test_the_names_can_be_predicates_and_the_run_verifies(judged):
    from store.query.predicates import parse_predicates

    run, _ = judged
    assert verify_run(run).ok
    (predicate,) = parse_predicates(f"judge_rise.{JUDGES[0]} > 1")
    assert predicate.quantity.metric == f"judge_rise.{JUDGES[0]}"
