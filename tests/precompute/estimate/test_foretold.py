"""The stages that are foretold are those that a run makes."""

import pytest

from precompute.config.settings import (
    ExperimentConfig,
    FloorConfig,
    HeadsConfig,
    QuestionsConfig,
    ScoreConfig,
)
from precompute.estimate.foretold import foretell
from precompute.models import size_of
from precompute.runner import MODEL, plan_runs
from store.disk.runs import read_run

UNFORETOLD = ("corpus.", "score.answers.")  # of whole sets and of answers: they take no time


@pytest.fixture
def everything(config):
    return config.model_copy(
        update={
            "score": ScoreConfig(metrics=("exact", "repetition")),
            "experiments": (
                ExperimentConfig(name="deep", conditions=("mean:2", "skip:1"), all_layers=True),
            ),
            "heads": HeadsConfig(layers=(2,)),
            "floor": FloorConfig(seeds=(0,), n=2),
            "questions": QuestionsConfig(template="question: {question} short answer:"),
        }
    )


def test_every_stage_of_a_run_is_foretold_and_none_when_it_is_complete(everything, run, tmp_path):
    plans = plan_runs(everything)
    foretold = foretell(everything, plans, tmp_path)
    folder = run(tmp_path, everything)
    made = {label for label in read_run(folder)["stages"] if not label.startswith(UNFORETOLD)}
    labels = {label for _, label in foretold}
    assert {name for name, _ in foretold} == {folder.name}
    assert made <= labels
    # A metric that holds nothing against heads is foretold of them all the same, and never comes.
    assert all(label.endswith(".heads") for label in labels - made), labels - made
    left = foretell(everything, plans, tmp_path)
    assert {label for _, label in left} == labels - made


def test_metrics_are_sized_by_captions_and_stages_by_time(everything, tmp_path):
    plans = plan_runs(everything)
    sizes = {label: size for (_, label), size in foretell(everything, plans, tmp_path).items()}
    n_states, n = size_of(everything.model).n_layers + 1, len(plans[0].items)
    assert sizes["score.exact"] == ("exact", n * n_states)
    assert sizes["score.repetition.floor.0"] == ("repetition", 2 * n_states)
    assert sizes["score.exact.sweep.deep"] == ("exact", n * ((n_states - 2) + (n_states - 1)))
    assert sizes["capture"].kind == sizes["floor.0"].kind == MODEL
    assert sizes["capture"].amount / sizes["floor.0"].amount == pytest.approx(n / 2)
