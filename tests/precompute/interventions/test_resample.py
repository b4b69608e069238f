"""Another image's state in place of a mean, against hooks on the library's model."""

import json

import pytest
import torch

from precompute.config.settings import ExperimentConfig
from precompute.interventions.conditions import MeanSource, Shape
from precompute.interventions.means import means_needed
from precompute.interventions.parse import expand, parse
from precompute.interventions.resample import Others
from precompute.runner.plan import plan_runs
from store import open_run
from store.parts.write import list_parts, read_table
from tests.precompute.brute_force import hooked, states

PROMPT, SHAPE = "a short image caption.", Shape(3, 8)
EDITS = {  # kind, layer, which state of the other image
    "mean:2~resample": [("mean", 2, 1)],
    "mean:2~resample~seed1": [("mean", 2, 1)],
    "confuse:1~output~resample~seed1": [("confuse", 1, 1)],
    "mean:2~resample,confuse:3~resample": [("mean", 2, 1), ("confuse", 3, 2)],
}


@pytest.fixture(scope="module")
def with_experiments(config):
    written = ("mean:2~resample2", *list(EDITS)[2:])  # the first stands for two
    return config.model_copy(
        update={
            "experiments": (
                ExperimentConfig(
                    name="deep", conditions=("mean:1~resample",), all_layers=True, capture=True
                ),
                ExperimentConfig(name="r", conditions=written),
            )
        }
    )


@pytest.fixture(scope="module")
def others(with_experiments, folder):
    (plan,) = plan_runs(with_experiments)
    capture = json.loads((folder / "run.json").read_text())["stages"]["capture"]
    return Others(plan.items, read_table(list_parts(folder / "parts" / capture), "image"))


@pytest.mark.parametrize("text", EDITS)
def test_captions_are_those_of_the_hooked_library(
    folder, with_experiments, captioner, opened, others, text
):
    with open_run(folder) as run:
        rows = run.table("caption", "condition_id = ?", [text]).set_index("image_id")
    assert set(rows.index) == set(opened)
    stand_in = others.in_place(1 if "seed1" in text else 0)
    for image_id, picture in opened.items():
        other = states(captioner, captioner.pixels([opened[stand_in[image_id]]]))
        there = {layer: other[state][0] for _, layer, state in EDITS[text]}
        inputs = captioner.processor(picture, PROMPT, return_tensors="pt")
        with hooked(captioner, [edit[:2] for edit in EDITS[text]], there):
            ids = captioner.model.generate(
                **inputs, do_sample=False, **with_experiments.decode.generation.model_dump()
            ).tolist()[0][1:]
        expected = ids[: ids.index(1) + 1] if 1 in ids else ids
        assert list(rows.token_ids[image_id]) == expected


def test_what_is_captured_is_that_of_the_other_image(folder, captioner, opened, others):
    with open_run(folder) as run:
        got = run.condition_tensors("img-1", "mean:1~resample").attention[0]
        other = run.tensors(others.in_place(0)["img-1"]).attention[0]
    torch.testing.assert_close(torch.tensor(got), torch.tensor(other), atol=2e-3, rtol=1e-2)


def test_nobody_stands_in_for_himself_and_everybody_once(others):
    maps = [others.in_place(seed) for seed in range(20)]
    for stand_in in maps:
        assert sorted(stand_in) == sorted(stand_in.values()) == others.ids
        assert all(one != other for one, other in stand_in.items())
    assert maps == [others.in_place(seed) for seed in range(20)]
    assert len({tuple(sorted(stand_in.items())) for stand_in in maps}) > 5


def test_ids_say_the_draw_and_a_number_stands_for_several():
    ids = [condition.id for condition in expand("confuse:2~resample3", SHAPE)]
    assert ids == ["confuse:2~resample", "confuse:2~resample~seed1", "confuse:2~resample~seed2"]
    for text in ids:
        condition = parse(text, SHAPE)
        assert (condition.id, condition.resamples) == (text, True)
        assert means_needed([condition]) == {}
    assert parse("confuse:2", SHAPE).resamples is False
    default = MeanSource(pool="resample", seed=4)
    (condition,) = expand("mean:1", SHAPE, default)
    assert condition.id == "mean:1~resample~seed4"


def test_another_runs_images_are_refused():
    with pytest.raises(ValueError, match="resample draws from the run's own images"):
        parse("mean:2@other-1a2b~resample", SHAPE)
    with pytest.raises(ValueError, match=r"~resample and ~resample3; got ~resample0"):
        parse("mean:2~resample0", SHAPE)
