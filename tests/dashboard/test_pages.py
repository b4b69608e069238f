"""Every page: it opens, at what its link says, and its links and filters lead on."""

import pytest
from streamlit.util import calc_hash

from dashboard.data import run as run_data
from dashboard.widgets.picture import strongest
from store.disk.runs import list_runs
from store.query.images import Selection
from store.query.predicates import parse_predicates
from tests.dashboard.opening import PAGES, app, opened, words
from tests.dashboard.reader.test_reader import sent


@pytest.mark.parametrize("page", (*PAGES, "judge"))
def test_every_page_opens(visit, page):
    at = visit(page)
    assert not at.exception
    assert len(words(at)) > 100


def test_a_link_to_images_leads_to_the_first_page_with_its_filters(results, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", str(results))
    at = app(query={"filter": "map_shift@3>2", "run": list_runs(results)[0].name})
    at._page_hash = calc_hash("images")  # the alias; the page itself is at the root
    at.run()
    assert not at.exception
    assert at.text_input(key="filter").value == "map_shift@3>2"
    assert "0 of 30 images" in words(at)


def test_the_link_names_the_run_from_the_start(visit, results):
    at = visit("images")
    run = list_runs(results)[0].name
    assert all(f"run={run}" in link.proto.query_string for link in at.get("page_link"))
    at.text_input(key="find").set_value("a").run()
    assert (at.query_params["run"], at.query_params["find"]) == (run, "a")


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ({"run": "gone"}, "the run “gone”"),
        ({"image": "gone"}, "no image “gone”"),
        ({"layer": "99"}, "layer “99”"),
        ({"head": "9"}, "head “9”"),
        ({"map": "gone"}, "the map “gone”"),
    ],
)
def test_what_a_link_names_in_vain_falls_back_with_a_note(visit, query, note):
    at = visit("image", **query)
    assert not at.exception
    assert note in words(at)
    assert "img00000" in words(at)


def test_a_filter_that_cannot_be_read_gets_a_note(visit):
    at = visit("images", filter="map_shift ~ 3")
    assert not at.exception
    assert "The filter cannot be read" in words(at)
    assert "30 of 30 images" in words(at)
    at = visit("images", filter="bertscore:final>0.5;map_shift>=0")
    assert "asks for bertscore:final, which this run does not have" in words(at)


def test_filters_of_the_link_are_applied_and_drawn(visit, results):
    at = visit("images", filter="rouge_l:final@2<0.9;|delta_attn|>0.01")
    key = run_data.key_of(list_runs(results)[0])
    count = run_data.count(key, Selection(parse_predicates(at.text_input(key="filter").value)))
    assert 0 < count < 30
    assert f"{count} of 30 images" in words(at)
    assert [n.key for n in at.number_input if n.value is not None] == ["high-0", "low-1"]


def test_thresholds_can_be_moved_and_filters_dropped(visit):
    at = visit("images", filter="map_shift@3>0.2;n_tokens>=0")
    at.number_input(key="low-0").set_value(2.0).run()
    assert at.text_input(key="filter").value == "map_shift@3>=2;n_tokens>=0"
    assert "0 of 30 images" in words(at)
    assert "No image fits" in words(at)
    at.button(key="drop-0").click().run()
    assert at.text_input(key="filter").value == "n_tokens>=0"
    assert "30 of 30 images" in words(at)
    assert not at.exception


def test_a_filter_can_be_built(visit):
    at = visit("images")
    assert "new_metric" not in [box.key for box in at.selectbox], "drawn when it is opened"
    at.session_state["builder"] = True
    at.run()
    at.selectbox(key="new_metric").select("rouge_l:final").run()
    at.selectbox(key="new_layer").select(2).run()
    at.number_input(key="high-new-rouge_l:final@2").set_value(0.75).run()
    assert at.text_input(key="filter").value == "rouge_l:final@2<=0.75"
    assert not at.exception


def test_search_and_order(visit):
    at = visit("images", find="PENGUIN", find_in="5", sort="map_shift", order="least")
    assert not at.exception
    shown = words(at)
    assert "Map shift: " in shown
    values = [
        float(line.split("Map shift: ")[1].split("<")[0])
        for line in shown.splitlines()
        if "Map shift: " in line
    ]
    assert values == sorted(values)
    assert all("penguin" in line for line in shown.splitlines() if " next to a " in line)


def test_pages_of_images(visit):
    at = visit("images", page="2")
    assert len(opened(at)) == 6
    at = visit("images", page="2", filter="n_tokens>99")
    assert not at.exception


def test_a_first_visit_opens_at_the_strongest_cell_and_says_so(visit, results):
    key = run_data.key_of(list_runs(results)[0])
    heads = run_data.head_stats(key, "img00002", "baseline")
    best = heads.sort_values("contribution_share").iloc[-1]
    assert strongest(heads) == (best["layer"], best["head"], "contribution_share")
    at = visit("image", image="img00002")
    header, _ = sent(at)
    begins = header["start"]["at"]
    assert (begins["layer"], begins["head"]) == (str(int(best["layer"])), str(int(best["head"])))
    assert (header["peak"]["layer"], header["peak"]["head"]) == (begins["layer"], begins["head"])


@pytest.mark.parametrize(
    "query",
    [
        {
            "map": "contribution",
            "own_scale": "true",
            "smooth": "true",
            "hide": "true",
            "head": "mean",
        },
        {"layer": "0", "cells": "attn_entropy", "against": "final", "opacity": "1.00"},
    ],
)
def test_other_ways_to_look(visit, query):
    at = visit("image", **query)
    assert not at.exception
    begins = sent(at)[0]["start"]["at"]
    assert {name: begins[name] for name in query} == query


def test_an_old_link_asks_for_the_colours_of_one_map(visit):
    assert sent(visit("image", own="true"))[0]["start"]["at"]["own_scale"] == "true"


def test_next_keeps_the_cell_and_another_image_starts_anew(visit):
    at = visit("image", image="img00001", layer="1", head="2")
    next(button for button in at.button if button.label == "Next").click().run()
    assert at.text_input(key="image").value == "img00002"
    begins = sent(at)[0]["start"]["at"]
    assert (begins["layer"], begins["head"]) == ("1", "2")
