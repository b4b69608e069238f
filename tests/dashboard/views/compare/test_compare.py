"""The Compare page: what it shows, its message where there is nothing, and what its link holds."""

import pytest

from store import open_run
from store.disk.runs import list_runs
from tests.dashboard.opening import opened, words
from tests.synthetic import make_run


def test_two_conditions_side_by_side(open_page):
    at = open_page(
        "compare", condition="skip:5", versus="baseline", metric="rouge_l:reference", layer="6"
    )
    assert not at.exception
    text = words(at)
    assert "the same 14 images on both sides" in text
    assert "Difference: baseline minus skip:5" in text
    assert at.selectbox(key="metric").value == "rouge_l:reference"
    assert len(at.get("vega_lite_chart")) == 2
    assert len(opened(at)) == 8
    there = {"condition": "skip:5", "versus": "baseline", "layer": "6", "head": "mean"}
    assert there.items() <= opened(at)[0].items()
    at.selectbox(key="head").set_value("2").run()
    assert opened(at)[0]["head"] == "2"


def test_the_first_choice_has_curves_and_a_layer_where_the_two_part(open_page, edited):
    at = open_page("compare")
    assert not at.exception
    with open_run(list_runs(edited)[0]) as run:
        layers = run.sql("SELECT condition_id, layer FROM curve").drop_duplicates()
    counts = layers.groupby("condition_id").size().drop("baseline")
    assert counts[at.selectbox(key="versus").value] == counts.max() > counts.min()
    assert len(at.get("vega_lite_chart")) == 2


def test_a_condition_of_one_layer_is_a_sentence(open_page):
    at = open_page("compare", versus="confuse:4", metric="rouge_l:reference")
    assert not at.exception
    assert len(at.get("vega_lite_chart")) == 0
    text = words(at)
    assert "Both sides have this measure at layer 6 alone, so there is no curve." in text
    assert "ROUGE-L against the references. At layer 6: baseline " in text


def test_sides_that_are_the_same_get_a_note(open_page):
    at = open_page("compare", versus="skip:5", metric="exact:final", layer="6")
    assert "By this measure both sides are the same for every image here." in words(at)
    at = open_page("compare", versus="skip:5", metric="rouge_l:reference", layer="6")
    assert "By this measure both sides are the same" not in words(at)


def test_the_link_holds_ids(open_page):
    at = open_page("compare", condition="skip:5", versus="baseline")
    at.selectbox(key="metric").set_value("exact:final").run()
    at.selectbox(key="layer").set_value("3").run()
    assert at.query_params["metric"] == "exact:final"
    assert at.query_params["layer"] == "3"
    at.query_params["layer"] = "2"  # as the browser's back button does
    at.run()
    assert at.selectbox(key="layer").value == "2"


def test_a_picture_shows_its_maps_on_both_sides(open_page):
    at = open_page(
        "compare",
        condition="skip:5",
        versus="baseline",
        layer="4",
        metric="rouge_l:final",
        image="img00003",
        head="1",
    )
    assert not at.exception
    assert "img00003: what CLS attends to" in words(at)
    assert words(at).count("<span>≥ 0.") == 1  # under skip:5 no maps were taken


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ({"versus": "gone"}, "the condition to compare with “gone”"),
        ({"with_run": "gone"}, "the run to compare with “gone”"),
        ({"metric": "gone"}, "the measure “gone”"),
        ({"layer": "99"}, "layer “99”"),
        ({"head": "99"}, "head “99”"),
    ],
)
def test_an_unknown_value_falls_back_with_a_note(open_page, query, note):
    at = open_page("compare", **query)
    assert not at.exception
    assert note in words(at)


def test_one_run_without_conditions_has_nothing_to_compare(open_page, tmp_path):
    make_run(tmp_path, n_images=2)
    at = open_page("compare", tmp_path)
    assert not at.exception
    assert "There is nothing to compare this with" in words(at)


def test_towers_of_other_depth_get_a_note(open_page, tmp_path):
    make_run(tmp_path, "deep", n_images=6, n_layers=6)
    make_run(tmp_path, "flat", n_images=6, n_layers=4, seed=1)
    deep, flat = (run.name for run in list_runs(tmp_path))
    at = open_page("compare", tmp_path, run=deep, with_run=flat, metric="rouge_l:final", layer="3")
    assert not at.exception
    assert "The towers have 6 and 4 layers" in words(at)
    assert f"{flat}, baseline, layer 2" in words(at)
    assert "versus" not in opened(at)[0]  # a condition of the other run
