"""Which questions ask for a detail, and how many of each are answered right."""

import numpy as np
import pytest

from store import open_run
from store.parts.write import stage_folder, write_part
from store.publish.generation import publish
from store.statistics.questions import RULE, detail
from tests.synthetic import begin_run

DETAILS = {
    "What color is the cat?": "colour",
    "What COLOUR are the two chairs?": "colour",
    "How many people are there?": "count",
    "is the penguin big or small?": "size",
    "How tall is the tower?": "size",
    "What kind of animal is in the picture?": "kind",
    "What is the bridge made of?": "kind",
    "What breed is the dog?": "kind",
    "What is the man wearing?": "part",
    "What is in her left hand?": "part",
    "What does the sign say?": "text",
    "What is written on the wall?": "text",
    "What color is the text?": "colour",
    "where is this?": None,
    "what is in the picture?": None,
    "Who is standing next to the president?": None,
    "Why is this odd?": None,
    "What is the weather like?": None,
    "Is it a handsome sight?": None,
}


@pytest.mark.parametrize(("question", "tag"), DETAILS.items())
def test_the_rule(question, tag):
    assert detail(question) == tag


def test_every_tag_of_the_rule_is_tried():
    assert {tag for tag in DETAILS.values() if tag} == set(RULE)


def test_answers_of_both_kinds_by_a_plain_loop(tmp_path):
    run = begin_run(tmp_path, "q", 2, 1, (1, 1), 0)
    rng, images = np.random.default_rng(0), [f"i{n}" for n in range(5)]
    asked = ["what color is it?", "how many are there?", "where is it?", "who is it?"]
    score = rng.integers(0, 2, (5, 3, 4)).astype(float)
    score[4, :, :2] = np.nan  # the last picture is asked for no detail
    rows = [
        {
            "condition_id": "baseline", "image_id": image, "layer": layer, "question": question,
            "text": "a", "expected": "a", "score": score[i, layer, q],
        }
        for i, image in enumerate(images)
        for layer in range(3)
        for q, question in enumerate(asked)
        if not np.isnan(score[i, layer, q])
    ]  # fmt: skip
    with write_part(stage_folder(run, "answers", {}), "all") as part:
        part.table("image", [{"image_id": image, "part": "a/b"} for image in images])
        part.table("answer", rows)
    publish(run)
    with open_run(run) as opened:
        curve = opened.table("curve").set_index(["metric", "layer"])
        tags = opened.table("question").set_index("question").detail
    assert tags.dropna().to_dict() == {asked[0]: "colour", asked[1]: "count"}
    assert set(tags.index) == set(asked)
    for layer in range(3):
        expected = {
            "answer_accuracy_detail": [score[i, layer, :2].mean() for i in range(4)],
            "answer_accuracy_gist": [score[i, layer, 2:].mean() for i in range(5)],
        }
        for metric, values in expected.items():
            row = curve.loc[(metric, layer)]
            assert row["n"] == len(values)
            assert row["mean"] == pytest.approx(np.mean(values))
