"""The stage of a pruning: sample, conditions, captions, the saved condition, restarts."""

import json
import shutil

import pytest
from pydantic import ValidationError

from precompute.config.settings import DatasetConfig, ExperimentConfig, PruningConfig, ScoreConfig
from precompute.heads.importance import write_scores
from precompute.heads.pruning import contribution_norms, prune, require_prunable
from precompute.pipeline import execute
from precompute.runner.engine import PartFailed
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from store.disk.runs import read_run
from store.parts.write import list_parts

PRUNING = PruningConfig(
    name="tiny", m=2, layers=(1, 3), metric="rouge_l", top_k=6, counts=(4,), random_seeds=4
)


@pytest.fixture(scope="module")
def pruning(config):
    return config.model_copy(
        update={"pruning": (PRUNING,), "score": ScoreConfig(metrics=("exact",))}
    )


@pytest.fixture(scope="module")
def folder(pruning, captioner, tmp_path_factory):
    (plan,) = plan_runs(pruning)
    with Watch() as watch:
        return execute(
            Job(plan, tmp_path_factory.mktemp("results"), lambda: captioner, Maker(watch))
        )


def main_of(folder):
    (path,) = folder.glob("parts/pruning.tiny-*/condition.json")
    return path


def test_conditions_are_published(folder):
    with open_run(folder) as run:
        conditions = run.table("condition").set_index("condition_id").drop("baseline")
        captions = run.table("caption")
        stats = run.table("layer_stat")
        changes = run.table("change")
    messages = {i: json.loads(spec)["pruning"] for i, spec in conditions.spec.items()}
    assert set(conditions.kind) == {"prune"}
    assert sorted((t["n_pruned"], t["algorithm"], t["seed"] or 0) for t in messages.values()) == [
        (n, algorithm, seed)
        for n, seeds in ((4, 4), (8, 2))
        for algorithm in ("importance", "importance_mask", "least_norm", "random")
        for seed in range(seeds if algorithm == "random" else 1)
    ]
    main = json.loads(main_of(folder).read_text())["condition_id"]
    assert (messages[main]["algorithm"], messages[main]["n_pruned"]) == ("importance", 4)
    equal = {
        "baseline",
        *(i for i, t in messages.items() if t["n_pruned"] == 4 and (t["seed"] or 0) < 2),
    }
    for condition, values in captions.groupby("condition_id"):
        layers = {0, 1, 2, 3} if condition in equal else {3}
        assert set(values.layer) == layers
        assert len(values) == 5 * len(layers)
    assert set(stats.condition_id) == {"baseline", main}
    sample = messages[main]["sample"]
    assert len(sample) == 2
    against_people = changes[(changes.metric == "exact") & (changes.against == "reference")]
    assert set(against_people.condition_id) == set(messages)
    assert set(against_people.n) == {5 - len(sample)}
    assert set(changes[changes.metric == "convergence_layer"].condition_id) == equal - {"baseline"}


def test_the_specification_has_the_null_and_how_stable_the_choice_is(folder):
    """Against scores by the library's captions that stand in the parts of both samples."""
    with open_run(folder) as run:
        specs = run.sql("SELECT spec FROM condition WHERE kind = 'prune'").spec.map(json.loads)
    of_scores = next(s["pruning"] for s in specs if s["pruning"]["algorithm"] == "importance")
    first, second = (
        [
            json.loads(file.read_text())
            for file in sorted(folder.glob(f"parts/importance.tiny{suffix}-*/*/scores.json"))
        ]
        for suffix in ("", ".samples")
    )
    images = [[i for part in parts for i in part["images"]] for parts in (first, second)]
    assert sorted(images[0]) == of_scores["sample"]
    assert len(images[1]) == 2 and not set(images[0]) & set(images[1])
    for layer in ("1", "3"):
        null = [value for part in first for value in part["null"][layer]]
        assert of_scores["null"][layer] == pytest.approx(sum(null) / len(null))
        heads = [row for part in first for row in part["score"][layer]]
        for head, (mean, low, high) in enumerate(of_scores["above_null"][layer]):
            above = [row[head] - value for row, value in zip(heads, null, strict=True)]
            assert mean == pytest.approx(sum(above) / 2, abs=1e-6)
            assert low <= mean <= high
        kept = []
        for parts in (first, second):
            rows = [row for part in parts for row in part["score"][layer]]
            means = [sum(column) / len(column) for column in zip(*rows, strict=True)]
            kept.append(set(sorted(range(8), key=lambda head: (means[head], head))[2:]))
        shared = len(kept[0] & kept[1]) / len(kept[0] | kept[1])
        assert of_scores["stability"]["jaccard"][layer] == pytest.approx(shared, abs=1e-6)
    assert of_scores["stability"]["samples"] == 2


