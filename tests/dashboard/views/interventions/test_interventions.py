import html
import json

import pytest

from dashboard.data import run as run_data
from dashboard.widgets import two_captions
from store import open_run
from store.disk.runs import list_runs
from tests import synthetic_stages
from tests.dashboard.opening import opened, words
from tests.dashboard.test_injection import HOSTILE
from tests.synthetic import make_run
from tests.synthetic_conditions import edit


def test_the_page_has_figure_2_the_words_and_the_images(open_page):
    at = open_page("interventions")
    assert not at.exception
    assert at.selectbox(key="measure").value == "rouge_l:baseline"
    text = words(at)
    assert "Averaging: " in text
    assert "Removal: " in text
    assert len(at.get("vega_lite_chart")) == 1  # no phrase is asked for, repetition not scored
    assert "python -m precompute score" in at.code[0].value
    labels = [button.proto.label for button in at.get("download_button")]
    assert labels.count("SVG") == labels.count("PNG") == 1
    assert labels.count("CSV") == 2


def test_a_phrase_is_counted_when_it_is_asked_for_and_its_chart_names_it(open_page, edited):
    at = open_page("interventions")
    with open_run(list_runs(edited)[0]) as run:
        text = run.table(
            "caption", "condition_id = 'baseline' AND layer = 6 AND image_id = 'img00000'"
        )["text"][0]
    phrase = " ".join(text.split()[-3:])
    next(button for button in at.button if button.label == f"Try “{phrase}”").click().run()
    assert not at.exception
    assert at.query_params["phrase"] == phrase
    specs = [json.loads(chart.proto.spec) for chart in at.get("vega_lite_chart")]
    assert len(specs) == 2
    assert f"captions with “{phrase}” (share)" in json.dumps(specs[1], ensure_ascii=False)
    assert "contains “a zebra”" in words(open_page("interventions", phrase="a zebra"))


def test_without_a_swept_layer_the_words_have_no_section(open_page, tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic_stages, "sweep_conditions", lambda *_: [])
    monkeypatch.setattr(synthetic_stages, "edit", lambda *_: edit("heads", (5,), 0.4))
    make_run(tmp_path, n_images=4, n_layers=6, conditions=True)
    at = open_page("interventions", tmp_path)
    assert not at.exception
    assert "No layer was averaged, confused or removed" in words(at)
    assert "What changed in the words" not in words(at)
    assert "What it changed, image by image" in words(at)


def test_the_table_of_conditions_leaves_specifications_to_the_file(open_page):
    at = open_page("interventions")
    table = next(frame.value for frame in at.dataframe if "condition" in frame.value)
    assert "spec" not in table and "95% from" in table
    assert "confuse:4" in set(table["condition"])


def test_without_a_condition_the_one_that_changed_most_is_shown(open_page, edited):
    from store.query import conditions as condition_queries

    key = run_data.key_of(list_runs(edited)[0])
    values = run_data.asked(key, condition_queries.at_last_layer, "rouge_l", "baseline")
    least = values.loc[values["mean"].idxmin(), "condition_id"]
    assert f"Condition {least};" in words(open_page("interventions"))
    assert "Condition confuse:4;" in words(open_page("interventions", condition="confuse:4"))


def test_images_are_ranked_by_change_with_both_captions(open_page):
    at = open_page("interventions", condition="mean:1")
    assert words(at).count(">baseline</div>") == 8
    assert [link["condition"] for link in opened(at)] == ["mean:1"] * 8


def test_all_measures_of_a_condition_stand_in_a_table(open_page):
    at = open_page("interventions", condition="mean:1", changed="measures")
    table = next(frame.value for frame in at.dataframe if "measure" in frame.value)
    assert "ROUGE-L against the references" in set(table["measure"])


@pytest.mark.parametrize(
    "query",
    [
        {"measure": "rouge_l:reference", "numbers": "paper"},
        {"measure": "nothing", "phrase": "<b>50%", "ranked": "9"},
        {"measure": "n_tokens:self"},
    ],
)
def test_other_ways_to_look(open_page, query):
    at = open_page("interventions", **query)
    assert not at.exception
    if query["measure"] == "nothing":
        assert "the measure “nothing”" in words(at)
    if "n_tokens" in query["measure"]:
        assert "is no score of single images" in words(at)


@pytest.mark.parametrize(
    ("page", "text"),
    [("interventions", "[[experiments]]"), ("pruning", "[[pruning]]"), ("heads", "[heads]")],
)
def test_a_run_without_conditions_says_what_to_add(open_page, tmp_path, page, text):
    make_run(tmp_path, n_images=2)
    at = open_page(page, tmp_path)
    assert not at.exception
    assert text in words(at)


@pytest.mark.parametrize("text", HOSTILE)
def test_compared_captions_are_never_markup(monkeypatch, text):
    bodies = []
    monkeypatch.setattr(two_captions.st, "html", bodies.append)
    two_captions.side_by_side("a cat", text, (text, text))
    two_captions.side_by_side(text, "", ("before", "after"))
    two_captions.caption("", text)
    for word in text.split():
        assert all(html.escape(word) in body for body in bodies)
    assert not any("<script" in body or "<img" in body or "<style" in body for body in bodies)
    assert "(no caption)" in bodies[1]


def test_lost_words_stand_left_and_gained_ones_right(monkeypatch):
    bodies = []
    monkeypatch.setattr(two_captions.st, "html", bodies.append)
    two_captions.side_by_side("a red cat", "a dog", ("x", "y"))
    left, right = bodies[0].split(">y<")
    assert "line-through" in left
    assert "red cat" in left
    assert "dog" not in left
    assert "underline" in right
    assert "red cat" not in right
