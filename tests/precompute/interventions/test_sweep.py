"""Experiments of a whole run: captions token for token, means, what is refused."""

import json

import pytest
import torch

from precompute.config.settings import ExperimentConfig
from precompute.interventions.conditions import MeanSource, Shape
from precompute.interventions.experiments import read_experiments, run_experiments
from precompute.interventions.means import drawn, make_means, mean_images, read_means
from precompute.interventions.parse import parse
from precompute.interventions.sweep import sweep
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from store.disk.runs import update_run
from store.errors import RunMismatch, StageIncomplete
from store.parts.tensors import condition_file, read_ids, read_image
from store.publish.generation import publish
from tests.precompute.brute_force import hooked, means

ONLY_5 = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
EDITS = {
    "mean:2-3": [("mean", 2), ("mean", 3)],
    "confuse:1": [("confuse", 1)],
    "skip:2": [("skip", 2)],
    "heads:3-only-5": [("heads", 3, ONLY_5)],
    "skip:1,mean:2,heads:3-only-5": [("skip", 1), ("mean", 2), ("heads", 3, ONLY_5)],
}
DEEP = ("skip:2", "skip:1,mean:2,heads:3-only-5")
PROMPT = "a short image caption."


@pytest.fixture(scope="module")
def with_experiments(config):
    plain = [text for text in EDITS if text not in DEEP]
    return config.model_copy(
        update={
            "experiments": (
                ExperimentConfig(name="deep", conditions=DEEP, all_layers=True, capture=True),
                ExperimentConfig(name="plain", conditions=(*plain, "skip:2")),
            )
        }
    )


@pytest.fixture(scope="module")
def zbar(captioner, opened):
    return means(captioner, [captioner.pixels([picture]) for picture in opened.values()])


@pytest.mark.parametrize("text", EDITS)
def test_captions_are_those_of_the_hooked_library(
    folder, with_experiments, captioner, opened, zbar, text
):
    with open_run(folder) as run:
        captions = run.table("caption", "condition_id = ?", [text])
        baseline = run.table("caption", "condition_id = 'baseline' AND layer = 3")
    final = baseline.set_index("image_id").token_ids
    values = captions[captions.layer == 3].set_index("image_id")
    assert set(values.index) == set(opened)
    for image_id, picture in opened.items():
        inputs = captioner.processor(picture, PROMPT, return_tensors="pt")
        with hooked(captioner, EDITS[text], dict(enumerate(zbar, start=1))):
            row = captioner.model.generate(
                **inputs, do_sample=False, **with_experiments.decode.generation.model_dump()
            ).tolist()[0][1:]
            mine, ending = (
                _logprob(captioner, inputs, list(ids))
                for ids in (values.token_ids[image_id], final[image_id])
            )
        assert list(values.token_ids[image_id]) == (row[: row.index(1) + 1] if 1 in row else row)
        assert values.mean_logprob[image_id] == pytest.approx(mine, abs=1e-4)
        assert values.final_logprob[image_id] == pytest.approx(ending, abs=1e-4)


def _logprob(captioner, inputs, ids):
    logits = captioner.model(**inputs, decoder_input_ids=torch.tensor([[0, *ids[:-1]]])).logits[0]
    chosen = logits.log_softmax(-1)[torch.arange(len(ids)), torch.tensor(ids)]
    return chosen.mean().item()


def test_all_layers_are_there_where_asked_and_those_below_are_the_baselines(folder):
    with open_run(folder) as run:
        captions = run.table("caption")
    counts = captions.groupby("condition_id").size()
    assert {c: counts[c] for c in EDITS} == {c: 20 if c in DEEP else 5 for c in EDITS}
    by = captions.set_index(["condition_id", "image_id", "layer"])
    for image_id in captions.image_id.unique():
        for layer in (0, 1):
            one, other = by.loc["skip:2", image_id, layer], by.loc["baseline", image_id, layer]
            assert one.text == other.text
            assert one.final_logprob == other.final_logprob
        # A skipped layer says what the one below it said.
        here = by.loc["skip:2", image_id, 2]
        assert list(here.token_ids) == list(by.loc["baseline", image_id, 1].token_ids)


