"""The Layers page: where things set in, and cards of curves."""

import html
import json
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest

from dashboard.data import run as run_data
from dashboard.names import landmarks as landmark_names
from dashboard.views import layers
from dashboard.widgets import menus
from dashboard.widgets.parameters import PARAMETERS
from store import open_run
from store.disk.runs import list_runs
from store.parts.write import stage_folder, write_part
from store.publish.generation import publish
from store.query import images as image_queries
from store.statistics import landmarks
from tests.dashboard.opening import words
from tests.synthetic import make_run


def test_landmarks_stand_above_the_curves(visit, tmp_path):
    run = make_run(tmp_path, n_images=10, n_layers=4)
    with open_run(run) as opened:
        images = opened.table("image")["image_id"]
    stage = stage_folder(run, "score.cider", {})
    with write_part(stage, "all") as part:
        part.table(
            "score",
            [
                {
                    "condition_id": "baseline",
                    "image_id": image,
                    "layer": layer,
                    "metric": "cider",
                    "against": "reference",
                    "value": float(min(layer, 2)),
                }
                for image in images
                for layer in range(5)
            ],
        )
    publish(run)
    at = visit("layers", tmp_path)
    assert not at.exception
    text = html.unescape(words(at))
    level = "layer 2 (95% interval 2 to 2). "
    assert ">CIDEr levels off</dt>" in text
    assert f">{level}From here up the captions come hardly closer" in text
    assert f"CIDEr levels off: {level}The rule: the layer that best divides" in text
    assert "at least 95% of the last layer's, whose interval lies above 0." in text


def test_confidence_and_grounding_are_marked_on_the_curves(visit, tmp_path):
    run = make_run(tmp_path, n_images=10, n_layers=4)
    with open_run(run) as opened:
        images = opened.table("image")["image_id"]
    stage = stage_folder(run, "score.gain", {})
    values = {"grounded_gain_rouge_l": (1, "shuffled"), "grounded_gain_cider": (3, "shuffled")}
    with write_part(stage, "all") as part:
        part.table(
            "score",
            [
                {
                    "condition_id": "baseline",
                    "image_id": image,
                    "layer": layer,
                    "metric": metric,
                    "against": against,
                    "value": float(layer >= onset),
                }
                for metric, (onset, against) in values.items()
                for image in images
                for layer in range(5)
            ],
        )
    publish(run)
    charts = [
        json.loads(chart.proto.spec) for chart in visit("layers", tmp_path).get("vega_lite_chart")
    ]
    marked = [
        [
            layer
            for layer in chart.get("layer", [])
            if json.dumps(layer["encoding"].get("text")) != "null"
        ]
        for chart in charts
    ]
    assert sum(map(bool, marked)) == len(charts) - 1  # not how many settle at which layer
    marks = landmarks_of(run)
    assert landmark_names.marks(marks, values) == [(3, "Grounding sets in")]
    assert landmark_names.marks(marks, ["grounded_gain_rouge_l"]) == [(1, "Grounding sets in")]
    assert landmark_names.marks(marks, ()) == []


def landmarks_of(run):
    with open_run(run) as opened:
        return image_queries.landmarks(opened)


def test_cards_stand_in_one_grid(visit):
    at = visit("layers", section="glance")
    pairs = [column for column in at.columns if column.get("vega_lite_chart")]
    charts = len(at.get("vega_lite_chart"))
    assert charts == len(pairs) > 3
    assert all(len(column.get("vega_lite_chart")) == 1 for column in pairs)


def section(at):
    assert not at.exception
    return at.segmented_control(key="section").value


@pytest.mark.parametrize(
    ("old", "today"), [*PARAMETERS["section"].old_values.items(), ("settles", "settles")]
)
def test_an_old_link_opens_the_same_section(visit, old, today):
    expected = visit("layers", section=today)  # or the same note, where the run has no such curve
    for query in ({"room": old}, {"section": old}):
        at = visit("layers", **query)
        assert section(at) == section(expected)
        assert words(at) == words(expected)


def test_a_choice_takes_an_old_link_over(visit):
    at = visit("layers", room="said")
    at.segmented_control(key="section").set_value("settles").run()
    assert (section(at), at.query_params["section"]) == ("settles", "settles")
    assert "room" not in at.query_params
    at.segmented_control(key="section").set_value("glance").run()  # the default
    assert section(at) == "glance"
    assert not {"room", "section"} & set(at.query_params)


def test_a_condition_of_one_layer_has_numbers_and_no_curves(open_page, edited):
    at = open_page("layers", condition="confuse:4")
    assert not at.exception
    assert "Under confuse:4 layer 6 alone was decoded" in words(at)
    assert len(at.get("vega_lite_chart")) == 0
    table = at.dataframe[0].value
    with open_run(list_runs(edited)[0]) as run:
        curves = run.sql("SELECT mean FROM curve WHERE condition_id = 'confuse:4'")
    assert sorted(table["mean"]) == sorted(curves["mean"])


def mark(metric, layer, low, high, rule="mean_logprob at most 0.05 above"):
    return {"metric": metric, "layer": layer, "low": low, "high": high, "rule": rule}


