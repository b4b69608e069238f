"""Words inside the language model over a picture: where they lie, and where a run has none."""

import re

import pytest

from dashboard.views.image.inner_words import overlay
from store import open_run
from store.disk.runs import update_run
from store.parts.write import mark_complete, stage_folder, write_part
from store.publish import publish
from store.query import one_image
from tests.dashboard.opening import words
from tests.synthetic import make_run

GRID = (2, 3)


def _rows(image_id):
    """After blocks 0 and 4, two words a token, named by where they lie."""
    return [
        {
            "image_id": image_id,
            "block": block,
            "grid_row": row,
            "grid_column": column,
            "rank": rank,
            "word": f"<w{block}-{row}-{column}-{rank}>",
            "probability": 0.5 / rank,
        }
        for block in (0, 4)
        for row in range(GRID[0])
        for column in range(GRID[1])
        for rank in (1, 2)
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two images, the first of which has words."""
    run = make_run(tmp_path_factory.mktemp("inner"), n_images=2, publish=False)
    stage = stage_folder(run, "inner_words", {"version": 1})
    with write_part(stage, "part-00000", {"images": ["img00000"]}) as part:
        part.table("inner_word", _rows("img00000"))
    mark_complete(stage, ["part-00000"])
    update_run(
        run, stages={"capture": next(run.glob("parts/capture-*")).name, "inner_words": stage.name}
    )
    publish(run)
    return run


def test_words_come_in_the_order_of_the_picture(run):
    with open_run(run) as opened:
        assert one_image.inner_blocks(opened, "img00000")["block"].tolist() == [0, 4]
        assert one_image.inner_blocks(opened, "img00001").empty
        of_block = one_image.inner_words(opened, "img00000", 4)
        picture = opened.tensors("img00000").model_input
    drawn = overlay(picture, of_block)
    # Of each token the first word, escaped, row by row; the others on hover.
    first = [f"&lt;w4-{row}-{column}-1&gt;" for row in range(2) for column in range(3)]
    assert re.findall(r'">([^<]+)</span>', drawn) == first
    assert 'title="&lt;w4-0-0-1&gt; 50%, &lt;w4-0-0-2&gt; 25%"' in drawn
    assert "repeat(3,minmax" in drawn


def test_only_a_picture_that_has_words_offers_them(run, visit):
    at = visit("image", run.parent, image="img00000", inner_words="open")
    assert not at.exception
    assert any("Words inside" in e.label for e in at.expander)
    other = visit("image", run.parent, image="img00001")
    assert not any("Words inside" in e.label for e in other.expander)
    assert "a logit lens" not in words(other)