def test_what_is_captured_lies_beside_the_baseline(folder):
    with open_run(folder) as run:
        heads = run.table("head_stat")
        stats = run.table("layer_stat")
        image = run.table("image")
    assert set(stats.condition_id) == {"baseline", *DEEP} == set(heads.condition_id)
    skipped = stats.query("condition_id == 'skip:2' and layer == 2")
    assert skipped.attn_to_patches.isna().all()
    assert (skipped.update_norm == 0).all()
    below = stats.query("layer == 1").pivot(
        index="image_id", columns="condition_id", values="attn_to_patches"
    )
    assert (below["skip:2"] == below["baseline"]).all()
    stage = json.loads((folder / "run.json").read_text())["stages"]["sweep.deep"]
    for row in image.itertuples():
        part = folder / "parts" / stage / row.part.rpartition("/")[2]
        path = part / condition_file("skip:2")
        assert read_ids(path)[row.row_in_part] == row.image_id
        arrays = read_image(path, row.row_in_part)
        assert not arrays.attention[1].any()
        mass = arrays.attention[0, :, 1:].astype(float).sum(-1).mean()
        assert mass == pytest.approx(below["baseline"][row.image_id], abs=2e-3)


def test_conditions_say_whose_mean_they_use(folder):
    with open_run(folder) as run:
        rows = run.table("condition").set_index("condition_id")
    assert set(rows.index) == {"baseline", *EDITS}
    assert rows.source["mean:2-3"] == f"{folder.name}, 5 images, seed 0"
    assert json.loads(rows.spec["mean:2-3"])["mean"]["run"] is None
    assert rows.kind["skip:1,mean:2,heads:3-only-5"] == "mixed"
    assert list(rows.layers["mean:2-3"]) == [2, 3]


def test_a_second_run_makes_nothing_and_loads_no_model(folder, with_experiments):
    (plan,) = plan_runs(with_experiments)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("part.json")}
    with Watch() as watch:
        execute(Job(plan, folder.parent, lambda: pytest.fail("nothing is missing"), Maker(watch)))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("part.json")} == before


def test_another_experiment_leaves_the_others_as_they_are(folder, with_experiments, captioner):
    more = ExperimentConfig(name="more", conditions=("confuse:3", "mean:1~output"))
    config = with_experiments.model_copy(
        update={"experiments": (*with_experiments.experiments, more)}
    )
    before = set(folder.glob("parts/sweep.*/*/part.json"))
    with Watch() as watch:
        execute(Job(plan_runs(config)[0], folder.parent, lambda: captioner, Maker(watch)))
    new = set(folder.glob("parts/sweep.*/*/part.json")) - before
    assert {path.parent.parent.name.rpartition("-")[0] for path in new} == {"sweep.more"}


def test_a_mean_of_another_model_is_refused_before_any_work(folder, config):
    (plan,) = plan_runs(
        config.model_copy(
            update={
                "experiments": (
                    ExperimentConfig(name="other", conditions=("mean:1",), mean_of=folder.name),
                )
            }
        )
    )
    plan.decides["weights"] = "f" * 64
    moved = plan.__class__(plan.config, plan.dataset, plan.items, plan.decides, "tiny-00000000")
    with pytest.raises(ValueError, match=r"must be of this run's model.*Name a run of the same"):
        read_experiments(folder, moved)


def test_a_mean_of_a_run_with_other_tokens_is_refused_before_any_work(folder, config):
    other = folder.parent / "other-00000000"
    other.mkdir()
    info = json.loads((folder / "run.json").read_text())
    info |= {"run_id": other.name, "dataset": "other", "grid_h": info["grid_h"] + 1}
    (other / "run.json").write_text(json.dumps(info))
    (plan,) = plan_runs(
        config.model_copy(
            update={"experiments": (ExperimentConfig(name="other", conditions=("mean:1@other",)),)}
        )
    )
    tokens = info["grid_h"] * info["grid_w"] + 1
    with pytest.raises(ValueError, match=rf"a mean must have the \d+ tokens of .* have {tokens}"):
        read_experiments(folder, plan)


