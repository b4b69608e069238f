"""What of a job goes to workers elsewhere: never the job, whose screen and signals stay here."""

import csv
import json
import shutil

import pytest
from ray import cloudpickle

from precompute.config import (
    ExperimentConfig,
    FloorConfig,
    HeadEffectConfig,
    HeadsConfig,
    PruningConfig,
    QuestionsConfig,
    ScoreConfig,
)
from precompute.models import captioner_of
from precompute.pipeline import execute
from precompute.runner import Job, Maker, Watch, plan_runs, stage_names
from precompute.runner.engine import Here
from store.disk.runs import read_run


class Sending(Here):
    """Makes parts by what is left of the work after a journey."""

    def make(self, work, sizes, advance, stopping):
        yield from super().make(
            cloudpickle.loads(cloudpickle.dumps(work)), sizes, advance, stopping
        )


@pytest.fixture
def everything(config, whoops, tmp_path):
    """A configuration of every stage that needs the model."""
    asking = shutil.copytree(whoops, tmp_path / "asking")
    table = asking / "test" / "metadata.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "question_answering_pairs"])
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {"question_answering_pairs": json.dumps([["what?", "a cat"]])})
    (dataset,) = config.datasets
    return config.model_copy(
        update={
            "datasets": (dataset.model_copy(update={"path": str(asking)}),),
            "capture": config.capture.model_copy(update={"token_attention": 2}),
            "experiments": (
                ExperimentConfig(name="e", conditions=("mean:2", "mean:1~resample"), capture=True),
            ),
            "floor": FloorConfig(seeds=(3,), n=3),
            "heads": HeadsConfig(layers=(2,)),
            "head_effect": HeadEffectConfig(batch_size=2, exact_top=1, exact_random=0),
            "pruning": (PruningConfig(name="p", m=2, layers=(1,), metric="rouge_l", top_k=6),),
            "questions": QuestionsConfig(template="{question}", layers=(3,)),
            "score": ScoreConfig(metrics=("exact", "coco_bleu4", "rouge_l")),
        }
    )


def test_every_stage_can_be_made_elsewhere(everything, tmp_path):
    (plan,) = plan_runs(everything)
    with Watch() as watch:
        job = Job(plan, tmp_path, captioner_of(everything.model), Maker(watch, Sending()))
        with pytest.raises(TypeError, match="pickle"):
            cloudpickle.dumps(job)
        run = execute(job)
    stages = read_run(run)["stages"]
    assert {
        stage_names.CAPTURE,
        stage_names.MEANS,
        stage_names.SWEEP + "e",
        stage_names.HEAD_EFFECT,
        stage_names.IMPORTANCE + "p",
        stage_names.PRUNING + "p",
        stage_names.HEADS,
        stage_names.QUESTIONS,
        stage_names.FLOOR + "3",
        "score.exact.floor.3",
        "token_attention",
        "score.exact.sweep.e",
        "score.answers.rouge_l",
        "corpus.coco_bleu4",
    } <= stages.keys()
