"""Every page, and every state in which a page has nothing or something wrong to show."""

import json
from pathlib import Path
from urllib.parse import parse_qs

import duckdb
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboard import data
from store import open_run
from store.failures import Failure, write_failures
from store.parts import stage_folder, write_part
from store.runs import list_runs, update_run, write_progress
from tests.dashboard.test_reader import sent
from tests.synthetic import make_run

APP = str(Path(__file__).parents[2] / "dashboard" / "app.py")


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    make_run(folder, "one", n_images=30, n_layers=5, n_heads=3, seed=1)
    make_run(folder, "two", n_images=3, n_layers=4, n_heads=2, seed=2)
    return folder


@pytest.fixture
def visit(results, monkeypatch):
    """Opens a page: visit("image", image="img00001"), or in another folder with folder=."""

    def open_page(page, folder=results, /, **query):
        monkeypatch.setenv("PEEL_RESULTS", str(folder))
        at = AppTest.from_file(APP, default_timeout=60)
        at.query_params.update(query)
        if page != "images":  # the default page; AppTest.switch_page knows pages of files alone
            at._page_hash = calc_hash(page)
        return at.run()

    return open_page


def words(at):
    """All text of a page, our own HTML included."""
    shown = [element.proto.body for element in at.get("html")]
    return "\n".join([*shown, *(element.value for element in (*at.markdown, *at.header,
                                                             *at.subheader, *at.code))])


PAGES = ("images", "image", "layers", "interventions", "heads", "pruning", "runs")


@pytest.mark.parametrize("page", (*PAGES, "judge"))
def test_every_page_opens(visit, page):
    at = visit(page)
    assert not at.exception
    assert len(words(at)) > 100


