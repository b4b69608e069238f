"""From pictures to published tables, in one process."""

import json
import os
import signal

import numpy as np
import pytest
import torch

from precompute.config.settings import CaptureConfig, ExperimentConfig, ScoreConfig
from precompute.forward import parity
from precompute.forward.capture import capture
from precompute.interventions import run_experiments
from precompute.metrics.rouge_l import rouge_l
from precompute.pipeline import ParityError, execute, score
from precompute.runner.engine import PartFailed
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.shard import WHOLE, Shard
from precompute.runner.stage import Maker
from precompute.runner.telling import Telling
from precompute.runner.watch import Stopped, Watch
from store import open_run
from store.disk.making import list_making
from store.publish.generation import publish


@pytest.fixture(scope="module")
def folder(config, captioner, tmp_path_factory):
    (plan,) = plan_runs(config)
    with Watch() as watch:
        return execute(
            Job(plan, tmp_path_factory.mktemp("results"), lambda: captioner, Maker(watch))
        )


def test_tables_are_filled(folder):
    with open_run(folder) as run:
        counts = {name: len(run.table(name)) for name in ("image", "layer_stat", "head_stat")}
        assert counts == {"image": 5, "layer_stat": 5 * 3, "head_stat": 5 * 3 * 8}
        assert len(run.table("caption")) == 5 * 4
        assert set(run.table("condition").condition_id) == {"baseline"}
        skipped = run.table("skipped")
        assert skipped.source.tolist() == ["test/3.png"]
        scores = run.table("score")
        plain = {"exact", "rouge_l"}
        assert set(scores.metric) == plain | {f"grounded_gain_{name}" for name in plain}
        assert set(scores.against) == {"previous", "final", "reference", "shuffled"}
        assert not run.table("curve").empty


def test_rows_and_arrays_are_those_of_a_direct_computation(folder, captioner, pictures):
    """The image behind the broken one keeps its own numbers."""
    with open_run(folder) as run:
        kept = run.tensors("img-5")
        stats = run.table("layer_stat").query("image_id == 'img-5'").sort_values("layer")
    taken = capture(captioner.tower, captioner.pixels(pictures[4:5]))
    np.testing.assert_allclose(kept.attention, taken.attention[0], atol=1e-3)
    np.testing.assert_allclose(kept.contribution, taken.contribution[0], rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(kept.token_norm, taken.token_norm[0], rtol=1e-3)
    np.testing.assert_allclose(kept.summary_state, taken.summary_state[0], rtol=2e-3, atol=2e-3)
    for name, column in taken.layer_stat.items():
        expected = column[0].double().numpy()
        np.testing.assert_allclose(
            stats[name].to_numpy(dtype=float, na_value=np.nan), expected, rtol=1e-3, atol=1e-4
        )


def test_scores_hold_against_a_plain_loop(folder):
    with open_run(folder) as run:
        scores = run.table("score").query("metric == 'rouge_l' and against != 'shuffled'")
        text = run.table("caption").set_index(["image_id", "layer"]).text
        refs = run.table("image").set_index("image_id").refs
    for row in scores.itertuples():
        against = {
            "previous": lambda r=row: [text[r.image_id, r.layer - 1]],
            "final": lambda r=row: [text[r.image_id, 3]],
            "reference": lambda r=row: list(refs[r.image_id]),
        }[row.against]()
        mine = text[row.image_id, row.layer]
        if mine and any(against):
            assert row.value == pytest.approx(rouge_l([mine], [against])[0], rel=1e-6)
        else:
            assert np.isnan(row.value)


def test_the_certificate_is_kept(folder):
    info = json.loads((folder / "run.json").read_text())
    assert info["parity"]["passed"]
    assert not info["parity"]["accepted_mismatch"]
    assert len(info["parity"]["checks"]) == 4
    assert info["n_layers"] == 3


def test_a_second_run_makes_nothing_and_loads_no_model(folder, config):
    (plan,) = plan_runs(config)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("part.json")}

    def no_model():
        pytest.fail("nothing is missing")

    with Watch() as watch:
        assert execute(Job(plan, folder.parent, no_model, Maker(watch))) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("part.json")} == before


def test_a_new_metric_is_added_to_an_old_run(run, config, tmp_path):
    only = config.model_copy(update={"score": ScoreConfig(metrics=("exact",))})
    folder = run(tmp_path, only)
    with Watch() as watch:
        score(folder, config, Maker(watch), ["rouge_l"])
    publish(folder)
    with open_run(folder) as opened:
        assert {"exact", "rouge_l"} <= set(opened.table("score").metric)


def test_other_batches_are_another_run(config):
    other = config.model_copy(update={"capture": CaptureConfig(part_size=3, batch_size=2)})
    assert plan_runs(config)[0].run_id != plan_runs(other)[0].run_id