def test_norms_are_means_over_the_sample(folder):
    sources = list_parts(folder / "parts" / read_run(folder)["stages"]["capture"])
    norms = contribution_norms(sources, ["img-0", "img-4"], [1, 3], class_token=True)
    with open_run(folder) as run:
        stats = run.table("head_stat").query("condition_id == 'baseline'")
    for layer, values in norms.items():
        for head, value in enumerate(values):
            rows = stats[
                (stats.layer == layer)
                & (stats["head"] == head)
                & stats.image_id.isin(["img-0", "img-4"])
            ]
            assert len(rows) == 2
            assert value == pytest.approx(rows.contribution_norm.astype(float).mean())


def test_a_second_time_nothing_is_made(folder, pruning):
    (plan,) = plan_runs(pruning)
    with Watch() as watch:
        prune(Job(plan, folder.parent, lambda: pytest.fail("nothing is missing"), Maker(watch)))


def test_another_temperature_is_another_condition_of_the_same_sample(
    folder, pruning, captioner, tmp_path
):
    results = tmp_path / folder.name
    shutil.copytree(folder, results)
    warmer = pruning.model_copy(
        update={
            "pruning": (
                PRUNING.model_copy(update={"temperature": 0.5, "counts": (), "samples": 1}),
            )
        }
    )
    (plan,) = plan_runs(warmer)
    with Watch() as watch:
        prune(Job(plan, results.parent, lambda: captioner, Maker(watch)))
    assert len(list(results.glob("parts/importance.tiny-*"))) == 1
    assert len(list(results.glob("parts/pruning.tiny-*"))) == 2


def test_a_sample_that_broke_off_is_taken_up_again(pruning, captioner, tmp_path, monkeypatch):
    asked = []

    def breaks(*arguments):
        asked.append(1)
        if len(asked) == 2:
            raise ValueError("out of luck")
        return write_scores(*arguments)

    monkeypatch.setattr("precompute.heads.importance.write_scores", breaks)
    wide = pruning.model_copy(update={"pruning": (PRUNING.model_copy(update={"m": 4}),)})
    (plan,) = plan_runs(wide)
    with Watch() as watch, pytest.raises(PartFailed, match="out of luck"):
        execute(Job(plan, tmp_path, lambda: captioner, Maker(watch)))
    assert not list(tmp_path.rglob("condition.json"))
    with Watch() as watch:
        broken = execute(Job(plan, tmp_path, lambda: captioner, Maker(watch)))
    assert len(list(broken.glob("parts/importance.tiny-*/images-*"))) > 1
    assert main_of(broken).is_file()


def test_a_saved_pruning_is_applied_to_another_data_set(
    folder, config, whoops, captioner, tmp_path
):
    path = main_of(folder)
    other = config.model_copy(
        update={
            "datasets": (
                DatasetConfig(name="other", kind="whoops", path=str(whoops), n=3, seed=1),
            ),
            "experiments": (ExperimentConfig(name="pruned", conditions=(f"file:{path}",)),),
        }
    )
    (plan,) = plan_runs(other)
    with Watch() as watch:
        applied = execute(Job(plan, tmp_path, lambda: captioner, Maker(watch)))
    with open_run(applied) as run, open_run(folder) as origin:
        theirs, mine = run.table("condition"), origin.table("condition")
        pruned = run.table("caption").query("condition_id != 'baseline'")
    name = json.loads(path.read_text())["condition_id"]
    (spec,) = theirs[theirs.condition_id == name].spec
    (expected,) = mine[mine.condition_id == name].spec
    assert json.loads(spec) == json.loads(expected)
    assert set(pruned.layer) == {3}
    with open_run(folder) as origin:
        there = origin.table("caption").query("condition_id == @name and layer == 3")
    texts = there.set_index("image_id").text
    assert len(pruned) > 1
    for row in pruned.itertuples():
        assert row.text == texts[row.image_id]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_k": 8}, r"top_k and counts of pruning 'x' must be in 1..7, .* got \[8\]"),
        ({"counts": (0, 3)}, r"got \[0\]"),
        ({"m": 6}, r"got m = 6 of the 6 images of tiny"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(folder, pruning, settings, message):
    wrong = PruningConfig(**{"name": "x", "m": 2, **settings})
    (plan,) = plan_runs(pruning.model_copy(update={"pruning": (wrong,)}))
    with pytest.raises(ValueError, match=message):
        require_prunable(folder, plan)


def test_a_metric_that_compares_nothing_is_refused(folder, pruning, captioner):
    wrong = PRUNING.model_copy(update={"metric": "repetition"})
    (plan,) = plan_runs(pruning.model_copy(update={"pruning": (wrong,)}))
    with Watch() as watch, pytest.raises(ValueError, match=r"must compare captions.*'repetition'"):
        prune(Job(plan, folder.parent, lambda: captioner, Maker(watch)))
    with pytest.raises(ValidationError, match="temperature"):
        PruningConfig(name="x", temperature=0)
