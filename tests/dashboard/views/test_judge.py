"""The Judge page: with two judges of different taste, with one that always fails, with none."""

import html
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from dashboard.charts import judge as judge_charts
from store import open_run
from store.disk.runs import update_run
from store.parts.write import stage_folder, write_part
from store.publish.generation import publish
from store.query import images as image_queries
from tests.dashboard.opening import opened
from tests.synthetic import image_id, make_run

ROOT = Path(__file__).parents[3]
CRITERIA = ("entities", "specificity", "information", "correspondence")
LAYERS, N, VOTES = (2, 3, 5), 8, 2
HOSTILE = "<script>alert(1)</script> [a](https://example.org) $x^2$ :red[red] " + "x" * 5000
JUDGES = ("good-1.5-00000000", "other-11111111", "refuses-22222222")


def judge_run(folder):
    """Three judges; every eighth reply of the first two is off the menu for one criterion."""
    run = make_run(folder, n_images=N, n_layers=5, publish=False)
    rng = np.random.default_rng(3)
    for judge in JUDGES:
        judgements, replies = [], []
        for image, vote in itertools.product(range(N), range(VOTES)):
            reply = f"{judge}-{image}-{vote}"
            replies.append(
                {
                    "reply_id": reply,
                    "judge": judge,
                    "model_asked": "<b>model</b>",
                    "model_answered": "as-answered",
                    "prompt_sha256": "p",
                    "image_sha256": "i",
                    "text": HOSTILE,
                    "tokens_in": 700,
                    "tokens_out": 90,
                    "at": "2026-11-23T00:00:00",
                }
            )
            for layer, criterion in itertools.product(LAYERS, CRITERIA):
                score = int(rng.choice([1, 3, 5]))
                status = "ok"
                if judge == JUDGES[2]:
                    status = "refused"
                elif (image, vote, layer, criterion) in (
                    (0, 0, 2, "entities"),
                    (1, 1, 3, "information"),
                ):
                    status = "off_menu"
                judgements.append(
                    {
                        "judge": judge,
                        "condition_id": "baseline",
                        "image_id": image_id(image),
                        "layer": layer,
                        "criterion": criterion,
                        "vote": vote,
                        "status": status,
                        "score": score if status == "ok" else None,
                        "reply_id": reply,
                    }
                )
        stage = stage_folder(run, f"judge.{judge}", {"judge": judge})
        update_run(run, stages={f"judge.{judge}": stage.name})
        with write_part(stage, "replies-0") as part:
            part.table("reply", replies)
            part.table("judgement", judgements)
    publish(run)
    return run


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    judge_run(folder)
    return folder


def shown(at):
    return "\n".join(element.proto.body for element in at.get("html"))


def frame_with(at, column):
    return next(frame.value for frame in at.dataframe if column in frame.value)


def test_the_page_shows_scores_steps_and_what_they_rest_on(visit):
    at = visit("judge")
    assert not at.exception
    assert "16 replies on 8 images, 2 votes each; layers 2, 3, 5; 11,200 tokens in" in shown(at)
    assert len(at.get("vega_lite_chart")) == 2
    assert frame_with(at, "replies").values.tolist() == [["ok", 14], ["off_menu", 2]]
    agreement = frame_with(at, "weighted kappa")
    assert set(agreement["with"]) == {JUDGES[1]}
    assert len(agreement) == len(CRITERIA)
    assert "With BERTScore: this run has none." in shown(at)
    assert "Scores written as text (quoted) count." in shown(at)


def test_replies_are_shown_as_text_and_cut(visit):
    at = visit("judge")
    bodies = shown(at)
    assert "<script" not in bodies
    assert html.escape(HOSTILE[:60]) in bodies
    assert "x" * 4001 not in bodies
    assert f"The first 4,000 of {len(HOSTILE):,} characters" in bodies
    assert html.escape("<b>model</b>") in bodies
    assert not any(
        "<b>" in element.value or "example.org" in element.value for element in at.markdown
    )


