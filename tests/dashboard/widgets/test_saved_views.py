"""Views under a name: kept beside the runs, and reopened as they were."""

from urllib.parse import parse_qsl

import pytest

from store import notes
from store.notes import View
from tests.dashboard.opening import app, words
from tests.dashboard.test_injection import HOSTILE
from tests.synthetic import make_run


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", str(tmp_path))
    make_run(tmp_path, n_images=2)
    return tmp_path / notes.FILE_NAME


def opened(page="layers", **query):
    at = app(page, query)
    at.session_state["saved_views"] = True
    return at.run()


def links(at):
    return {
        link.proto.label: (link.proto.page, dict(parse_qsl(link.proto.query_string)))
        for link in at.get("page_link")
    }


def test_a_view_is_saved_and_leads_back(file):
    at = opened(section="captions")
    (field,) = (one for one in at.text_input if one.label == "Save this view as")
    field.set_value("late ones").run()
    assert not at.exception
    (view,) = notes.views(file)
    assert (view.name, view.page) == ("late ones", "layers")
    assert dict(parse_qsl(view.query))["section"] == "captions"
    page, query = links(opened("runs"))["late ones"]
    assert (page, query["section"]) == ("layers", "captions")
    next(b for b in at.button if b.help == "Take this view away.").click().run()
    assert notes.views(file) == []


def test_nothing_is_made_by_looking(file):
    assert not opened().exception
    assert not file.exists()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_stranger_s_view_is_text_and_its_query_has_known_parameters_alone(file, hostile):
    name = " ".join(hostile.split())[:80]
    notes.save_view(file, View(name, "layers", "run=a&evil=1&layer=3"))
    notes.save_view(file, View("gone", "no-such-page", "run=a"))
    at = opened()
    assert not at.exception
    found = links(at)
    assert "gone" not in found
    assert [query for _, query in found.values() if "layer" in query] == [
        {"run": "a", "layer": "3"}
    ]
    assert "evil" not in str(found)


def test_a_name_that_cannot_be_kept_is_told(file):
    at = opened()
    file.write_bytes(b"no database" * 500)
    (field,) = (one for one in at.text_input if one.label == "Save this view as")
    field.set_value("late ones").run()
    assert not at.exception
    assert "Take it back from a copy" in words(at)
