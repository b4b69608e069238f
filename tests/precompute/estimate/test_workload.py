"""What is counted beforehand is what a run then asks of its model."""

import pytest

from precompute.config.settings import (
    PROJECT,
    ExperimentConfig,
    FloorConfig,
    HeadEffectConfig,
    HeadsConfig,
    PruningConfig,
    QuestionsConfig,
    read_config,
)
from precompute.estimate.published import PUBLISHED
from precompute.estimate.workload import workload
from precompute.forward import layers
from precompute.models import size_of
from precompute.models.huggingface import HuggingFaceCaptioner

XL = PUBLISHED["Salesforce/instructblip-flan-t5-xl"]
EXPERIMENTS = (
    ExperimentConfig(name="deep", conditions=("mean:2", "confuse:3@tiny"), all_layers=True),
    ExperimentConfig(name="wide", conditions=("heads:*-only-3", "mean:1..3", "mean:2-3@tiny")),
)
PRUNING = PruningConfig(
    name="p", m=2, layers=(2, 3), metric="rouge_l", top_k=5, counts=(2,), random_seeds=5
)


def by_stage(config, n_images, n_questions=0, size=None):
    got = workload(config, "tiny", size or size_of(config.model), n_images, n_questions)
    return {work.stage: work for work in got}


@pytest.fixture
def generated(monkeypatch):
    """How many states have been decoded."""
    sizes = []
    mine = HuggingFaceCaptioner.generate

    def generate(self, memory, *rest):
        sizes.append(len(memory.mask))
        return mine(self, memory, *rest)

    monkeypatch.setattr(HuggingFaceCaptioner, "generate", generate)
    return sizes


def test_captions_are_those_that_the_model_then_decodes(config, run, tmp_path, generated):
    run(tmp_path)  # the capture of five pictures, and the certificate
    generated.clear()
    more = config.model_copy(
        update={
            "experiments": EXPERIMENTS,
            "pruning": (PRUNING,),
            "heads": HeadsConfig(layers=(1, 3)),
            "floor": FloorConfig(seeds=(4,), n=99),
            "head_effect": HeadEffectConfig(exact_top=2, exact_random=1),
        }
    )
    run(tmp_path, more)
    expected = by_stage(more, 5)
    assert expected.pop("capture").captions == 5 * 4
    assert sum(generated) == sum(work.captions for work in expected.values())
    assert list(expected) == [
        "means",
        "sweep.deep",
        "sweep.wide",
        "head_choice",
        "head_effect",
        "importance.p",
        "importance.p.samples",
        "pruning.p",
        "pruning.p.controls",
        "pruning.p.random",
        "pruning.p.curve",
        "heads",
        "floor.4",
    ]
    # mean:2 decodes Z^2, Z^3 and confuse:3 Z^3; the second sweep does not have mean:2 again.
    assert expected["sweep.deep"].captions == 5 * (2 + 1)
    assert expected["sweep.wide"].captions == 5 * (3 + 2 + 1)


def test_passes_are_blocks_that_the_tower_then_runs(config, run, tmp_path, monkeypatch):
    run(tmp_path)
    blocks = []
    mine = layers._run_mlp

    def run_mlp(tower, layer, state, *rest):
        blocks.append(len(state))
        return mine(tower, layer, state, *rest)

    monkeypatch.setattr(layers, "_run_mlp", run_mlp)
    more = config.model_copy(update={"experiments": EXPERIMENTS})
    run(tmp_path, more)
    expected = by_stage(more, 5)
    assert sum(blocks) == pytest.approx(
        3 * sum(work.passes for stage, work in expected.items() if stage != "capture")
    )


def test_the_papers_figure_2():
    """Eleven and ten layers alone, ten jointly with two means, ten confused; 39 removed."""
    config = read_config(PROJECT / "precompute/configs/figure2.toml")
    work = {w.stage: w for w in workload(config, "whoops", XL, 500, 0)}
    assert work["sweep.figure2"].captions == 500 * (11 + 10 + 2 + 10)
    assert work["sweep.removal"].captions == 500 * 39
    assert work["means.imagenet"].passes == pytest.approx(500 * 20 / 39)


def test_a_captured_condition_keeps_arrays_and_questions_are_asked_of_layers(config):
    kept = ExperimentConfig(name="kept", conditions=("skip:*",), capture=True)
    more = config.model_copy(
        update={"experiments": (kept,), "questions": QuestionsConfig(layers=(0, 3))}
    )
    work = by_stage(more, 5, n_questions=12)
    assert work["sweep.kept"].kept == 3 * 5
    assert work["questions"].captions == 12 * 2


def test_a_condition_that_does_not_fit_the_tower_has_no_plan(config):
    wrong = ExperimentConfig(name="far", conditions=("skip:9",))
    with pytest.raises(ValueError, match=r"experiment 'far': .*1\.\.3 for this tower; got 9"):
        by_stage(config.model_copy(update={"experiments": (wrong,)}), 5)
