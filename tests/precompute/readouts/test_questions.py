"""Questions to layers: the prompt, the grouping, the score, the stage."""

import csv
import json
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from precompute.config.settings import CaptureConfig, Generation, QuestionsConfig
from precompute.forward.capture import capture
from precompute.images import load
from precompute.readouts.questions import (
    accuracy,
    ask,
    ask_questions,
    asked_layers,
    tower_states,
    write_answers,
)
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from store.parts.write import read_part, read_table, stage_folder, write_part
from tests.precompute.forward.test_batches import Cramped

QUESTIONS = [
    [["where is this?", "in the snow"], ["what is it?", "a cat"]],
    [["where is this?", "in the desert"]],
    [],
    [["what is it?", "a dog"], ["what is it?", "a cow"]],
    [["where is this?", "on the moon"], ["why?", "the dog"]],
    [],
]


@pytest.fixture(scope="module")
def asking(whoops, config, tmp_path_factory):
    """The six pictures, the fourth broken, with questions; the tiny configuration that asks."""
    folder = tmp_path_factory.mktemp("asking")
    (folder / "test").mkdir()
    for path in (whoops / "test").glob("*.png"):
        (folder / "test" / path.name).write_bytes(path.read_bytes())
    with (whoops / "test" / "metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, pairs in zip(rows, QUESTIONS, strict=True):
        row["question_answering_pairs"] = json.dumps(pairs)
    with (folder / "test" / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (dataset,) = config.datasets
    return config.model_copy(
        update={
            "datasets": (dataset.model_copy(update={"path": str(folder)}),),
            "questions": QuestionsConfig(
                template="question: {question} short answer:",
                layers=(0, 2, 3),
                generation=Generation(max_new_tokens=4),
            ),
        }
    )


@pytest.mark.parametrize(
    ("answer", "expected", "score"),
    [
        ("In the Snow.", "in snow", 1),
        ("snow", "a snow", 1),
        ("the", "snow", 0),
        ("", "snow", 0),
        ("snow in", "in snow", 0),
    ],
)
def test_accuracy(answer, expected, score):
    assert accuracy(answer, expected) == score


def test_states_are_those_of_the_capture(captioner, pictures):
    taken = capture(captioner.tower, captioner.pixels(pictures))
    for mine, theirs in zip(tower_states(captioner, pictures), taken.states, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_last_layers_answers_are_the_librarys(captioner, asking):
    """Z^L asked one by one is the library's own `generate` with the question as the prompt."""
    items = [i for i in load("whoops", Path(asking.datasets[0].path)) if _opens(i)]
    states = tower_states(captioner, [item.open() for item in items])
    rows = ask(captioner, items, states, [3], asking)
    assert len(rows) == 5
    for row in rows:
        (item,) = (i for i in items if i.image_id == row["image_id"])
        prompt = f"question: {row['question']} short answer:"
        (ids,) = captioner.library_captions([item.open()], prompt, asking.questions.generation)
        assert row["text"] == captioner.text(ids)
        assert row["expected"] == dict(reversed(item.questions))[row["question"]]


def _opens(item):
    try:
        item.open()
    except ValueError:
        return False
    return True


def test_the_stage(asking, run, captioner, tmp_path):
    folder = run(tmp_path, asking)
    with open_run(folder) as opened:
        answers = opened.table("answer")
        curve = opened.table("curve").query("metric == 'answer_accuracy'")
    assert set(answers.layer) == {0, 2, 3}
    assert len(answers) == 5 * 3  # the broken picture is not asked, "why?" once
    images = answers.groupby(["layer", "image_id"]).score.mean().groupby("layer").mean()
    for row in curve.itertuples():
        assert row.mean == pytest.approx(images[row.layer])
        assert row.n == 3
    (plan,) = plan_runs(asking)
    with Watch() as watch:
        ask_questions(
            Job(plan, folder.parent, lambda: pytest.fail("nothing is missing"), Maker(watch))
        )
    assert json.loads((folder / "run.json").read_text())["stages"]["questions"]


def test_batches_that_do_not_fit_are_halved_and_reported(asking, captioner, tmp_path):
    shard = asking.model_copy(
        update={
            "capture": CaptureConfig(part_size=6, batch_size=6),
            "decode": asking.decode.model_copy(update={"batch_size": 6}),
        }
    )
    (plan,) = plan_runs(shard)
    (items,) = plan.shards.values()
    stage, done = stage_folder(tmp_path, "questions", {}), []
    for name, some in (("roomy", captioner), ("cramped", Cramped(captioner, 2, 2))):
        with write_part(stage, name) as part:
            write_answers(part, some, items, shard, done.append)
    roomy, cramped = (read_part(stage / name) for name in ("roomy", "cramped"))
    assert roomy.manifest["meta"]["batches"] == [["img-0", "img-1", "img-4"]]
    assert cramped.manifest["meta"]["batches"] == [["img-0"], ["img-1"], ["img-4"]]
    assert set(cramped.manifest["meta"]["decoder_batches"]) == {1}
    answers = [
        {
            (row["image_id"], row["question"], row["layer"]): row["text"]
            for row in read_table([part], "answer").to_pylist()
        }
        for part in (roomy, cramped)
    ]
    assert answers[0] == answers[1] and len(answers[0]) == 5 * 3
    assert done == [6, 6]


def test_a_template_may_have_other_braces(asking, captioner, pictures):
    (item, *_) = (i for i in load("whoops", Path(asking.datasets[0].path)) if i.questions)
    states = tower_states(captioner, pictures[:1])
    plain, braces = (
        ask(
            captioner,
            [item],
            states,
            [3],
            asking.model_copy(
                update={"questions": asking.questions.model_copy(update={"template": template})}
            ),
        )
        for template in ("{question} {json}", "{question} { } }")
    )
    assert [row["question"] for row in plain] == [row["question"] for row in braces]


def test_without_questions_there_is_no_stage(config, run, tmp_path):
    asks = config.model_copy(update={"questions": QuestionsConfig()})
    folder = run(tmp_path, asks)
    assert not list(folder.glob("parts/questions*"))


def test_errors_say_what_to_do():
    for wrong in (4, -1):
        with pytest.raises(ValueError, match=rf"must be in 0\.\.3 .* got {wrong}\."):
            asked_layers(QuestionsConfig(layers=(1, wrong)), 3)
    assert list(asked_layers(QuestionsConfig(), 2)) == [0, 1, 2]
    assert list(asked_layers(QuestionsConfig(layers=(2, 0, 2)), 2)) == [0, 2]
    with pytest.raises(ValidationError, match="template"):
        QuestionsConfig(template="no place for it")
