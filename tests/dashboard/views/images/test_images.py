"""The Images page: intervals, likeness, tags and notes, files."""

import html
import io
import json
import re
import shutil

import altair as alt
import pandas as pd
import pytest

from dashboard.data import run as run_data
from dashboard.views.images import brush, filters
from dashboard.views.images.brush import Bounds
from dashboard.widgets import notes
from store import notes as store_notes
from store.disk.runs import list_runs
from store.query import images as image_queries
from store.query.image_export import PARQUET_KEY
from store.query.images import Selection
from store.query.predicates import Quantity, format_predicates, parse_predicates
from tests.dashboard.opening import count, opened, words
from tests.dashboard.test_injection import HOSTILE

BARS = pd.DataFrame(
    {"low": [0.0, 0.25, 0.5, 0.75], "high": [0.25, 0.5, 0.75, 1.0], "n": [3, 4, 1, 2]}
)


@pytest.fixture
def folder(edited, tmp_path):
    """A results folder to be written to."""
    return shutil.copytree(edited, tmp_path / "results", symlinks=True)


@pytest.mark.parametrize(
    ("ends", "bounds"),
    [
        ([0.3, 0.6], Bounds(0.3, 0.6)),
        ([0.6, 0.3], Bounds(0.3, 0.6)),
        ([0.123456, 0.6], Bounds(0.1235, 0.6)),
        ([0.001, 0.6], Bounds(None, 0.6)),
        ([0.3, 1.2], Bounds(0.3, None)),
        ([-1, 2], Bounds()),
    ],
)
def test_what_a_drag_means(ends, bounds):
    assert brush.interval({"selection": {"interval": {"low": ends}}}, BARS) == bounds


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("map_shift@3>0", 3),
        ("map_shift@3>0;rouge_l:final@3<2", 3),
        ("map_shift@0>1", 0),
        ("map_shift@3>0;n_tokens@2>0", None),
        ("map_shift@max>0", None),
        ("", None),
        ("map_shift@2>0;convergence_layer>=0", 2),
    ],
)
def test_the_one_layer_that_filters_look_at(text, layer):
    assert filters.one_layer(parse_predicates(text)) == layer


def test_cards_lead_to_what_they_show(open_page):
    for link in opened(open_page("images", condition="skip:5", numbers="paper", layer="3")):
        assert link["condition"] == "skip:5"
        assert link["numbers"] == "paper"
        assert "layer" not in link  # that of another picture
    assert not any("condition" in link for link in opened(open_page("images")))
    kept = {"condition": "skip:5", "versus": "confuse:4"}
    assert kept.items() <= opened(open_page("images", **kept))[0].items()


def test_no_brush_is_no_interval():
    for event in (
        {"selection": {}},
        {"selection": {"interval": {}}},
        {"selection": {"interval": {"low": []}}},
    ):
        assert brush.interval(event, BARS) == Bounds()


def test_bars_within_the_interval_are_coloured_and_the_brush_lies_there():
    spec = brush.chart(BARS, Bounds(0.3, 0.6), "share")
    assert [row["passes"] for row in spec["data"]["values"]] == [False, True, False, False]
    (param,) = spec["params"]
    assert (param["name"], param["value"]) == ("interval", {"x": [0.3, 0.6]})
    assert "value" not in brush.chart(BARS, Bounds(), "share")["params"][0]
    assert "value" not in brush.chart(BARS, Bounds(5.0, 6.0), "share")["params"][0]


def test_the_histogram_is_vega_lite():
    spec = brush.chart(BARS, Bounds(0.3, 0.6), "share")
    alt.Chart.from_dict(spec)  # raises where a name or a value is none of Vega-Lite's


@pytest.mark.parametrize(
    ("text", "quantity", "bounds"),
    [
        ("map_shift@3>=0.2;map_shift@3<0.5", "map_shift@3", Bounds(0.2, 0.5)),
        ("map_shift@3>0.1;map_shift@3>0.2", "map_shift@3", Bounds(0.2, None)),
        ("map_shift>0.1;map_shift@max<=0.5", "map_shift@max", Bounds(0.1, 0.5)),
        ("convergence_layer>=1;convergence_layer<=3", "convergence_layer", Bounds(1.0, 3.0)),
    ],
)
def test_predicates_of_one_number_are_one_card(text, quantity, bounds):
    ((number, mine),) = filters.grouped(parse_predicates(f"{text}"))
    assert (str(number), filters.bounds_of(mine)) == (quantity, bounds)


