"""A run of a CLIP by its words: pages say that captions are texts of a list, and of which."""

import pandas as pd
import pytest

from dashboard.charts.head_tables import explained
from dashboard.names.provenance import nearest
from store.disk.runs import update_run
from store.parts.write import mark_complete, stage_folder, write_part
from store.publish.generation import publish
from tests.dashboard.opening import words
from tests.synthetic import make_run

TEXTS = [f"thing {k}" for k in range(1200)]
TEMPLATE = "a photo of a {}."


def head_rows(layer, head, spread):
    """Two texts of a head, which explain more than chance in the first layer alone."""
    return [
        {
            "condition_id": "baseline",
            "layer": layer,
            "head": head,
            "rank": rank,
            "text": f"thing {10 * layer + head} <b>{rank}</b>",
            "explained": (0.5 if layer == 1 else 0.1) * rank / 2,
            "control": 0.1 * rank,
            "control_high": 0.15 * rank,
            "spread": spread,
            "n": 987,
        }
        for rank in (1, 2)
    ]


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """Results: one run by words, with the nearest texts of a picture and the texts of heads."""
    folder = tmp_path_factory.mktemp("listed")
    run = make_run(folder, "listed", n_images=4, n_layers=3, n_heads=2)
    stage = stage_folder(run, "head_texts", {"code": 1})
    update_run(run, texts=TEXTS, prompt=TEMPLATE, stages={"head_texts": stage.name})
    with write_part(stage, "all") as part:
        places = [(layer, head) for layer in (1, 2, 3) for head in (0, 1)]
        rows = [head_rows(*place, 0.01 * k) for k, place in enumerate(places)]
        part.table("head_text", [row for of_head in rows for row in of_head])
        part.table("near_text", [
            {"condition_id": "baseline", "image_id": "img00001", "layer": layer, "rank": rank,
             "text": f"word {layer}-{rank}", "probability": 0.5**rank}
            for layer in range(4) for rank in (1, 2)
        ])  # fmt: skip
    mark_complete(stage, ["all"])
    publish(run)
    return folder


def test_what_is_said_of_a_list():
    info = {"texts": TEXTS, "prompt": TEMPLATE, "class_token": True}
    assert "a list of 1,200" in nearest(info) and f"“{TEMPLATE}”" in nearest(info)
    assert "sigmoid" not in nearest(info) and "SigLIP" not in nearest(info)
    assert "SigLIP itself" in nearest(info | {"class_token": False})
    assert nearest({"prompt": "A short image description."}) == ""


@pytest.mark.parametrize("page", ["image", "layers", "images"])
def test_pages_say_once_that_captions_are_nearest_texts(open_page, listed, edited, page):
    at = open_page(page, listed)
    assert not at.exception
    assert words(at).count("a caption is the nearest text") == 1
    assert "A captioner was stopped" not in words(at)
    assert "nearest text" not in words(open_page(page, edited))


@pytest.mark.parametrize("layer", [0, 2])
def test_the_nearest_texts_of_the_chosen_layer_stand_on_the_page(open_page, listed, layer):
    text = words(open_page("image", listed, image="img00001", layer=str(layer)))
    assert f"Nearest texts at layer {layer}" in text
    assert f"word {layer}-1" in text and "50.0%" in text and "25.0%" in text
    assert f"word {layer + 1}-1" not in text


def test_heads_have_their_texts_beside_chance(open_page, listed):
    at = open_page("heads", listed)
    assert not at.exception
    text = words(at)
    assert "Texts that explain heads" in text
    assert "here over 987" in text and "those 2 are shown" in text
    assert "In 2 of 6 heads the texts explain more" in text
    (table,) = [frame.value for frame in at.dataframe if "random" in frame.value]
    assert len(table) == 6
    assert table.iloc[0]["texts, the best first"] == "thing 31 <b>1</b>; thing 31 <b>2</b>"


def test_a_run_that_was_not_asked_has_no_table_of_texts(open_page, edited):
    assert "Texts that explain heads" not in words(open_page("heads", edited))


def test_a_row_is_a_head_with_its_last_rank():
    frame = pd.DataFrame([*head_rows(2, 1, 0.3), *head_rows(1, 0, 0.2)])
    table = explained(frame)
    assert table[["layer", "head"]].to_numpy().tolist() == [[2, 1], [1, 0]]
    assert table["explained"].tolist() == pytest.approx([10, 50])
    assert table["random"].tolist() == pytest.approx([20, 20])
    assert table["random, at most"].tolist() == pytest.approx([30, 30])
    assert table["of the embedding"].tolist() == pytest.approx([30, 20])


def test_runs_shows_the_list(open_page, listed):
    at = open_page("runs", listed)
    assert "texts" in [expander.label for expander in at.expander]
