"""What heads say against the library's `generate`, hooked and truncated; their stage and scores."""

import copy
import shutil
from dataclasses import replace

import pytest
import torch

from precompute.config.settings import ExperimentConfig, HeadsConfig, ScoreConfig
from precompute.heads.captions import tower_heads
from precompute.images import readable
from precompute.metrics.exact import exact
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from precompute.scoring.stage import score
from store import open_run
from store.disk.runs import read_run, update_run
from store.parts.write import list_parts
from store.publish.generation import publish
from store.text import normalise
from tests.precompute.brute_force import hooked, states

LAYERS, HEADS = (1, 3), 8
PROMPT = "a short image caption."
SWEPT = ("skip:1", "skip:2", "heads:3-without-0")


@pytest.fixture(scope="module")
def with_heads(config):
    return config.model_copy(
        update={
            "heads": HeadsConfig(layers=LAYERS),
            "experiments": (ExperimentConfig(name="s", conditions=SWEPT),),
            "score": ScoreConfig(metrics=("exact", "uniqueness")),
        }
    )


@pytest.fixture(scope="module")
def folder(with_heads, captioner, tmp_path_factory):
    (plan,) = plan_runs(with_heads)
    with Watch() as watch:
        return execute(
            Job(plan, tmp_path_factory.mktemp("results"), lambda: captioner, Maker(watch))
        )


@pytest.fixture(scope="module")
def opened(with_heads):
    (plan,) = plan_runs(with_heads)
    return {item.image_id: picture for item, picture in readable(plan.items)}


def one_hot(head):
    """The scales of a head alone; of the null, which stands as head -1, all are 0."""
    return tuple(float(other == head) for other in range(HEADS))


def test_states_are_those_of_hooks_that_leave_one_head(captioner, pixels):
    got = list(tower_heads(captioner.tower, pixels, LAYERS))
    assert [place[:2] for place in got] == [(at, h) for at in LAYERS for h in range(-1, HEADS)]
    for layer, head, state in got:
        with hooked(captioner, [("heads", layer, one_hot(head))]):
            torch.testing.assert_close(
                state, states(captioner, pixels)[layer], atol=1e-5, rtol=1e-5
            )


def test_the_null_is_the_bias_and_the_mlp_alone(captioner, pixels):
    """Eq. 1 and 2 by hand, with MSA = b_O."""
    by_library = states(captioner, pixels)
    for layer, head, state in tower_heads(captioner.tower, pixels, LAYERS):
        if head == -1:
            block = captioner.model.vision_model.encoder.layers[layer - 1]
            middle = by_library[layer - 1] + block.self_attn.projection.bias
            expected = middle + block.mlp(block.layer_norm2(middle))
            torch.testing.assert_close(state, expected, atol=1e-5, rtol=1e-5)


def logprob(model, inputs, ids):
    logits = model(**inputs, decoder_input_ids=torch.tensor([[0, *ids[:-1]]])).logits[0]
    chosen = logits.log_softmax(-1)[torch.arange(len(ids)), torch.tensor(ids)]
    return chosen.mean().item()


@pytest.mark.parametrize("layer", LAYERS)
def test_captions_equal_generate_with_one_head_and_no_blocks_above(
    folder, with_heads, captioner, opened, layer
):
    with open_run(folder) as run:
        rows = run.table("head_caption", "layer = ?", [layer]).set_index(["image_id", "head"])
        captions = run.table("caption", "condition_id = 'baseline' AND layer = 3")
    final = captions.set_index("image_id").token_ids
    assert set(rows.index) == {(image, head) for image in opened for head in range(-1, HEADS)}
    shorter = replace(captioner, model=copy.deepcopy(captioner.model))
    encoder = shorter.model.vision_model.encoder
    encoder.layers = encoder.layers[:layer]
    for (image_id, head), row in rows.iterrows():
        inputs = captioner.processor(opened[image_id], PROMPT, return_tensors="pt")
        with hooked(shorter, [("heads", layer, one_hot(head))]):
            ids = shorter.model.generate(
                **inputs, do_sample=False, **with_heads.decode.generation.model_dump()
            ).tolist()[0][1:]
            mine = logprob(shorter.model, inputs, list(row.token_ids))
            ending = logprob(shorter.model, inputs, list(final[image_id]))
        assert list(row.token_ids) == (ids[: ids.index(1) + 1] if 1 in ids else ids)
        assert row.mean_logprob == pytest.approx(mine, abs=1e-4)
        assert row.final_logprob == pytest.approx(ending, abs=1e-4)