def test_ctrl_c_stops_after_the_part_and_the_next_run_goes_on(config, captioner, tmp_path):
    (plan,) = plan_runs(config)
    with Watch() as watch, pytest.raises(Stopped, match="goes on from here"):
        os.kill(os.getpid(), signal.SIGINT)
        execute(Job(plan, tmp_path, lambda: captioner, Maker(watch)))
    assert len(list(tmp_path.rglob("part.json"))) == 1
    with open_run(tmp_path) as opened:
        assert len(opened.table("image")) == 2
    with Watch() as watch:
        execute(Job(plan, tmp_path, lambda: captioner, Maker(watch)))
    with open_run(tmp_path) as opened:
        assert len(opened.table("image")) == 5


def test_the_baseline_is_published_with_its_scores_before_the_rest_is_made(
    config, captioner, tmp_path, monkeypatch
):
    skip = ExperimentConfig(name="deep", conditions=("skip:2",))
    config = config.model_copy(update={"experiments": (skip,)})
    (plan,) = plan_runs(config)
    seen = []

    def look(job, experiments):
        with open_run(job.run) as opened:
            seen.append((set(opened.table("score").metric), len(opened.table("image"))))
            assert not opened.table("curve").empty
        (making,) = list_making(tmp_path)
        seen.append(making.runs)
        return run_experiments(job, experiments)

    monkeypatch.setattr("precompute.pipeline.run_experiments", look)
    with Watch(Telling(tmp_path, [plan.run_id])) as watch:
        job = Job(plan, tmp_path, lambda: captioner, Maker(watch))
        execute(job, baseline_only=True)
        assert seen == [] and watch.telling._making.ready == (plan.run_id,)
        with open_run(job.run) as opened:
            assert set(opened.table("condition").condition_id) == {"baseline"}
        execute(Job(plan, tmp_path, lambda: captioner, Maker(watch)))
    (metrics, n), runs = seen
    assert metrics >= {"exact", "rouge_l"} and n == 5 and runs == (plan.run_id,)
    with open_run(job.run) as opened:
        scores = opened.table("score")
        assert set(scores.condition_id) == {"baseline", "skip:2"}
        assert not scores.duplicated(
            ["condition_id", "image_id", "layer", "metric", "against"]
        ).any()


def test_a_failed_certificate_stops_the_run_unless_accepted(run, tmp_path, monkeypatch):
    monkeypatch.setitem(parity._NEAR_TIE, torch.float32, -1.0)
    with pytest.raises(ParityError, match=r"captions: .* bound -1(.|\n)*--accept-mismatch"):
        run(tmp_path)
    assert not list(tmp_path.rglob("run.json"))
    folder = run(tmp_path, accept_mismatch=True)
    info = json.loads((folder / "run.json").read_text())
    assert info["parity"]["accepted_mismatch"]


def test_a_part_that_fails_is_named_and_the_others_stay(run, tmp_path, monkeypatch):
    calls = []

    def breaks(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise ValueError("out of luck")
        return decode(*arguments)

    from precompute.readouts.baseline import decode_layers as decode

    monkeypatch.setattr("precompute.readouts.baseline.decode_layers", breaks)
    with pytest.raises(PartFailed, match=r"part images-000002 of capture-\w+ in .*out of luck"):
        run(tmp_path)
    with open_run(tmp_path) as opened:
        assert len(opened.table("image")) == 2
    (log,) = tmp_path.rglob("run.log")
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("error", "share"),
    [(KeyboardInterrupt(), WHOLE), (ValueError("no"), Shard(1, 2))],
    ids=["a second Ctrl-C", "a share of several"],
)
def test_what_stops_at_once_or_is_a_share_publishes_nothing(
    config, captioner, tmp_path, monkeypatch, error, share
):
    def breaks(*_):
        raise error

    (plan,) = plan_runs(config)
    monkeypatch.setattr("precompute.readouts.baseline.write_capture", breaks)
    monkeypatch.setattr("precompute.pipeline.publish", lambda _: pytest.fail("publishes"))
    with Watch() as watch, pytest.raises((KeyboardInterrupt, PartFailed)):
        execute(Job(plan, tmp_path, lambda: captioner, Maker(watch, shard=share)))


def test_the_layout_is_printed_and_logged(folder):
    layout = "image folder (metadata.csv)"
    assert json.loads((folder / "run.json").read_text())["layout"] == layout
    assert f"tiny: 6 pictures, {layout}" in (folder / "run.log").read_text()


def test_more_broken_pictures_than_allowed_stop_the_run(run, config, tmp_path):
    (dataset,) = config.datasets
    strict = config.model_copy(
        update={"datasets": (dataset.model_copy(update={"max_broken": 0.1}),)}
    )
    words = r"at most 10\.0% of the 6 pictures .*; 1 cannot be opened .*test/3\.png"
    for _ in range(2):  # and again, when it is started again
        with pytest.raises(PartFailed, match=words):
            run(tmp_path, strict)
    (folder,) = tmp_path.glob("tiny-*")
    parts = sorted(path.name for path in folder.glob("parts/capture-*/images-*"))
    assert parts == ["images-000000"], "the part before the broken picture stands"
    assert run(tmp_path) == folder, "a larger share goes on in the same run"
    with open_run(folder) as opened:
        assert len(opened.table("skipped")) == 1