def test_replies_are_paged_and_chosen_by_status(visit):
    seen = []
    for number in ("1", "2", "3", "4"):
        seen += re.findall(r">(img\d+ · vote \d) · \w+<", shown(visit("judge", replies=number)))
    assert seen == [f"{image_id(i)} · vote {vote}" for i in range(N) for vote in (1, 2)]
    at = visit("judge", status="off_menu", replies="4")
    assert not at.exception
    assert re.findall(r">(img\d+ · vote \d · \w+)<", shown(at)) == [
        "img00000 · vote 1 · off_menu",
        "img00001 · vote 2 · off_menu",
    ]


def test_images_stand_by_their_rise_and_lead_to_their_pages(visit, results):
    (run,) = results.glob("synthetic-*")
    with open_run(run) as there:
        rise = there.table("image_stat", "metric = ?", [f"judge_rise.{JUDGES[0]}"])
    expected = sorted(rise["value"], reverse=True)
    values = [float(v) for v in re.findall(r">rise: (\S+)<", shown(visit("judge")))]
    assert values == pytest.approx(expected, rel=1e-2)
    values = [float(v) for v in re.findall(r">rise: (\S+)<", shown(visit("judge", rise="least")))]
    assert values == pytest.approx(expected[::-1], rel=1e-2)


def test_its_pictures_open_as_they_are_shown(visit):
    links = opened(visit("judge", numbers="paper"))
    assert len(links) == N + 5  # cards, and the replies of a page
    assert all((link["numbers"], "condition" in link) == ("paper", False) for link in links)


def test_a_judge_that_always_refuses_has_replies_and_no_scores(visit):
    at = visit("judge", judge=JUDGES[2])
    assert not at.exception
    assert "No reply of this judge has a score" in shown(at)
    assert frame_with(at, "replies").values.tolist() == [["refused", 16]]
    assert "there is no other judge of the same captions" in shown(at)
    assert not at.get("vega_lite_chart")


def test_an_unknown_judge_of_a_link_is_noted(visit):
    at = visit("judge", judge="gone", status="gone")
    assert not at.exception
    assert "the judge “gone”" in shown(at)
    assert at.selectbox(key="judge").value == JUDGES[0]


def test_scores_of_judges_are_filters(visit, results):
    (run,) = results.glob("synthetic-*")
    text = f"judge.{JUDGES[0]}.mean@3>=3;judge.{JUDGES[1]}.entities<5"
    at = visit("images", filter=text)
    assert not at.exception
    from store.query.predicates import parse_predicates

    with open_run(run) as there:
        n = image_queries.count_images(there, image_queries.Selection(parse_predicates(text)))
    assert 0 < n < N
    assert f"{n} of {N} images" in shown(at)


def test_the_layers_page_leaves_judges_to_theirs(visit):
    at = visit("layers")
    assert not at.exception
    assert not any(f"judge {judge}" in shown(at) for judge in JUDGES)
    assert "Convergence layer" in shown(at)


def test_figure5_has_a_line_a_criterion_and_their_mean(results):
    (run,) = results.glob("synthetic-*")
    with open_run(run) as there:
        curves = image_queries.curves(there)
    scores = judge_charts.of_judge(curves, "judge", JUDGES[0])
    assert list(dict.fromkeys(scores["criterion"])) == ["mean", *CRITERIA]
    assert len(scores) == len(LAYERS) * 5
    spec = judge_charts.figure5(scores).to_dict()
    x = spec["layer"][0]["encoding"]["x"]
    assert x["scale"]["domain"] == [2, 5]
    assert x["axis"]["values"] == [2, 3, 4, 5]
    steps = judge_charts.of_judge(curves, "judge_step", JUDGES[0])
    assert set(steps["layer"]) == {3, 5}
    chart = judge_charts.steps(
        steps[steps["criterion"] == "mean"].assign(step=["2 to 3", "3 to 5"])
    )
    (values,) = (rows for rows in chart.to_dict()["datasets"].values() if "step" in rows[0])
    assert [row["step"] for row in values] == ["2 to 3", "3 to 5"]