def test_a_mean_of_another_runs_images_is_the_mean_of_those(folder, config, captioner):
    """The other run is found among the results; its images are read again and summed here."""
    info = json.loads((folder / "run.json").read_text()) | {"run_id": "elsewhere-0000beef"}
    other = folder.parent / "elsewhere-0000beef"
    other.mkdir()
    (other / "run.json").write_text(json.dumps(info))
    (plan,) = plan_runs(
        config.model_copy(
            update={
                "experiments": (
                    ExperimentConfig(name="borrowed", conditions=("mean:2@elsewhere-0000beef",)),
                )
            }
        )
    )
    read = read_experiments(folder, plan)
    with Watch() as watch:
        run_experiments(Job(plan, folder.parent, lambda: captioner, Maker(watch)), read)
    publish(folder)
    with open_run(folder) as run:
        rows = run.table("condition").set_index("condition_id")
        captions = run.table("caption", "layer = 3").set_index(["condition_id", "image_id"]).text
    assert rows.source["mean:2@elsewhere-0000beef"] == "elsewhere-0000beef, 5 images, seed 0"
    mean = json.loads(rows.spec["mean:2@elsewhere-0000beef"])["mean"]
    # The data set is what run.json says, whatever the run is called.
    assert (mean["run"], mean["dataset"]) == ("elsewhere-0000beef", "tiny")
    # The images are the same here: so are the captions of the same edit with the own mean.
    mine = parse("mean:2", Shape(3, 8))
    with Watch() as watch:
        sweep(Job(plan, folder.parent, lambda: captioner, Maker(watch)), "sweep.own", [mine])
    publish(folder)
    with open_run(folder) as run:
        again = run.table("caption", "condition_id = 'mean:2'").set_index("image_id").text
    assert captions["mean:2@elsewhere-0000beef"].to_dict() == again.to_dict()


def test_a_condition_that_two_experiments_want_in_different_depth_is_refused(folder, config):
    (plan,) = plan_runs(
        config.model_copy(
            update={
                "experiments": (
                    ExperimentConfig(name="flat", conditions=("skip:1..3",)),
                    ExperimentConfig(name="deep", conditions=("skip:2",), all_layers=True),
                )
            }
        )
    )
    with pytest.raises(ValueError, match=r"skip:2 is computed once.*Put 'deep' first"):
        read_experiments(folder, plan)


def test_a_sweep_without_its_mean_or_with_a_condition_twice_is_refused(
    folder, with_experiments, captioner
):
    (plan,) = plan_runs(with_experiments)
    shape = Shape(3, 8)
    with Watch() as watch:
        with pytest.raises(StageIncomplete, match="must be complete"):
            lacking = parse("mean:1~n3", shape)
            sweep(Job(plan, folder.parent, lambda: captioner, Maker(watch)), "sweep.x", [lacking])
        with pytest.raises(ValueError, match="skip:1 came twice"):
            twice = [parse("skip:1", shape)] * 2
            sweep(Job(plan, folder.parent, lambda: captioner, Maker(watch)), "sweep.x", twice)


def test_means_are_those_of_the_drawn_images(folder, with_experiments, captioner, opened):
    """Another seed's three of six, a broken one left out, against a plain loop."""
    (plan,) = plan_runs(with_experiments)
    source = MeanSource(n=3, seed=1)
    with Watch() as watch:
        make_means(Job(plan, folder.parent, lambda: captioner, Maker(watch)), source, plan, {0, 2})
    chosen = drawn(plan.items, source)
    assert len(chosen) == 3
    pictures = [opened[image_id] for image_id in chosen if image_id in opened]
    assert mean_images(folder, source) == ("tiny", len(pictures))
    expected = means(captioner, [captioner.pixels([picture]) for picture in pictures])
    got = read_means(folder, source, {0, 2}, captioner.tower)
    assert set(got) == {0, 2}
    for at, mean in got.items():
        torch.testing.assert_close(mean, expected[at], atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match=r"sums of Z\^1 .* got sums of \[0, 2\]"):
        read_means(folder, source, {1}, captioner.tower)


def test_sums_of_another_model_are_refused_when_read(folder, captioner):
    weights = json.loads((folder / "run.json").read_text())["weights_sha256"]
    update_run(folder, weights_sha256="0" * 64)
    with pytest.raises(RunMismatch, match="must be of the model"):
        read_means(folder, MeanSource(), {1}, captioner.tower)
    update_run(folder, weights_sha256=weights)
