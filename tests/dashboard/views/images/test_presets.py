"""Presets: what they mean for a run, image by image, and their notes where a run lacks data."""

import numpy as np
import pandas as pd
import pytest

from dashboard.data import run as run_data
from dashboard.names import landmarks as landmark_names
from dashboard.names.sections import by_section
from dashboard.views.images import presets
from store import open_run
from store.disk.runs import update_run
from store.parts.write import stage_folder, write_part
from store.publish.generation import publish
from store.query.images import Selection
from store.query.predicates import format_predicates
from tests.dashboard.opening import app, opened
from tests.dashboard.reader.test_reader import sent
from tests.synthetic import make_run

N, L = 40, 5
JUDGE = "j-1.5-00000000"


def add(run, stage, table, rows):
    folder = stage_folder(run, stage, {})
    update_run(run, stages={stage: folder.name})
    with write_part(folder, "all") as part:
        part.table(table, rows)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that grows grounded, with one judge of three layers."""
    run = make_run(tmp_path_factory.mktemp("presets"), n_images=N, n_layers=L, publish=False)
    rng = np.random.default_rng(5)
    images = [f"img{i:05d}" for i in range(N)]
    rows, judged = [], []
    for image in images:
        for layer in range(L + 1):
            at = {"condition_id": "baseline", "image_id": image, "layer": layer}
            for metric, against, value in (
                ("grounded_gain_cider", "shuffled", rng.normal(layer - 1, 1.0)),
                ("grounded_gain_rouge_l", "shuffled", 0.5),
                ("repetition", "self", max(rng.normal(0, 0.1), 0.0)),
                # At layer 3 all are alike, as where captions are right already.
                ("bertscore", "reference", 1.0 if layer == 3 else rng.uniform()),
            ):
                rows.append({**at, "metric": metric, "against": against, "value": value})
            if layer in (2, 3, 4):
                judged += [
                    {
                        **at,
                        "judge": JUDGE,
                        "criterion": criterion,
                        "vote": 0,
                        "score": int(rng.choice([1, 3, 5])),
                        "status": "ok",
                        "reply_id": image,
                    }
                    for criterion in ("entities", "specificity")
                ]
    add(run, "score.more", "score", rows)
    add(run, f"judge.{JUDGE}", "judgement", judged)
    add(
        run,
        f"judge.replies.{JUDGE}",
        "reply",
        [{"reply_id": image, "judge": JUDGE, "model_asked": "j"} for image in images],
    )
    publish(run)
    return run


@pytest.fixture(scope="module")
def frames(run):
    with open_run(run) as there:
        return {
            name: there.table(name)
            for name in ("caption", "score", "image_stat", "judgement", "landmark")
        }


def scores(frames, metric, layer):
    score = frames["score"]
    rows = score[(score["metric"] == metric) & (score["layer"] == layer)]
    return rows.set_index("image_id")["value"].astype(float)


def preset_images(run, name, layer=None):
    key = run_data.key_of(run)
    (preset,) = (p for p in presets.presets(key, "baseline", L, layer) if p.name == name)
    assert not preset.lacks
    with open_run(run) as there:
        from store.query import images as image_queries

        rows = image_queries.filter_images(there, Selection(preset.predicates))
    return preset, set(rows["image_id"])


def test_sure_but_wrong(run, frames):
    marks = frames["landmark"].set_index("metric")["layer"]
    layer = int(marks["grounding_onset_cider"]) - 1
    _, images = preset_images(run, f"Sure but wrong at layer {layer}")
    assert images
    assert images == sure_but_wrong(frames, layer)


@pytest.mark.parametrize("layer", [1, 2, 4])
def test_sure_but_wrong_at_a_layer_of_choice(run, frames, layer):
    _, images = preset_images(run, f"Sure but wrong at layer {layer}", layer)
    assert images == sure_but_wrong(frames, layer)


def sure_but_wrong(frames, layer):
    caption = frames["caption"]
    sure = caption[caption["layer"] == layer].set_index("image_id")["mean_logprob"].astype(float)
    dull, gain = (scores(frames, metric, layer) for metric in ("repetition", "grounded_gain_cider"))
    return {
        image
        for image in sure.index
        if sure[image] >= sure.median() - 1e-3
        and dull[image] <= dull.quantile(0.75) + 1e-3
        and gain[image] <= gain.quantile(0.25) + 1e-3
    }


def test_every_page_reads_grounding_from_the_same_measure(run, frames, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", str(run.parent))
    assert presets.gain_of(run_data.key_of(run)) == "grounded_gain_cider"
    header, _ = sent(app("image", {"image": "img00000"}).run())
    assert header["bars"]["grounded"].startswith("Grounded: Grounded gain, CIDEr. ")
    full = scores(frames, "grounded_gain_cider", L).mean()
    for row in header["rows"]:
        gain = scores(frames, "grounded_gain_cider", row["layer"])["img00000"]
        assert row["bars"]["grounded"] == pytest.approx(gain / full, rel=1e-5)
    assert by_section(["grounded_gain_rouge_l", "grounded_gain_cider"])["glance"] == [
        "grounded_gain_cider"
    ]
    marks = pd.DataFrame(
        {
            "metric": ["grounding_onset_rouge_l", "grounding_onset_cider"],
            "layer": [1, 3],
            "low": 1,
            "high": 3,
        }
    )
    ((_, place),) = landmark_names.where(marks)
    assert place.startswith("layer 3, by CIDEr ")


def test_late_correction(run, frames):
    preset, images = preset_images(run, "Late correction")
    stat = frames["image_stat"]
    settles = stat[stat["metric"] == "convergence_layer"].set_index("image_id")["value"]
    layer = min(int(np.floor(settles.quantile(0.8))) + 1, int(settles.max()))
    assert preset.predicates[0].threshold == layer
    before, end = (scores(frames, "grounded_gain_cider", at) for at in (layer - 1, L))
    expected = {
        image
        for image in settles.index
        if settles[image] >= layer and before[image] <= before.median() + 1e-3 and end[image] > 0
    }
    assert images
    assert images == expected


@pytest.mark.parametrize(
    ("name", "judge_is_high"),
    [("Judge high, BERTScore low", True), ("BERTScore high, judge low", False)],
)
def test_judge_and_bertscore_disagree(run, frames, name, judge_is_high):
    preset, images = preset_images(run, name)
    layer = preset.predicates[0].quantity.layer
    assert layer in (2, 4)  # at the middle one BERTScore tells no image from another
    rows = frames["judgement"]
    judged = rows[rows["layer"] == layer].groupby("image_id")["score"].mean().astype(float)
    bert = scores(frames, "bertscore", layer)
    high, low = (judged, bert) if judge_is_high else (bert, judged)
    expected = {
        image
        for image in judged.index
        if high[image] >= high.quantile(0.75) - 1e-3 and low[image] <= low.quantile(0.25) + 1e-3
    }
    assert images
    assert images == expected


def opened_presets():
    """The Images page with its presets open; closed ones are not drawn."""
    at = app().run()
    assert not [button for button in at.button if (button.key or "").startswith("preset-")]
    at.session_state["presets"] = True
    return at.run()


def test_one_click_writes_the_filter(run, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", str(run.parent))
    at = opened_presets()
    preset, images = preset_images(run, "Late correction")
    next(button for button in at.button if button.label == preset.name).click().run()
    assert not at.exception
    assert at.text_input(key="filter").value == format_predicates(preset.predicates)
    bodies = "\n".join(element.proto.body for element in at.get("html"))
    assert f"{len(images)} of {N} images" in bodies


@pytest.mark.parametrize("layer", [2, 4])
def test_sure_but_wrong_at_a_layer_is_answered_by_clicking(run, frames, monkeypatch, layer):
    monkeypatch.setenv("PEEL_RESULTS", str(run.parent))
    at = opened_presets()
    at.selectbox(key="preset_layer").set_value(str(layer)).run()
    name = f"Sure but wrong at layer {layer}"
    next(button for button in at.button if button.label == name).click().run()
    assert not at.exception
    expected = sure_but_wrong(frames, layer)
    assert 0 < len(expected) < N
    assert {link["image"] for link in opened(at)} == expected


def test_what_a_run_lacks_is_named_and_cannot_be_clicked(tmp_path, monkeypatch):
    make_run(tmp_path, n_images=3)
    monkeypatch.setenv("PEEL_RESULTS", str(tmp_path))
    at = opened_presets()
    assert not at.exception
    buttons = [button for button in at.button if button.key and button.key.startswith("preset-")]
    assert len(buttons) == 4
    assert all(button.disabled for button in buttons)
    bodies = "\n".join(element.proto.body for element in at.get("html"))
    for lacks in (
        "It needs the metric repetition and a grounded gain",
        "It needs a judge",
        "It needs convergence layers and a grounded gain",
        "It needs [word_maps] and a data set with masks",
    ):
        assert lacks in bodies


def test_bounds_are_rounded_so_that_images_at_them_pass():
    value = 0.123456
    assert presets._short(value, presets.ROUND_FLOOR) == 0.1234
    assert presets._short(value, presets.ROUND_CEILING) == 0.1235
    assert presets._short(-value, presets.ROUND_FLOOR) == -0.1235


def test_where_most_images_reach_the_most_the_rest_are_wrong(run, monkeypatch):
    monkeypatch.setattr(run_data, "quantile", lambda key, quantity, share, condition: 1.0)
    sure = presets.presets(run_data.key_of(run), "baseline", L, 3)[0]
    assert str(sure.predicates[-1]) == "grounded_gain_cider:shuffled@3<1"