def test_grounding_is_named_once_by_the_measure_of_the_first_view():
    marks = pd.DataFrame(
        [
            mark("confidence_onset", 2, 1, 3),
            mark("grounding_onset_rouge_l", 5, 4, 6),
            mark("grounding_onset_cider", 7, float("nan"), float("nan")),
            mark("grounding_onset_exact", 8, 7, 8),
        ]
    )
    places = dict(landmark_names.where(marks))
    assert list(places) == ["The decoder is sure", "Grounding sets in"]
    assert places["The decoder is sure"].startswith("layer 2 (95% interval 1 to 3). ")
    assert places["Grounding sets in"].startswith(
        "layer 7, by CIDEr (too few images for an interval). "
    )
    assert places["Grounding sets in"].endswith("By 2 other measures: layer 5 to 8.")
    alone = dict(landmark_names.where(marks[:2]))["Grounding sets in"]
    assert "by ROUGE-L" in alone and "other" not in alone


def test_rules_name_metrics_as_menus_do():
    rules = landmark_names.rules(
        pd.DataFrame(
            [
                mark(rule.name, 1, 1, 1, rule.words)
                for rule in landmarks.rules(
                    [
                        *landmarks.CONFIDENCE.curves,
                        *landmarks.PLATEAU.curves,
                        ("grounded_gain_rouge_l", "shuffled"),
                    ]
                )
            ]
        )
    )
    assert len(rules) == 3
    assert "with a Caption log-probability within 0.6931 nats a token" in rules[0]
    assert any("whose Grounded gain, ROUGE-L is at least 0.5" in rule for rule in rules)
    assert not any("_" in rule for rule in rules)


def test_the_floor_is_told_and_drawn_where_there_are_captions(visit, tmp_path):
    run = make_run(tmp_path, n_images=12, n_layers=4)
    with open_run(run) as opened:
        captions = opened.table("caption", "condition_id = 'baseline'")
    for seed in (0, 1):
        rows = captions.assign(condition_id=f"floor:{seed}", mean_logprob=-1.0 - seed)
        rows = rows[rows["image_id"].isin(sorted(set(rows["image_id"]))[:10])]
        with write_part(stage_folder(run, f"floor.{seed}", {}), "all") as part:
            part.table("floor_caption", rows.to_dict("records"))
    publish(run)
    at = visit("layers", tmp_path, section="confidence")
    assert not at.exception
    assert "Grey: the floor, what the same decoder says of 2 towers" in words(at)
    assert "(10 images;" in words(at)
    drawn = [
        pa.ipc.open_stream(one.data.data).read_pandas()
        for chart in at.get("vega_lite_chart")
        for one in chart.proto.datasets
    ]
    (floor,) = [
        rows for rows in drawn if "towers" in rows and set(rows["metric"]) == {"mean_logprob"}
    ]
    assert set(floor["towers"]) == {2}
    bands = list(zip(floor["layer"], floor["low"], floor["high"], strict=True))
    assert bands == [(layer, -2.0, -1.0) for layer in range(5)]
    at = visit("layers", tmp_path, section="updates")
    assert not at.exception
    assert "the floor" not in words(at)


def test_bands_are_pointwise_or_simultaneous_and_the_page_says_which(visit):
    alone, whole = visit("layers"), visit("layers", bands="simultaneous")
    assert not alone.exception and not whole.exception
    assert "pointwise: each layer by itself" in words(alone)
    assert "simultaneous: with 95% confidence a whole curve" in words(whole)
    assert "pointwise: each layer" not in words(whole)
    assert whole.segmented_control(key="bands").value == "simultaneous"
    whole.segmented_control(key="bands").set_value("pointwise").run()
    assert "bands" not in whole.query_params


def test_simultaneous_bands_are_the_stores_and_wider(results, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", str(results))
    run = next(run for run in list_runs(results) if run.name.startswith("one"))
    seen = {}
    monkeypatch.setattr(menus, "menu", lambda *_, **__: seen["band"])
    place = SimpleNamespace(published=run_data.key_of(run), condition="baseline")
    curves = run_data.curves(place.published, "baseline")
    at = ["metric", "against", "layer"]
    for seen["band"] in ("pointwise", "simultaneous"):
        band, shown = layers._bands(place, curves)
        assert band == seen["band"] and len(shown) == len(curves)
        seen[band] = shown.set_index(at).sort_index()
    whole, alone = seen["simultaneous"], seen["pointwise"]
    assert (whole["mean"] == alone["mean"]).all() and whole["low"].notna().all()
    width = {
        name: (rows["high"] - rows["low"])["rouge_l"]
        for name, rows in seen.items()
        if name != "band"
    }
    assert (width["simultaneous"] >= width["pointwise"] - 1e-9).mean() > 0.95
    assert width["simultaneous"].sum() > 1.2 * width["pointwise"].sum()


def test_a_run_of_three_images_has_curves_without_bands(visit, results):
    run = next(run for run in list_runs(results) if run.name.startswith("two"))
    at = visit("layers", run=run.name)
    assert not at.exception
    assert "Means over fewer than 10 images have none: so few cannot tell it." in words(at)
