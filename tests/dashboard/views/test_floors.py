"""The floor beside captions of edited and pruned models, where a run has one."""

import pandas as pd
import pyarrow as pa
import pytest

from dashboard.charts import pruning_tables
from dashboard.charts.pruning_tables import FLOOR
from store import open_run
from store.parts.write import stage_folder, write_part
from store.publish.generation import publish
from tests.dashboard.opening import words
from tests.synthetic import make_run

TOP, NONE = 4, "This run has no floor"
ENDS = {"rouge_l": (0.25, 0.5)}


@pytest.fixture(scope="module")
def floored(tmp_path_factory):
    """A run with conditions and a floor of two towers, each with one value everywhere."""
    folder = tmp_path_factory.mktemp("floored")
    run = make_run(folder, "floored", n_images=12, n_layers=TOP, conditions=True)
    with open_run(run) as opened:
        captions = opened.table("caption", "condition_id = 'baseline'")
        scores = opened.table("score", "condition_id = 'baseline'")
    scores = scores[scores["metric"].isin(ENDS) & ~scores["against"].eq("previous")]
    for seed in (0, 1):
        name = f"floor:{seed}"
        values = scores["metric"].map(lambda metric, seed=seed: ENDS[metric][seed])
        with write_part(stage_folder(run, f"floor.{seed}", {}), "all") as part:
            part.table("floor_caption", captions.assign(condition_id=name).to_dict("records"))
            rows = scores.assign(condition_id=name, value=values)
            part.table("floor_score", rows.to_dict("records"))
    publish(run)
    return folder


def bands(at):
    """Low and high of every grey band that is drawn across a chart, with no other column."""
    drawn = [
        pa.ipc.open_stream(one.data.data).read_pandas()
        for chart in at.get("vega_lite_chart")
        for one in chart.proto.datasets
    ]
    return [tuple(rows.iloc[0]) for rows in drawn if list(rows.columns) == ["low", "high"]]


def test_pruning_shows_the_floor_in_its_table_and_under_its_curve(visit, floored):
    at = visit("pruning", floored, quality="rouge_l:reference")
    assert not at.exception
    assert bands(at) == [ENDS["rouge_l"]]
    text = words(at)
    assert text.count(FLOOR) == 1, "of the measures of Table 1 one has a floor here"
    assert "0.250 to 0.500" in text and ">0.375<" in text
    assert "what the same decoder says of 2 towers" in text
    at = visit("pruning", floored, quality="convergence_layer:self")
    assert bands(at) == []
    assert "Of this measure there is no floor." in words(at)


def test_a_floor_that_would_flatten_the_curves_is_told_and_not_drawn():
    frame = pd.DataFrame({"low": [-0.1], "high": [0.1], "baseline": [4.0]})
    floor = pd.DataFrame({"low": [0.1], "high": [0.3], "mean": 0.2, "n": 12, "towers": 2})
    text = pruning_tables.floor_of_curve(frame, floor, True)
    assert text.startswith("The floor is 0.200 [0.100 to 0.300]")
    assert text.endswith("too far off to be drawn.")
    near = floor.assign(low=3.4, high=3.5)
    assert pruning_tables.floor_of_curve(frame, near, True).startswith("Grey")
    assert "no floor" in pruning_tables.floor_of_curve(frame, floor[:0], False)


def test_interventions_show_it_across_the_sweep(visit, floored):
    at = visit("interventions", floored, measure="rouge_l:reference")
    assert not at.exception
    assert bands(at) == [ENDS["rouge_l"]]


def test_compare_shows_it_once_for_two_conditions_of_a_run(visit, floored):
    at = visit("compare", floored, versus="confuse:2", metric="rouge_l:reference")
    assert not at.exception
    assert "The floor is 0.375 [0.250 to 0.500]: what the same decoder says of 2" in words(at)
    at = visit("compare", floored, versus="skip:3", metric="rouge_l:reference")
    assert not at.exception
    drawn = [
        pa.ipc.open_stream(one.data.data).read_pandas()
        for chart in at.get("vega_lite_chart")
        for one in chart.proto.datasets
    ]
    (floor,) = [rows for rows in drawn if "towers" in rows]
    assert floor["layer"].tolist() == list(range(TOP + 1))


@pytest.mark.parametrize("page", ["pruning", "interventions", "compare", "layers"])
def test_without_a_floor_pages_say_so(open_page, page):
    at = open_page(page)
    assert not at.exception
    assert NONE in words(at)


def test_the_judge_was_not_asked_about_it(visit, tmp_path):
    run = make_run(tmp_path, n_images=3, n_layers=4, publish=False)
    with write_part(stage_folder(run, "judge.j-0a", {}), "replies") as part:
        part.table("reply", [{"reply_id": "r", "judge": "j-0a"}])
        row = {"judge": "j-0a", "condition_id": "baseline", "image_id": "img00000", "vote": 0}
        row |= {"criterion": "entities", "score": 3, "status": "ok", "reply_id": "r"}
        part.table("judgement", pd.DataFrame([row | {"layer": 4}]).to_dict("records"))
    publish(run)
    at = visit("judge", tmp_path)
    assert not at.exception
    assert "The judge was not asked about the floor" in words(at)
