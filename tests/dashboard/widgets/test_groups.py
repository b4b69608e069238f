"""The Images page by category and class."""

import html
from urllib.parse import parse_qsl

import pytest

from dashboard.widgets import groups
from store import open_run
from store.disk.runs import list_runs
from tests.dashboard.opening import count, opened, words
from tests.dashboard.test_injection import HOSTILE, make_hostile_run


def images_of(run, column, values):
    with open_run(run) as opened:
        image = opened.table("image")
    return sorted(image.loc[image[column].isin(values), "image_id"])


def shown(at):
    return sorted(link["image"] for link in opened(at))


def test_categories_and_classes_are_chosen_counted_and_taken_away(open_page, edited):
    (run,) = list_runs(edited)
    at = open_page("images", page="2")
    menu = at.multiselect(key="category")
    assert menu.options == ["biology (5)", "customs (4)", "physics (5)"]
    menu.set_value(["physics", "customs"]).run()
    assert not at.exception
    assert at.query_params["category"] == "physics;customs"
    assert "page" not in at.query_params
    assert shown(at) == images_of(run, "category", ["physics", "customs"])
    assert count(at) == len(shown(at)) == 9
    assert "9 of 14 images of physics or customs<" in words(at)
    at.multiselect(key="category").set_value([]).run()
    assert "category" not in at.query_params
    assert count(at) == 14


def test_a_picture_leads_to_those_of_its_category_and_class(open_page, edited):
    (run,) = list_runs(edited)
    links = {
        link.proto.label: dict(parse_qsl(link.proto.query_string))
        for link in open_page("image", image="img00003", condition="skip:5").get("page_link")
    }
    with open_run(run) as there:
        (row,) = there.table("image", "image_id = 'img00003'").to_dict("records")
    there = {"run": run.name, "condition": "skip:5"}
    assert links[f"All pictures of {row['category']}"] == {**there, "category": row["category"]}
    assert links[f"All pictures of {row['label']}"] == {**there, "label": row["label"]}
    query = links["All pictures of biology"]
    assert shown(open_page("images", **query)) == images_of(run, "category", ["biology"])


def test_a_category_goes_with_filters_search_and_tags(open_page, edited):
    (run,) = list_runs(edited)
    mine = images_of(run, "category", ["biology"])
    with open_run(run) as there:
        captions = there.table("caption", "condition_id = 'baseline' AND contains(text, 'desert')")
        moved = there.table(
            "layer_stat", "condition_id = 'baseline' AND layer = 3 AND map_shift > 0.3"
        )
    expected = sorted(set(mine) & set(captions["image_id"]) & set(moved["image_id"]))
    at = open_page("images", category="biology", find="desert", filter="map_shift@3>0.3")
    assert shown(at) == expected
    assert 0 < len(expected) < len(mine)


@pytest.mark.parametrize("asked", [*HOSTILE, "gone"])
def test_a_category_that_no_image_has_gets_a_note(open_page, asked):
    at = open_page("images", category=groups.written(["physics", asked]), label=asked)
    assert not at.exception
    assert f"The link names the category “{html.escape(asked[:80])}”" in words(at)
    assert "The link names the class “" in words(at)
    assert count(at) == 5


def test_categories_of_hostile_names_are_chosen_as_they_are(open_page, tmp_path):
    make_hostile_run(tmp_path)
    at = open_page("images", tmp_path, category=groups.written([HOSTILE[1]]))
    assert not at.exception
    assert at.multiselect(key="category").value == [HOSTILE[1]]
    assert len(opened(at)) == 2


def test_a_menu_of_very_many_has_the_most_frequent_and_the_chosen(open_page, monkeypatch):
    monkeypatch.setattr(groups, "_OFFERED", 2)
    at = open_page("images", category="customs")
    assert at.multiselect(key="category").options == ["biology (5)", "customs (4)", "physics (5)"]
    at = open_page("images")
    assert at.multiselect(key="category").options == ["biology (5)", "physics (5)"]