def test_scores_of_heads_and_conditions_by_a_plain_loop(folder):
    with open_run(folder) as run:
        captions, heads = run.table("caption"), run.table("head_caption")
        refs = run.table("image").set_index("image_id").refs
        head_score = run.table("head_score").set_index(["image_id", "layer", "head", "against"])
        score_rows = run.table("score", "condition_id <> 'baseline'")
        joined = {name: len(run.table(name)) for name in ("head_curve", "change")}
    text = captions.set_index(["condition_id", "image_id", "layer"]).text
    for row in heads.itertuples():
        held = {
            "baseline": text["baseline", row.image_id, row.layer],
            "previous": text["baseline", row.image_id, row.layer - 1],
        }
        for against, other in held.items():
            value = head_score.value[row.image_id, row.layer, row.head, against]
            assert value == exact([row.text], [[other]])[0]
        value = head_score.value[row.image_id, row.layer, row.head, "reference"]
        assert value == exact([row.text], [list(refs[row.image_id])])[0]
    assert len(head_score) == 3 * len(heads)
    unique = score_rows[score_rows.metric == "uniqueness"]
    assert len(unique) == len(SWEPT) * 5
    for row in unique.itertuples():
        mine = normalise(text[row.condition_id, row.image_id, row.layer])
        others = captions.query("condition_id == @row.condition_id and image_id != @row.image_id")
        assert row.value == float(mine not in {normalise(other) for other in others.text})
    against = set(score_rows[score_rows.metric == "exact"].against)
    assert against == {"baseline", "reference", "shuffled"}
    assert all(joined.values())


def test_scoring_again_makes_nothing_and_passes_by_what_is_not_complete(
    folder, with_heads, tmp_path, caplog
):
    run = tmp_path / folder.name
    shutil.copytree(folder, run, symlinks=True)
    stages = read_run(run)["stages"]
    before = {part.id for values in stages.values() for part in list_parts(run / "parts" / values)}
    sweep = run / "parts" / stages["sweep.s"]
    (sweep / "complete.json").unlink()
    with Watch() as watch, caplog.at_level("INFO", "precompute"):
        score(run, with_heads, Maker(watch))
        assert {
            part.id for values in stages.values() for part in list_parts(run / "parts" / values)
        } == before
        assert "sweep.s is not complete" in caplog.text
        score(run, with_heads, Maker(watch), ["rouge_l"])
    update_run(run, note="publish again")
    publish(run)
    with open_run(run) as opened:
        rows = opened.sql("SELECT DISTINCT condition_id FROM score WHERE metric = 'rouge_l'")
        assert list(rows.condition_id) == ["baseline"]
        assert len(opened.table("head_score", "metric = 'rouge_l'")) > 0


def test_a_layer_that_the_tower_lacks_is_refused_before_any_work(with_heads, captioner, tmp_path):
    (plan,) = plan_runs(with_heads.model_copy(update={"heads": HeadsConfig(layers=(4,))}))
    with (
        Watch() as watch,
        pytest.raises(ValueError, match=r"\[heads\] must be in 1\.\.3 .* got 4\."),
    ):
        execute(Job(plan, tmp_path, lambda: captioner, Maker(watch)))
    assert not list(tmp_path.glob("*/parts/*"))