def test_a_link_to_images_leads_to_the_first_page_with_its_filters(results, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", str(results))
    at = AppTest.from_file(APP, default_timeout=60)
    at.query_params.update(filter="map_shift@3>2", run=list_runs(results)[0].name)
    at._page_hash = calc_hash("images")
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


@pytest.mark.parametrize("page", (*PAGES, "judge"))
def test_no_runs(visit, tmp_path, page):
    for folder in (tmp_path, tmp_path / "absent"):
        at = visit(page, folder)
        assert not at.exception
        assert at.header[0].value == "No run yet"
        assert "make demo" in words(at)


@pytest.mark.parametrize("page", (*PAGES, "judge"))
def test_a_run_that_is_not_published(visit, tmp_path, page):
    run = make_run(tmp_path, n_images=2, publish=False)
    write_progress(run, "capture", 1, 2, 0.5)
    at = visit(page, tmp_path)
    assert not at.exception
    if page == "runs":
        assert "Under way: capture, 1 of 2" in words(at)
        assert "Nothing is published yet" in words(at)
    else:
        assert at.header[0].value == "Nothing to show yet"
        assert "page **Runs**" in words(at)


@pytest.mark.parametrize("page", PAGES)
def test_an_older_file_without_a_table(visit, tmp_path, page):
    run = make_run(tmp_path, n_images=2, conditions=True)
    with duckdb.connect(str(run / "results-1.duckdb")) as con:
        for table in ("score", "curve", "skipped", "head_stat", "head_curve", "change"):
            con.execute(f"DROP TABLE {table}")
    at = visit(page, tmp_path)
    assert not at.exception
    assert "of another version" in at.header[-1].value
    assert "python -m precompute publish" in words(at)


@pytest.mark.parametrize("page", ("images", "image", "layers"))
def test_a_damaged_file(visit, tmp_path, page):
    run = make_run(tmp_path, n_images=2)
    (run / "results-1.duckdb").write_bytes(b"no database" * 500)
    at = visit(page, tmp_path)
    assert not at.exception
    assert at.header[0].value == "This run cannot be read"
    assert "verify" in words(at)


def test_arrays_that_were_not_copied(visit, tmp_path):
    run = make_run(tmp_path, n_images=2)
    for path in run.rglob("tensors.h5"):
        path.unlink()
    at = visit("image", tmp_path)
    assert not at.exception
    assert "Copy the whole run folder" in words(at)


@pytest.mark.parametrize(("query", "note"), [
    ({"run": "gone"}, "the run “gone”"),
    ({"image": "gone"}, "no image “gone”"),
    ({"layer": "99"}, "layer “99”"),
    ({"head": "9"}, "head “9”"),
    ({"map": "gone"}, "the map “gone”"),
])
def test_what_a_link_names_in_vain_falls_back_with_a_note(visit, query, note):
    at = visit("image", **query)
    assert not at.exception
    assert note in words(at)
    assert "img00000" in words(at)


def test_a_filter_that_cannot_be_read_is_said_so(visit):
    at = visit("images", filter="map_shift ~ 3")
    assert not at.exception
    assert "The filter cannot be read" in words(at)
    assert "30 of 30 images" in words(at)
    at = visit("images", filter="bertscore:final>0.5;map_shift>=0")
    assert "asks for bertscore:final, which this run does not have" in words(at)


def test_filters_of_the_link_are_applied_and_drawn(visit, results):
    at = visit("images", filter="rouge_l:final@2<0.9;|delta_attn|>0.01")
    key = data.key_of(list_runs(results)[0])
    from store.predicates import parse_predicates
    from store.queries import Selection
    count = data.count(key, Selection(parse_predicates(at.text_input(key="filter").value)))
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
    values = [float(line.split("Map shift: ")[1].split("<")[0])
              for line in shown.splitlines() if "Map shift: " in line]
    assert values == sorted(values)
    assert all("penguin" in line for line in shown.splitlines() if " next to a " in line)


def test_pages_of_images(visit):
    at = visit("images", page="2")
    opened = [link for link in at.get("page_link") if link.proto.label == "Open"]
    assert len(opened) == 6
    at = visit("images", page="2", filter="n_tokens>99")
    assert not at.exception


def test_a_first_visit_opens_at_the_strongest_cell_and_says_so(visit, results):
    from dashboard.comparison import strongest
    key = data.key_of(list_runs(results)[0])
    heads = data.head_stats(key, "img00002", "baseline")
    best = heads.sort_values("contribution_share").iloc[-1]
    assert strongest(heads) == (best["layer"], best["head"], "contribution_share")
    at = visit("image", image="img00002")
    header, _ = sent(at)
    begins = header["start"]["at"]
    assert (begins["layer"], begins["head"]) == (str(int(best["layer"])), str(int(best["head"])))
    assert (header["peak"]["layer"], header["peak"]["head"]) == (begins["layer"], begins["head"])


@pytest.mark.parametrize("query", [
    {"map": "contribution", "own": "true", "smooth": "true", "hide": "true", "head": "mean"},
    {"layer": "0", "cells": "attn_entropy", "against": "final", "opacity": "1.00"},
])
def test_other_ways_to_look(visit, query):
    at = visit("image", **query)
    assert not at.exception
    begins = sent(at)[0]["start"]["at"]
    assert {name: begins[name] for name in query} == query


def test_next_keeps_the_cell_and_another_image_starts_anew(visit):
    at = visit("image", image="img00001", layer="1", head="2")
    next(button for button in at.button if button.label == "Next").click().run()
    assert at.text_input(key="image").value == "img00002"
    begins = sent(at)[0]["start"]["at"]
    assert (begins["layer"], begins["head"]) == ("1", "2")


def test_a_newer_generation_is_seen_without_a_restart(visit, tmp_path):
    from tests.synthetic import begin_run, stage_folder, write_capture_part
    run = begin_run(tmp_path, "grows", 2, 2, (2, 2), 0)
    stage = stage_folder(run, "capture", {"code": 1})
    update_run(run, stages={"capture": stage.name})
    from store.publish import publish
    write_capture_part(stage, "part-00000", [0, 1], 2, 2, (2, 2))
    publish(run)
    at = visit("images", tmp_path)
    assert "2 of 2 images" in words(at)
    write_capture_part(stage, "part-00001", [2, 3, 4], 2, 2, (2, 2))
    publish(run)
    at.run()
    assert "5 of 5 images" in words(at)
    at = visit("layers", tmp_path)
    assert "Means over 5 images" in words(at)


@pytest.mark.parametrize(("parity", "badge"), [
    ({"passed": True}, "passed"),
    ({"passed": False, "accepted_mismatch": True}, "mismatch accepted"),
    ({"passed": False}, "certificate failed"),
    (None, "no certificate"),
])
def test_the_certificate_is_shown_as_it_is(visit, tmp_path, parity, badge):
    run = make_run(tmp_path, n_images=2)
    update_run(run, parity=parity)
    at = visit("runs", tmp_path)
    assert not at.exception
    assert badge in words(at)
    on_other_pages = badge in words(visit("images", tmp_path))
    assert on_other_pages == (badge != "passed")


def test_a_stage_whose_process_is_gone_says_how_to_go_on(visit, tmp_path):
    run = make_run(tmp_path, n_images=2)
    write_progress(run, "score", 1, 9)
    path = run / "progress" / "score.json"
    progress = json.loads(path.read_text())
    progress["owner"]["start"] = 1  # the same process id, another process
    path.write_text(json.dumps(progress))
    assert "stopped at 1 of 9" in words(visit("runs", tmp_path))


def test_landmarks_stand_above_the_curves(visit, tmp_path):
    from store.publish import publish
    run = make_run(tmp_path, n_images=3, n_layers=4)
    with open_run(run) as opened:
        images = opened.table("image")["image_id"]
    stage = stage_folder(run, "score.cider", {})
    with write_part(stage, "all") as part:
        part.table("score", [
            {"condition_id": "baseline", "image_id": image, "layer": layer, "metric": "cider",
             "against": "reference", "value": float(min(layer, 2))}
            for image in images for layer in range(5)])
    publish(run)
    at = visit("layers", tmp_path)
    assert not at.exception
    assert "CIDEr levels off: layer 2 (95% interval layer 2 to layer 2); " in words(at)


def test_skipped_pictures_are_shown_with_their_reasons(visit, tmp_path):
    run = make_run(tmp_path, n_images=3)
    with duckdb.connect(str(run / "results-1.duckdb")) as con:
        con.execute("INSERT INTO skipped VALUES ('test/3.png', 'cannot read: cut off.')")
    at = visit("runs", tmp_path)
    assert not at.exception
    assert "1 of 4 pictures (25.0%) could not be opened" in words(at)
    assert any("cannot read: cut off." in frame.value.to_string() for frame in at.dataframe)


def test_parts_that_were_given_up_are_named(visit, tmp_path):
    run = make_run(tmp_path, n_images=2)
    assert "given up" not in words(visit("runs", tmp_path))
    write_failures(run, "capture-1", [Failure("capture-1", "images-000008", "no room", 3, "host")])
    at = visit("runs", tmp_path)
    assert not at.exception
    assert "Parts that were given up" in words(at) and "1 parts could not be made" in words(at)
    assert any("images-000008" in frame.value.to_string() for frame in at.dataframe)


def test_the_first_page_asks_a_newcomer_what_the_run_can_answer(visit, edited):
    at = visit("images", edited)
    assert not at.exception
    assert "What does each layer of a vision transformer see?" in words(at)
    ways = {link.proto.label: link.proto for link in at.get("page_link")}
    asked = [label for label in ways if label.endswith("?")]
    # Without a grounded gain none is known to be described fluently but wrongly.
    assert [label.split()[0] for label in asked] == ["At", "Which", "What"]
    for label in asked:
        query = parse_qs(ways[label].query_string)
        assert query["run"] == [list_runs(edited)[0].name], label
        page = ways[label].page or "images"
        there = visit(page, edited, **{name: values[0] for name, values in query.items()})
        assert not there.exception
        assert "which is not here" not in words(there), label


def test_who_looks_for_something_is_not_welcomed(visit):
    assert "What does each layer" in words(visit("images"))
    assert "What does each layer" not in words(visit("images", find="penguin"))


def test_every_metric_has_one_room():
    from dashboard.views.layers import rooms
    metrics = ["cider", "grounded_gain_cider", "label", "attn_to_patches", "update_norm",
               "attn_norm", "final_logprob", "n_nouns", "a_new_one"]
    found = rooms(metrics)
    placed = [metric for room, of in found.items() if room != "glance" for metric in of]
    assert sorted(placed) == sorted(set(metrics) - {"attn_norm"})  # a line beside update_norm's
    assert found["said"] == ["cider", "a_new_one"]
    assert next(iter(found)) == "glance" and "settles" in found
    assert list(rooms(["cider"])) == ["glance", "said", "settles"]
