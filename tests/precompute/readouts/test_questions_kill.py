"""SIGKILL while layers are asked or answers are scored: the same answers as without."""

import csv
import json
import signal

import pytest
import torch

from precompute.config.settings import Generation, QuestionsConfig, ScoreConfig
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from tests.kills import ended_by, in_child, kill_at

TABLES = ("answer", "answer_score", "curve")
POINTS = [
    ("precompute.readouts.questions", "ask", 1),  # nothing is asked yet
    ("precompute.readouts.questions", "ask", 3),  # the first parts are on the disk
    ("precompute.readouts.questions", "write_answers", 2),
    ("precompute.pipeline", "score_answers", 1),  # all are asked, none is scored
    ("precompute.scoring.answers", "score_answer_part", 2),
]


@pytest.fixture(scope="module")
def go(config, captioner, whoops, tmp_path_factory):
    """Runs the tiny configuration over pictures with questions; returns the run's folder."""
    folder = tmp_path_factory.mktemp("asking")
    (folder / "test").mkdir()
    for path in (whoops / "test").glob("*.png"):
        (folder / "test" / path.name).write_bytes(path.read_bytes())
    with (whoops / "test" / "metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "test" / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "question_answering_pairs"])
        writer.writeheader()
        for row in rows:
            asked = [["where is this?", "in the snow"], ["what is it?", "a cat"]]
            writer.writerow({**row, "question_answering_pairs": json.dumps(asked)})
    (dataset,) = config.datasets
    (plan,) = plan_runs(
        config.model_copy(
            update={
                "datasets": (dataset.model_copy(update={"path": str(folder)}),),
                "questions": QuestionsConfig(
                    layers=(0, 2, 3), generation=Generation(max_new_tokens=4)
                ),
                "score": ScoreConfig(metrics=("rouge_l",)),
            }
        )
    )

    def into(results):
        with Watch() as watch:
            return execute(Job(plan, results, lambda: captioner, Maker(watch)))

    return into


def dump(folder):
    with open_run(folder) as run:
        return {name: run.sql(f"SELECT * FROM {name} ORDER BY ALL") for name in TABLES}


@pytest.fixture(scope="module")
def uninterrupted(go, tmp_path_factory):
    return dump(go(tmp_path_factory.mktemp("whole")))


def test_there_is_something_to_lose(uninterrupted):
    assert len(uninterrupted["answer"]) == len(uninterrupted["answer_score"]) == 5 * 2 * 3
    assert {"answer_accuracy", "answer_rouge_l"} <= set(uninterrupted["curve"].metric)


@pytest.mark.parametrize("point", POINTS, ids=lambda p: f"{p[0]}.{p[1]}-{p[2]}")
def test_a_killed_run_has_the_same_answers(point, go, uninterrupted, tmp_path):
    def die():
        torch.set_num_threads(1)  # a forked process has none of its parent's threads
        kill_at(*point)
        go(tmp_path)

    assert ended_by(in_child(die)) == signal.SIGKILL
    tables = dump(go(tmp_path))
    for name, table in tables.items():
        assert table.equals(uninterrupted[name]), name
    assert not [p.name for p in tmp_path.rglob(".*") if "lock" not in p.name]
