"""Orders of captions: a judge that scores captions, and one that scores where they stand."""

import numpy as np
import pytest

from precompute.config.judge import JudgeConfig
from precompute.judge.identity import Judge, judge_of
from precompute.judge.prompt import TEMPLATE, menu, render, schema, shown, template
from precompute.judge.questions import trajectories
from store import open_run
from store.disk import short_hash
from store.query import judges as judge_queries
from tests.judge_server import CRITERIA, described
from tests.store.slow import slow_quantile

ORDERS = ("paper", "shuffled", "reversed")


def all_criteria(scores):
    return {"layers": {name: dict.fromkeys(CRITERIA, score) for name, score in scores.items()}}


def of_captions(n, body):
    """Longer captions are more specific, wherever they stand."""
    scores = {name: (1, 3, 5)[len(text.split()) % 3] for name, text in described(body).items()}
    return first_is_3(body, all_criteria(scores))


def of_the_order(n, body):
    """What stands last is the most specific."""
    names = list(described(body))
    marks = np.linspace(0, 2, len(names)).round().astype(int)
    scores = {name: (1, 3, 5)[mark] for name, mark in zip(names, marks, strict=True)}
    return first_is_3(body, all_criteria(scores))


def first_is_3(body, answer):
    text = body["messages"][0]["content"][0]["text"]
    if "has none before it and counts as 3" in text:
        answer["layers"][next(iter(described(body)))]["information"] = 3
    return answer


def judged(run, config, judge):
    """Order -> image, layer -> specificity; and the rises."""
    for order in ORDERS:
        judge(config.model_copy(update={"order": order}))
    with open_run(run) as opened:
        rows = opened.table("judgement", "criterion = 'specificity'")
        rises = judge_queries.rises(opened, "specificity")
    assert set(rows.status) == {"ok"}
    of = {name: next((o for o in ORDERS[1:] if f"--{o}-" in name), "paper") for name in rises.judge}
    scores = {
        of[name]: some.set_index(["image_id", "layer"]).score.sort_index()
        for name, some in rows.groupby("judge")
    }
    return scores, rises.assign(order=rises.judge.map(of)).set_index("order")


def test_a_judge_of_captions_says_the_same_in_every_order(run, server, config, judge):
    server.behave = of_captions
    scores, rises = judged(run, config, judge)
    assert set(scores) == set(ORDERS)
    for order in ORDERS[1:]:
        assert scores[order].equals(scores["paper"])
        for column in ("n", "rise", "low", "high"):
            assert rises.loc[order, column] == pytest.approx(rises.loc["paper", column])
    with open_run(run) as opened:
        text = opened.table("caption", "condition_id = 'baseline'").set_index(["image_id", "layer"])
    for at, score in scores["shuffled"].items():
        assert score == (1, 3, 5)[len(text.text[at].split()) % 3]


def test_a_judge_of_the_order_is_found_out(run, server, config, judge):
    server.behave = of_the_order
    scores, rises = judged(run, config, judge)
    assert rises.loc["paper", "rise"] == 4
    assert rises.loc["reversed", "rise"] == -4
    assert rises.loc["shuffled", "low"] < 0 < rises.loc["shuffled", "high"]
    # By the plain numbers of every picture.
    shuffled = scores["shuffled"].unstack()
    rise = shuffled.iloc[:, -1] - shuffled.iloc[:, 0]
    half = slow_quantile(len(rise)) * rise.std(ddof=1) / np.sqrt(len(rise))
    expected = [rise.mean(), rise.mean() - half, rise.mean() + half]
    assert rises.loc["shuffled", ["rise", "low", "high"]].tolist() == pytest.approx(
        expected, abs=5e-3
    )


def test_pictures_are_shuffled_each_its_own_way_and_the_same_way_again(run, config):
    (captions, of) = ({}, judge_of(config.model_copy(update={"order": "shuffled"}), 5))
    for one in trajectories(run, of, None):
        captions[one.image_id] = shown("shuffled", of.layers, one.image_id)
        assert one.text == render(one.captions, "shuffled", captions[one.image_id])
    assert len({tuple(names.values()) for names in captions.values()}) > 3
    for image_id, names in captions.items():
        assert list(names) == ["1", "2", "3", "4"]
        assert sorted(names.values()) == list(of.layers)
        assert shown("shuffled", of.layers, image_id) == names


@pytest.mark.parametrize("order", ORDERS[1:])
def test_what_is_shown_out_of_order_names_no_layer_and_no_direction(order):
    text = render({7: "a cat", 9: "a dog"}, order, shown(order, (7, 9), "i"))
    for word in ("layer ", "layer,", '"layer"', "lowest", "abstract", "before it", "7", "9"):
        assert word not in text
    assert '{"number": 1, "description"' in text
    assert menu(7, "information", (7, 9), order) == (1, 3, 5)
    assert list(schema((7, 9), order)["properties"]["layers"]["properties"]) == ["1", "2"]


def test_judges_of_the_papers_order_keep_their_names():
    assert template("paper") == TEMPLATE
    settings = {
        "model": "a/b", "prompt_sha256": "p", "layers": (1, 2), "detail": "auto",
        "temperature": None, "answer_tokens": 9,
    }  # fmt: skip
    plain = Judge(**settings)
    assert plain.name == f"b-{short_hash(settings | {'layers': [1, 2]})}"
    assert Judge(**settings, order="reversed").name.startswith("b--reversed-")
    assert JudgeConfig(base_url="http://x", model="m").order == "paper"
