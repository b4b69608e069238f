"""The bar at the foot of the pages, and what they say of what is not there yet."""

import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.data import run as run_data
from store.disk.files import Owner
from store.disk.making import Making, remove_making, write_making
from store.publish.generation import publish
from tests.dashboard.opening import PAGES, app, words
from tests.synthetic import make_run

COMMAND = "python -m precompute run x.toml"
NOT_YET = ("pruning", "interventions", "compare")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", str(tmp_path))
    return make_run(tmp_path, n_images=2)


def told(folder, **changes):
    name = folder.name
    plain = Making((name,), ("run", "x.toml"), run=name, stage="sweep.x", done=1, total=2)
    making = replace(plain, **changes)
    write_making(folder.parent, making)
    return making


def bar(at):
    return [body for body in words(at).splitlines() if 'class="peel-making"' in body]


@pytest.mark.parametrize("page", (*PAGES, "judge", "compare", "figures"))
def test_there_is_a_bar_on_every_page_while_something_is_made_and_none_otherwise(run, page):
    assert bar(app(page).run()) == []
    told(run, seconds_left=200.0)
    at = app(page).run()
    assert not at.exception
    (line,) = bar(at)
    assert "edits of the model, 1 of 2 pictures" in line and "about 3 min left" in line


@pytest.mark.parametrize("page", NOT_YET)
def test_what_is_not_there_yet_is_being_made(run, page):
    alone = words(app(page).run())
    assert "being made" not in alone
    told(run)
    text = words(app(page).run())
    assert "not yet. This run is still being made" in text
    assert "run it again" not in text and "[[experiments]]" not in text


def test_a_run_of_another_process_makes_nothing_of_this_one(run):
    told(run, runs=("other-1",), run="other-1")
    text = words(app("pruning").run())
    assert "Making other" in text
    assert "still being made" not in text and "run it again" in text


def test_before_there_is_a_run_the_page_says_that_one_is_coming(tmp_path, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", str(tmp_path))
    write_making(tmp_path, Making(("books-1a2b",), ("run", "x.toml")))
    at = app().run()
    assert at.header[0].value == "The first run is being made"
    assert "Making books: loading the model" in words(at)
    make_run(tmp_path, "books-1a2b", n_images=2)
    assert "2 of 2 images" in words(at.run())


def test_a_run_without_tables_is_not_shown_before_one_that_has_some(tmp_path, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", str(tmp_path))
    make_run(tmp_path, "a-first", n_images=2, publish=False)
    make_run(tmp_path, "b-second", n_images=2)
    at = app().run()
    assert "2 of 2 images" in words(at)


def test_a_run_whose_captions_are_not_all_scored_is_not_shown_first(tmp_path, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", str(tmp_path))
    first = make_run(tmp_path, "a-first", n_images=2)
    second = make_run(tmp_path, "b-second", n_images=3)
    told(first, runs=(first.name, second.name), ready=(second.name,))
    assert "3 of 3 images" in words(app().run())
    assert "2 of 2 images" in words(app("images", {"run": first.name}).run())
    told(first, runs=(first.name, second.name), ready=(first.name, second.name))
    assert "2 of 2 images" in words(app().run())


def alone(run, key, waits):
    """The bar as it asks again by itself, on a page that shows this generation."""

    def script(run, key, waits):
        import streamlit as st

        from dashboard.widgets import making

        st.session_state["drawn"] = st.session_state.get("drawn", 0) + 1
        st.session_state["waits for results"] = waits and st.session_state["drawn"] == 1
        making._bar(run, key)

    return AppTest.from_function(script, args=(run, key, waits)).run()


def offers(at):
    return [button for button in at.button if "new" in button.label]


def test_what_is_new_is_offered_and_no_page_is_drawn_anew_by_itself_but_one_that_waits(run):
    before = run_data.key_of(run)
    making = told(run)
    assert offers(alone(run, before, waits=False)) == []
    (run / "results-1.json").unlink()  # so that the same parts make another generation
    assert publish(run).number == 2
    at = alone(run, before, waits=False)
    assert len(offers(at)) == 1 and at.session_state["drawn"] == 1
    offers(at)[0].click().run()
    assert at.session_state["drawn"] == 3  # the click, and the page anew
    assert alone(run, before, waits=True).session_state["drawn"] == 2
    assert alone(run, run_data.key_of(run), waits=True).session_state["drawn"] == 1
    remove_making(run.parent, making)  # and nothing new: the page says then what it lacks
    assert alone(run, run_data.key_of(run), waits=True).session_state["drawn"] == 2
    assert offers(app("images").run()) == [], "a page that is opened shows the newest"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ended": "stopped by Ctrl-C"}, "not all is made: stopped by Ctrl-C"),
        ({"owner": Owner(Owner.here().host, 2**22 + 1, 1)}, "its process ended without a word"),
    ],
)
def test_a_process_that_ended_says_so_and_how_to_go_on_until_it_is_hidden(run, changes, says):
    told(run, **changes)
    at = app("layers").run()
    (line,) = bar(at)
    assert says in line and "Making" not in line
    assert any(COMMAND in code.value for code in at.code)
    (hide,) = (button for button in at.button if button.label == "Hide")
    assert bar(hide.click().run()) == []


def test_a_process_elsewhere_that_fell_silent_says_since_when(run):
    told(run, owner=Owner("far+1", 7, 7), host="gpu-7")
    (path,) = (run.parent / ".making").glob("*.json")
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "updated_at": said["updated_at"] - 180}))
    (line,) = bar(app("layers").run())
    assert "last heard from 3 min ago, on gpu-7" in line and "If that process" in line


def test_two_processes_and_two_runs(run):
    other = make_run(run.parent, "other-2", n_images=2)
    told(run)
    told(other, owner=Owner("far+1", 7, 7), host="gpu-7", stage="heads")
    for shown, stage in ((run, "edits of the model"), (other, "what each head says")):
        (line,) = bar(app("layers", {"run": shown.name}).run())
        assert stage in line and "1 more" in line


def test_the_bar_is_gone_when_all_is_made(run):
    making = told(run)
    at = app("layers").run()
    assert bar(at)
    remove_making(run.parent, making)
    assert bar(at.run()) == []


def test_the_run_of_which_most_was_computed_is_shown_first(tmp_path, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", str(tmp_path))
    little = make_run(tmp_path, "a-little", n_images=2).name
    much = make_run(tmp_path, "much", n_images=2, conditions=True).name
    assert app("runs").run().session_state["run"] == much
    assert app("runs", {"run": little}).run().session_state["run"] == little
