import csv
import json

import pytest
from PIL import Image

from precompute.images import UnknownLayout, UnreadableImage, load
from precompute.images.whoops import item_from_row

CAPTIONS = ["a snowman in the desert", "a man of snow, on sand", 'it says "snow"', "ü", "five"]


def write(folder, **changes):
    row = {
        "file_name": "snow.png",
        "image_id": "abc-1",
        "designer_explanation": "It would melt.",
        "selected_caption": "a snowman",
        "crowd_captions": json.dumps(CAPTIONS),
        "question_answering_pairs": json.dumps([["what is it?", "a snowman"]]),
        "commonsense_category": "physics",
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), "white").save(folder / "snow.png")
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)


@pytest.mark.parametrize("inner", ["test", "."])
def test_an_image_folder_or_its_split(tmp_path, inner):
    write(tmp_path / inner)
    (item,) = load("whoops", tmp_path)
    assert item.image_id == "abc-1"
    assert item.source == ("test/snow.png" if inner == "test" else "snow.png")
    assert item.references == tuple(CAPTIONS)
    assert item.questions == (("what is it?", "a snowman"),)
    assert (item.category, item.explanation, item.label) == ("physics", "It would melt.", None)
    assert item.open().size == (4, 4)


def test_listing_opens_no_picture(tmp_path):
    write(tmp_path / "test")
    (tmp_path / "test" / "snow.png").unlink()
    (item,) = load("whoops", tmp_path)
    with pytest.raises(UnreadableImage, match=r"test/snow.png"):
        item.open()


def test_lists_may_arrive_as_lists(tmp_path):
    row = {"file_name": "x.png", "crowd_captions": CAPTIONS, "question_answering_pairs": None}
    item = item_from_row(row, tmp_path, tmp_path)
    assert (item.image_id, item.references, item.questions) == ("x", tuple(CAPTIONS), ())


def test_the_selected_caption_stands_in_for_an_absent_crowd(tmp_path):
    write(tmp_path / "test", crowd_captions="")
    assert load("whoops", tmp_path)[0].references == ("a snowman",)


def test_metadata_without_captions_names_the_column(tmp_path):
    (tmp_path / "metadata.csv").write_text("file_name,text\nsnow.png,snow\n")
    with pytest.raises(UnknownLayout, match=r"crowd_captions.*found file_name, text"):
        load("whoops", tmp_path)
