"""The section of the Judge page that lays orders side by side."""

import itertools

import pytest

from store.parts.write import stage_folder, write_part
from store.publish.generation import publish
from tests.dashboard.opening import words
from tests.synthetic import image_id, make_run

CRITERIA = ("entities", "specificity", "information", "correspondence")
LAYERS, N = (2, 5), 4


@pytest.fixture
def judged(tmp_path):
    """Writes judges, of a score at the lowest and one at the highest layer."""
    run = make_run(tmp_path, n_images=N, n_layers=5, publish=False)

    def write(judges):
        for judge, ends in judges.items():
            at = list(itertools.product(range(N), zip(LAYERS, ends, strict=True), CRITERIA))
            with write_part(stage_folder(run, f"judge.{judge}", {}), "replies") as part:
                part.table("reply", [{"reply_id": f"{judge}{i}", "judge": judge} for i in range(N)])
                part.table(
                    "judgement",
                    [
                        {
                            "judge": judge, "condition_id": "baseline", "image_id": image_id(i),
                            "layer": layer, "criterion": criterion, "vote": 0, "score": score,
                            "status": "ok", "reply_id": f"{judge}{i}",
                        }
                        for i, (layer, score), criterion in at
                    ],
                )  # fmt: skip
        publish(run)
        return tmp_path

    return write


def test_orders_of_a_model_stand_side_by_side(visit, judged):
    folder = judged(
        {"m-1-0a": (1, 5), "m-1--reversed-0b": (5, 1), "m-1--shuffled-0c": (3, 3), "z-0d": (1, 5)}
    )
    at = visit("judge", folder, judge="m-1-0a")
    assert not at.exception
    assert "one that scores the order falls where it is reversed" in words(at)
    (table,) = [frame.value for frame in at.dataframe if "captions shown" in frame.value]
    rises = dict(zip(table["captions shown"], table["rise"], strict=True))
    assert rises == {
        "lowest layer first, and told so": 4,
        "shuffled, nameless": 0,
        "highest layer first, nameless": -4,
    }
    assert set(table["images"]) == {N}


def test_alone_a_judge_says_in_which_order_it_saw_captions(visit, judged):
    folder = judged({"m-1-0a": (1, 5), "z--reversed-0d": (1, 5)})
    for judge, order in (("m-1-0a", "lowest layer first"), ("z--reversed-0d", "highest layer")):
        at = visit("judge", folder, judge=judge)
        assert not at.exception
        assert f"saw the captions of a picture {order}" in words(at)
        assert not [frame for frame in at.dataframe if "captions shown" in frame.value]
