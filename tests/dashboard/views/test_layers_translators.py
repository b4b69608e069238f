"""Readers on the pages Layers, Image, Figures and in the report."""

from functools import partial

import pandas as pd
import pytest

from dashboard import report
from dashboard.figures import files
from dashboard.figures import translators as reader_figures
from dashboard.figures.paper import About
from dashboard.names.translators import PRESENT, READ, UNSHOWN
from store import open_run
from store.query import images as image_queries
from tests.dashboard.opening import words
from tests.synthetic_translators import GAIN, HIDDEN, with_readers

TOP = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("read")
    with_readers(folder, 14, TOP)
    return folder


@pytest.fixture(scope="module")
def figures(folder):
    with open_run(folder, "read") as run:
        ask = partial(report._ask, run)
        assert reader_figures.names(ask) == ["tuned"]
        made = reader_figures.reading(ask, About(run.run_id), "tuned")
    return {figure.name: figure for figure in made}


def test_the_three_curves_and_what_is_said_of_every_layer(figures):
    figure = figures["readers"]
    told = figure.frame.drop_duplicates("layer").set_index("layer")["state"]
    assert {layer for layer in told.index if told[layer] == PRESENT} == set(HIDDEN)
    assert told[4] == told[TOP] == READ
    assert set(figure.frame.series) == {"native reader", "tuned reader"}
    text = str(files.spec(figure.chart))
    for word in (PRESENT, READ, "native reader", "tuned reader"):
        assert word in text
    assert "that is no proof of absence" in figure.caption
    assert "Translators of rank 8, fitted on other, 30 images fit and 10 choose" in figure.caption
    assert "<svg" in files.svg(figure.chart)


def test_a_layer_is_read_only_above_the_floor():
    native = pd.DataFrame({"layer": [0, 1, 2, 3], "low": [0.2, 0.2, float("nan"), 0.3]})
    claims = pd.DataFrame({"layer": [3], "present": [True], "least": [0.1]})
    floor = pd.DataFrame({"layer": [0, 1], "high": [0.3, 0.1]})
    told = reader_figures.states(native, claims, floor)
    assert list(told.state) == [UNSHOWN, READ, UNSHOWN, PRESENT]


def test_beside_it_stand_controls_margins_and_numbers(figures):
    assert list(figures) == [
        "readers", "readers-controls", "readers-margins", "readers-kl", "readers-error",
    ]  # fmt: skip
    controls = figures["readers-controls"]
    assert len(set(controls.frame.condition_id)) == 5
    assert "what a linear map can take from the pixels" in controls.caption
    assert set(figures["readers-margins"].frame.versus) == {"baseline", "bias", "untrained", "zero"}
    assert set(figures["readers-kl"].frame.metric) == {"final_kl"}


def test_the_page_layers_shows_them_in_a_section_of_their_own(visit, folder, results):
    at = visit("layers", folder, section="readers")
    assert not at.exception
    text = words(at)
    assert "Read, present, or nothing shown" in text and "Where grounding sets in" in text
    assert len(at.get("vega_lite_chart")) == 5
    at = visit("layers", results, section="readers")
    assert not at.exception and "Read, present" not in words(at)


def test_the_ladder_switches_reader_and_compares_words(visit, folder):
    at = visit("image", folder, image="img00001")
    assert not at.exception
    (switch,) = [one for one in at.get("button_group") if one.proto.label == "Read by"]
    shown = [option.content for option in switch.proto.options]
    assert shown[:2] == ["native reader", "tuned reader"] and len(shown) == 5
    at = visit("image", folder, image="img00001", condition="tuned")
    assert not at.exception
    assert "a reader changes nothing in it" in words(at)
    assert at.selectbox(key="versus").value == "baseline"
    at = visit("image", folder, image="img00000", condition="tuned")
    assert not at.exception
    assert "not read by tuned reader: it is one of those that the translators" in words(at)


def test_figures_and_the_report_have_them(visit, folder):
    at = visit("figures", folder)
    assert not at.exception
    assert "Read, present, or nothing shown" in words(at)
    with open_run(folder, "read") as run:
        page = report.report(run)
    assert "Read, present, or nothing shown" in page and GAIN not in page


@pytest.mark.parametrize("page", ["images", "interventions", "compare"])
def test_other_pages_open_under_a_reader(visit, folder, page):
    at = visit(page, folder, condition="tuned")
    assert not at.exception


def test_an_onset_of_a_control_that_reaches_little_is_no_onset():
    gain = "grounded_gain_cider"
    last = {"baseline": 4.0, "tuned": 4.1, "tuned-untrained": 0.7}

    def ask(query, condition):
        if query is image_queries.curves:
            rows = [(gain, 0, 0.1), (gain, 2, last[condition]), ("cider", 2, 9.0)]
            return pd.DataFrame(rows, columns=["metric", "layer", "mean"])
        row = ("grounding_onset_cider", 1, 1, 2, "half of the last layer's")
        return pd.DataFrame([row], columns=["metric", "layer", "low", "high", "rule"])

    roles = {"baseline": "baseline", "tuned": "tuned", "untrained": "tuned-untrained"}
    native, tuned, control = (text for _, text in reader_figures.onsets(ask, roles, gain))
    assert native == tuned and native.startswith("layer 1")
    assert control == "nowhere: at the last layer it gains 0.70 of 4.00"
