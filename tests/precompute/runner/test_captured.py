"""What other stages take from a capture: batches as they were, final captions."""

import pytest
import torch

from precompute.images import load
from precompute.runner.captured import baseline_batches, final_captions
from store.parts.write import read_part, stage_folder, write_part


@pytest.fixture
def source(tmp_path):
    stage = stage_folder(tmp_path, "capture", {})
    with write_part(stage, "p") as part:
        part.meta["batches"] = [["img-0", "img-1"], ["img-2"], ["img-4", "img-5"]]
        part.table(
            "caption",
            [
                {"condition_id": "baseline", "image_id": i, "layer": at, "token_ids": [at, k]}
                for k, i in enumerate(("img-0", "img-1"))
                for at in range(4)
            ],
        )
    return read_part(stage / "p")


@pytest.mark.parametrize(
    ("wanted", "batches"),
    [
        ("012345", [["img-0", "img-1"], ["img-2"], ["img-4", "img-5"]]),
        ("514", [["img-1"], ["img-4", "img-5"]]),
    ],
)
def test_batches_are_the_captures_without_what_is_not_asked_for(
    captioner, whoops, source, tmp_path, wanted, batches
):
    items = {item.image_id: item for item in load("whoops", whoops)}
    some, done = [items[f"img-{k}"] for k in wanted], []
    with write_part(stage_folder(tmp_path, "x", {}), "p") as part:
        got = list(baseline_batches(part, captioner, source, some, done.append))
        assert part.meta["batches"] == [ids for ids, _ in got] == batches
    for ids, pixels in got:
        alone = [captioner.pixels([items[image_id].open()]) for image_id in ids]
        assert torch.equal(pixels, torch.cat(alone))
    assert done == [len(ids) for ids in batches]


def test_final_captions_are_those_of_the_last_layer(source):
    assert final_captions(source, 3) == {"img-0": [3, 0], "img-1": [3, 1]}
