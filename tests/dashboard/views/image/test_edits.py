"""What edits of the model do to one picture's caption, on its page."""

import json

import pandas as pd
import pytest

from dashboard.views.image import edits
from store import open_run
from store.disk.runs import list_runs
from tests.dashboard.opening import words

IMAGE = "img00003"


@pytest.fixture
def captions(edited):
    """condition_id -> the last caption of the picture, and kind, straight from the tables."""
    with open_run(list_runs(edited)[0]) as run:
        frame = run.table("caption", "image_id = ? AND layer = 6", [IMAGE]).merge(
            run.table("condition"), on="condition_id"
        )
    return frame.set_index("condition_id")


def buttons(at):
    """Each row's edits."""
    return [group for group in at.button_group if group.key.startswith("what if")]


@pytest.mark.parametrize("kind", ["mean", "confuse", "skip", "heads", "prune", "mixed"])
def test_every_edit_of_a_kind_stands_beside_what_it_leads_to(open_page, captions, kind):
    at = open_page("image", image=IMAGE, edit=kind)
    assert not at.exception
    texts = captions[captions["kind"] == kind]["text"]
    final = captions.loc["baseline", "text"]
    assert sum(len(group.options) for group in buttons(at)) == len(texts)
    assert len(buttons(at)) == texts.nunique()
    assert ("no word changes" in words(at)) == (final in set(texts))


def test_a_button_shows_the_whole_page_under_its_edit_and_again_takes_it_away(open_page):
    at = open_page("image", image=IMAGE, edit="skip")
    names = [name for group in buttons(at) for name in group.options]
    assert "layer 1" in names
    group = next(group for group in buttons(at) if "layer 1" in group.options)
    group.set_value("skip:1").run()
    assert at.query_params["condition"] == "skip:1"
    assert "final caption, skip:1" in words(at)
    group = next(group for group in buttons(at) if "layer 1" in group.options)
    assert group.value == "skip:1"
    group.set_value(None).run()
    assert "condition" not in at.query_params
    assert "final caption, skip:1" not in words(at)


def test_names_of_edits_are_no_markdown(open_page):
    at = open_page("image", image=IMAGE, edit="mean")
    names = [name for group in buttons(at) for name in group.options]
    assert r"layers 3\-5\, mean of imagenet\-1a2b3c4d" in names


def test_the_kind_is_that_of_the_condition_on_the_page(open_page):
    assert open_page("image", condition="confuse:4").button_group(key="edit").value == "confuse"
    assert open_page("image").button_group(key="edit").value == "mean"


def test_a_run_without_edits_says_nothing_of_them(visit):
    assert "What if" not in words(visit("image"))


def test_captions_are_grouped_in_the_order_of_layers_and_unchanged_ones_are_last():
    rows = [
        ("mean:3", [3], "a cat"),
        ("mean:10", [10], "a dog"),
        ("mean:1-3", [1, 2, 3], "a cat"),
        ("mean:2", [2], "a fish"),
        ("mean:1", [1], None),
    ]
    frame = pd.DataFrame(
        [
            {
                "condition_id": name,
                "kind": "mean",
                "layers": layers,
                "spec": json.dumps({"edits": [{"kind": "mean", "layers": layers}]}),
                "text": text,
            }
            for name, layers, text in rows
        ]
    )
    assert edits.grouped(frame, "a cat") == [
        ("", {"mean:1": "layer 1"}),
        ("a fish", {"mean:2": "layer 2"}),
        ("a dog", {"mean:10": "layer 10"}),
        ("a cat", {"mean:3": "layer 3", "mean:1-3": "layers 1-3"}),
    ]