def test_cards_stand_in_the_order_of_the_text():
    pairs = filters.grouped(parse_predicates("n_tokens@2>1;map_shift@3>0;n_tokens@2<9;map_shift<1"))
    assert [str(quantity) for quantity, _ in pairs] == [
        "n_tokens@2",
        "map_shift@3",
        "map_shift@min",
    ]


def test_an_end_that_is_not_moved_stays_as_it_was():
    before = parse_predicates("map_shift@3>0.2;map_shift@3<0.5")
    made = filters.within(Quantity("map_shift", None, 3), Bounds(0.2, 0.4), before)
    assert format_predicates(made) == "map_shift@3>0.2;map_shift@3<=0.4"


def test_an_interval_over_any_layer_means_what_its_histogram_shows(edited):
    key = run_data.key_of(list_runs(edited)[0])
    quantity = Quantity("map_shift", layer="max")
    bars = run_data.histogram(key, quantity, "baseline")
    assert bars["n"].sum() == 14
    low, high = float(bars["low"].iloc[3]), float(bars["high"].iloc[-3])
    chosen = filters.within(quantity, Bounds(low, high))
    largest = (
        run_data._open(key)
        .table("layer_stat", "condition_id = 'baseline'")
        .groupby("image_id")["map_shift"]
        .max()
    )
    assert run_data.count(key, Selection(chosen)) == largest.between(low, high).sum() > 0


def test_several_intervals_by_the_keyboard_and_each_can_be_taken_away(open_page):
    at = open_page("images", filter="map_shift@3>=0.1;n_tokens>=0")
    at.number_input(key="high-0").set_value(0.9).run()
    assert at.text_input(key="filter").value == "map_shift@3>=0.1;map_shift@3<=0.9;n_tokens>=0"
    at.number_input(key="low-0").set_value(None).run()
    assert at.text_input(key="filter").value == "map_shift@3<=0.9;n_tokens>=0"
    at.button(key="drop-1").click().run()
    assert at.text_input(key="filter").value == "map_shift@3<=0.9"
    assert not at.exception


def test_similar_images_come_nearest_first_and_the_image_itself_leads(open_page, edited):
    at = open_page("images", similar_to="img00003")
    assert not at.exception
    assert "Those most like img00003 first" in words(at)
    distances = [float(value) for value in re.findall(r"distance: ([\d.e-]+)", words(at))]
    assert distances == sorted(distances)
    assert distances[0] == pytest.approx(0, abs=1e-3)
    next(button for button in at.button if button.label == "Another order").click().run()
    assert "similar_to" not in at.query_params


@pytest.mark.parametrize("asked", ["gone", HOSTILE[0], ""])
def test_a_link_to_images_like_one_that_is_not_there_says_so(open_page, asked):
    at = open_page("images", similar_to=asked)
    assert not at.exception
    assert f"There is no image “{html.escape(asked[:80])}”" in words(at)
    assert count(at) == 14


def test_the_image_page_leads_to_similar_ones(open_page):
    at = open_page("image", image="img00003")
    at.session_state["similar"] = True
    at.query_params["condition"] = "skip:5"
    at.run()
    assert not at.exception
    assert "distance: " in words(at)
    assert [link["condition"] for link in opened(at)] == ["skip:5"] * 6
    links = [link.proto.label for link in at.get("page_link")]
    assert "All pictures in this order" in links


def test_opening_pages_writes_nothing(open_page, folder):
    for page in ("images", "image"):
        assert not open_page(page, folder).exception
    assert not (folder / store_notes.FILE_NAME).exists()


def test_tags_and_notes_are_kept_shown_and_chosen_by(open_page, folder):
    at = open_page("image", folder, image="img00002")
    at.multiselect(key="tags img00002").set_value(["look again"]).run()
    at.text_area(key="note img00002").set_value("a *cactus*?").run()
    assert not at.exception
    file = folder / store_notes.FILE_NAME
    dataset = notes.dataset(run_data.key_of(list_runs(folder)[0]))
    assert store_notes.tags(file, dataset, ["img00002"]) == {"img00002": ("look again",)}
    assert store_notes.history(file, dataset, "img00002")[0].text == "a *cactus*?"
    at = open_page("images", folder)
    assert "Tags: look again" in words(at)
    at = open_page("images", folder, tag="look again")
    assert count(at) == 1
    at = open_page("images", folder, tag="gone")
    assert count(at) == 14
    assert "the tag “gone”" in words(at)


