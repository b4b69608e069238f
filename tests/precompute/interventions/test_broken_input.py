"""Conditions on the picture in a whole run, against the library on the broken picture."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.config.settings import ExperimentConfig, ScoreConfig
from precompute.estimate.workload import workload
from precompute.inputs import Clean, break_pixels
from precompute.interventions.conditions import Shape
from precompute.interventions.parse import expand, parse
from precompute.interventions.sweep import sweep
from precompute.models import size_of
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from tests.precompute.brute_force import hooked, states

SHAPE = Shape(3, 8)
PROMPT = "a short image caption."
CONDITIONS = {
    "gaussian_noise@3": [],
    "occlude:50,skip:2": [("skip", 2)],
    "shuffle-patches:1,heads:3-without-5": [("heads", 3, (1.0,) * 5 + (0.0,) + (1.0,) * 2)],
}
ATTACK = "pgd:eps=8,step=4,n=2"
LAST = "pixelate@5"  # read at the last layer alone
GRAFTS = ("patch:3@img-0", "patch:2:mlp@img-4")


@pytest.fixture(scope="module")
def with_experiments(config):
    return config.model_copy(
        update={
            "score": ScoreConfig(metrics=("exact",)),
            "experiments": (
                ExperimentConfig(
                    name="deep", conditions=(*CONDITIONS, ATTACK), all_layers=True, capture=True
                ),
                # Beside one that is not of the picture, and shares its batches.
                ExperimentConfig(name="plain", conditions=("skip:3", LAST)),
                ExperimentConfig(name="patched", conditions=GRAFTS),
            ),
        }
    )


@pytest.fixture(scope="module")
def tables(folder):
    with open_run(folder) as run:
        return {name: run.table(name) for name in ("caption", "score", "image_stat", "condition")}


@pytest.fixture(scope="module")
def broken(captioner, opened, tables):
    """Condition and image -> its pixels."""
    final = tables["caption"].query("condition_id == 'baseline' and layer == 3")
    ids_of = dict(zip(final.image_id, final.token_ids, strict=True))
    made = {}
    for image_id, picture in opened.items():
        pixels = captioner.pixels([picture])
        clean = Clean(
            [image_id], pixels, states(captioner, pixels), [ids_of[image_id].tolist()], PROMPT
        )
        for text in (*CONDITIONS, ATTACK, LAST):
            made[text, image_id] = break_pixels(captioner, parse(text, SHAPE).broken, clean)
    return made


@pytest.mark.parametrize("text", CONDITIONS)
def test_captions_are_the_library_s_on_the_broken_picture(
    captioner, with_experiments, opened, tables, broken, text
):
    rows = tables["caption"].query("condition_id == @text and layer == 3").set_index("image_id")
    assert set(rows.index) == set(opened)
    for image_id, picture in opened.items():
        inputs = captioner.processor(picture, PROMPT, return_tensors="pt")
        inputs["pixel_values"] = broken[text, image_id]
        with hooked(captioner, CONDITIONS[text]):
            ids = captioner.model.generate(
                **inputs, do_sample=False, **with_experiments.decode.generation.model_dump()
            ).tolist()[0][1:]
        assert list(rows.token_ids[image_id]) == (ids[: ids.index(1) + 1] if 1 in ids else ids)


@pytest.mark.parametrize("text", [*CONDITIONS, ATTACK, LAST])
def test_cosines_are_numpys_of_the_library_s_states(captioner, opened, tables, broken, text):
    rows = tables["score"].query("condition_id == @text and metric == 'state_cosine'")
    assert set(rows.against) == {"baseline"}
    value = rows.set_index(["image_id", "layer"]).value
    assert len(value) == len(opened) * 4
    for image_id, picture in opened.items():
        plain = states(captioner, captioner.pixels([picture]))
        with hooked(captioner, CONDITIONS.get(text, [])):
            edited = states(captioner, broken[text, image_id])
        for layer, (one, other) in enumerate(zip(plain, edited, strict=True)):
            a, b = one[0].numpy().astype(float), other[0].numpy().astype(float)
            length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
            # An attack's signs may turn on the last bit of a gradient that is nearly 0.
            near = 0.02 if text == ATTACK else 1e-4
            assert value[image_id, layer] == pytest.approx(
                ((a * b).sum(1) / length).mean(), abs=near
            )


def test_the_plan_counts_what_is_decoded(with_experiments, tables):
    size = size_of(with_experiments.model)
    planned = {w.stage: w for w in workload(with_experiments, "tiny", size, 5, 0)}
    captions = tables["caption"].groupby("condition_id").size()
    deep = [*CONDITIONS, ATTACK]
    assert planned["sweep.deep"].captions == sum(captions[text] for text in deep)
    assert planned["sweep.plain"].captions == captions["skip:3"] + captions[LAST]
    # Once without edits and once for each condition from its pictures on; and the attack's two
    # gradients, three passes each.
    assert planned["sweep.deep"].passes == 5 * (1 + len(deep) + 2 * 3)
    assert planned["sweep.deep"].forced == 5 * 2 * 3


def test_the_attack_lowers_what_it_attacks(tables):
    last = tables["caption"].query("layer == 3").set_index(["condition_id", "image_id"])
    assert (last.final_logprob[ATTACK] < last.final_logprob["baseline"]).all()


def test_the_picture_that_is_kept_is_the_broken_one(captioner, folder, broken, opened):
    with open_run(folder) as run:
        for image_id in opened:
            kept = run.condition_tensors(image_id, "gaussian_noise@3").model_input
            (seen,) = captioner.model_input(broken["gaussian_noise@3", image_id])
            plain = run.tensors(image_id).model_input
            apart = [
                abs(
                    np.asarray(Image.open(io.BytesIO(jpeg)), float) - np.asarray(seen, float)
                ).mean()
                for jpeg in (kept, plain)
            ]
            assert apart[0] < 12 < apart[1]  # JPEG blurs noise a little


def test_the_rows_of_conditions_say_what_was_done(tables):
    rows = tables["condition"].set_index("condition_id")
    assert rows.kind.to_dict() == {
        "baseline": "baseline",
        "gaussian_noise@3": "corrupt",
        "occlude:50,skip:2": "mixed",
        "shuffle-patches:1,heads:3-without-5": "mixed",
        ATTACK: "pgd",
        "skip:3": "skip",
        LAST: "corrupt",
        **dict.fromkeys(GRAFTS, "patch"),
    }
    assert list(rows.layers["gaussian_noise@3"]) == []
    assert list(rows.layers["occlude:50,skip:2"]) == [2]
    spec = json.loads(rows.spec["occlude:50,skip:2"])
    assert spec["input"] == {"kind": "occlude", "percent": 50, "seed": 0, "by_map": False}
    assert "input" not in json.loads(rows.spec["skip:3"])


def test_attention_is_that_of_the_broken_picture(captioner, folder, broken, opened):
    with open_run(folder) as run:
        for image_id in opened:
            arrays = run.condition_tensors(image_id, "gaussian_noise@3").attention
            theirs = captioner.library_patterns(broken["gaussian_noise@3", image_id])
            assert torch.allclose(
                torch.from_numpy(arrays.astype(np.float32)),
                torch.stack(theirs, 1)[0],
                atol=2e-3,
            )


def test_entries_stand_for_several_and_what_contradicts_is_refused():
    ids = [c.id for c in expand("gaussian_noise@1..2,skip:1..2", SHAPE)]
    assert ids == [f"gaussian_noise@{s},skip:{layer}" for s in (1, 2) for layer in (1, 2)]
    text = "pgd:eps=4,step=1,n=2,target=a dog,skip:2"
    assert parse(text, SHAPE).id == text
    assert parse("skip:2,fog@3", SHAPE).id == "fog@3,skip:2"
    assert (parse("fog@3,skip:2", SHAPE).first, parse("skip:2", SHAPE).first) == (0, 2)
    with pytest.raises(ValueError, match="broken in one way"):
        parse("fog@3,snow@2", SHAPE)
    with pytest.raises(ValueError, match=r"gaussian_noise@3, occlude:30"):
        parse("nonsense", SHAPE)


def test_the_last_state_of_another_gives_its_caption(tables):
    captions = tables["caption"].query("layer == 3").set_index(["condition_id", "image_id"])
    given, put = captions.loc[("baseline", "img-0")], captions.loc[GRAFTS[0]]
    assert len(put) == 5
    assert {tuple(ids) for ids in put.token_ids} == {tuple(given.token_ids)}
    assert put.mean_logprob.to_numpy() == pytest.approx(given.mean_logprob, abs=1e-4)
    own, same = (captions.loc[(c, "img-4")].mean_logprob for c in ("baseline", GRAFTS[1]))
    assert same == pytest.approx(own, abs=1e-4)  # of itself: nothing


def test_of_states_put_in_no_maps_are_kept(folder, with_experiments, captioner):
    (plan,) = plan_runs(with_experiments)
    with Watch() as watch, pytest.raises(ValueError, match="no maps are kept"):
        job = Job(plan, folder.parent, lambda: captioner, Maker(watch))
        sweep(job, "sweep.q", [parse(GRAFTS[0], SHAPE)], with_capture=True)