def test_two_tabs_at_once_lose_nothing(open_page, folder):
    one, two = (open_page("image", folder, image="img00002") for _ in range(2))
    one.multiselect(key="tags img00002").set_value(["mine"]).run()
    two.multiselect(key="tags img00002").set_value(["yours"]).run()
    assert sorted(two.multiselect(key="tags img00002").value) == ["mine", "yours"]
    one.text_area(key="note img00002").set_value("one").run()
    two.text_area(key="note img00002").set_value("two").run()
    assert "changed elsewhere meanwhile" in words(two)
    dataset = notes.dataset(run_data.key_of(list_runs(folder)[0]))
    texts = store_notes.history(folder / store_notes.FILE_NAME, dataset, "img00002")
    assert [note.text for note in texts] == ["two", "one"]


def test_a_folder_that_is_read_only_says_so(open_page, folder, monkeypatch):
    dataset = notes.dataset(run_data.key_of(list_runs(folder)[0]))
    store_notes.add_tag(folder / store_notes.FILE_NAME, dataset, "img00002", "old")
    monkeypatch.setattr(notes.os, "access", lambda *_: False)  # root may write everywhere
    at = open_page("image", folder, image="img00002")
    assert "The results folder is read-only here" in words(at)
    assert at.multiselect(key="tags img00002").value == ["old"]
    assert at.multiselect(key="tags img00002").disabled


def test_a_damaged_file_of_notes_gets_a_note_and_pages_go_on(open_page, folder):
    (folder / store_notes.FILE_NAME).write_bytes(b"no database" * 500)
    for page in ("images", "image"):
        at = open_page(page, folder, image="img00002")
        assert not at.exception
        assert "move it away" in words(at)


def test_hostile_tags_and_notes_are_shown_as_they_are_written(open_page, folder):
    dataset = notes.dataset(run_data.key_of(list_runs(folder)[0]))
    tag = HOSTILE[0][: store_notes.TAG_LENGTH].strip()
    store_notes.add_tag(folder / store_notes.FILE_NAME, dataset, "img00002", tag)
    for text in (*HOSTILE, "last"):
        store_notes.write_note(folder / store_notes.FILE_NAME, dataset, "img00002", text)
    for page in ("images", "image"):
        at = open_page(page, folder, image="img00002")
        assert not at.exception
        assert "<script" not in words(at)
    assert html.escape(HOSTILE[0]) in words(at)


def test_exports_hold_tags_and_the_query(folder, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", str(folder))
    key = run_data.key_of(list_runs(folder)[0])
    store_notes.add_tag(folder / store_notes.FILE_NAME, notes.dataset(key), "img00002", "=1+1")
    chosen = Selection(among=notes.tagged(key, "=1+1"))
    made = run_data.export(key, chosen, None, notes.everything(key), tag="=1+1")
    assert made.frame[["image_id", "tags"]].values.tolist() == [["img00002", "=1+1"]]
    assert made.query["tag"] == "=1+1"
    assert "'=1+1" in made.csv()
    assert PARQUET_KEY.encode() in made.parquet()
    assert json.dumps(made.query)
    assert len(pd.read_csv(io.StringIO(made.csv()), skiprows=1)) == image_queries.count_images(
        run_data._open(key), chosen
    )


@pytest.mark.parametrize(
    ("dragged", "bounds", "same"),
    [
        (Bounds(0.301, 0.6), Bounds(0.3, 0.6), True),
        (Bounds(0.33, 0.6), Bounds(0.3, 0.6), False),
        (Bounds(None, 0.6), Bounds(-7.0, 0.6), True),
        (Bounds(None, None), Bounds(0.3, None), False),
    ],
)
def test_a_brush_that_comes_back_rounded_is_no_new_one(dragged, bounds, same):
    assert brush._alike(dragged, bounds, BARS) == same
