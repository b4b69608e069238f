"""A kind of edit is an entry here and its words in the store: one is added, and runs through."""

from dataclasses import replace

import pytest
import torch

from dashboard.charts import base
from dashboard.charts import conditions as charts
from dashboard.charts.condition_tables import sweep
from dashboard.names.conditions import edit_name
from precompute.config.settings import ExperimentConfig
from precompute.forward.layers import run_states
from precompute.inputs.edits import Attack, Corruption, Occlusion, Shuffle
from precompute.interventions import kinds
from precompute.interventions.apply import layer_edits
from precompute.interventions.conditions import Shape
from precompute.interventions.kinds import Kind
from precompute.interventions.parse import expand, parse
from store import interventions, open_run
from store.interventions import KindLabel, read_spec
from store.query import conditions as queries
from tests.precompute.brute_force import hooked, states

SHAPE = Shape(3, 8)


def negate(edit, site):
    """What heads add is turned around."""
    ones = torch.ones(site.tower.n_heads) if edit.head_scale is None else edit.head_scale
    return replace(edit, head_scale=-ones)


@pytest.fixture
def flip(monkeypatch):
    """A kind that nobody wants: every head adds the opposite."""
    monkeypatch.setitem(kinds.KINDS, "flip", Kind(("flip:4",), negate))
    label = KindLabel("flipping", "Flipping: the layer's attention adds the opposite.", "pink")
    monkeypatch.setitem(interventions.KINDS, "flip", label)


def test_every_kind_has_its_words():
    of_pictures = [kind.kind for kind in (Corruption, Occlusion, Shuffle, Attack)]
    assert of_pictures == list(interventions.BROKEN)
    known = [*kinds.KINDS, "prune", "patch", "mixed", interventions.READER, *of_pictures]
    assert known == list(interventions.KINDS)


@pytest.mark.parametrize("name", kinds.KINDS)
def test_examples_are_of_their_kind(name):
    for text in kinds.KINDS[name].examples:
        condition = parse(text, Shape(39, 16))
        assert (condition.id, condition.kind) == (text, name)


@pytest.mark.usefixtures("flip")
def test_a_new_kind_is_read_and_joined_like_the_others():
    assert [c.id for c in expand("flip:*", SHAPE)] == ["flip:1", "flip:2", "flip:3"]
    assert parse("flip:3,mean:1,flip:2", SHAPE).id == "mean:1,flip:2-3"
    with pytest.raises(ValueError, match=r"only mean and confuse.*'flip:1@other-1a2b'"):
        parse("flip:1@other-1a2b", SHAPE)
    with pytest.raises(ValueError, match=r"heads:27-without-3\+5 or flip:4, several"):
        parse("flip:1-only-2", SHAPE)


@pytest.mark.usefixtures("flip")
def test_a_new_kind_edits_the_tower(captioner, pixels):
    edits = layer_edits(captioner.tower, parse("flip:2,heads:2-only-5", SHAPE), {})
    got = list(run_states(captioner.tower, captioner.tower.embed(pixels), edits))
    scale = tuple(-float(head == 5) for head in range(8))
    with hooked(captioner, [("heads", 2, scale)]):
        expected = states(captioner, pixels)[1:]
    for state, right in zip(got, expected, strict=True):
        torch.testing.assert_close(state, right, atol=1e-5, rtol=1e-5)
    assert (got[-1] - states(captioner, pixels)[-1]).abs().max() > 1e-3


@pytest.mark.usefixtures("flip")
def test_a_new_kind_goes_from_a_configuration_to_a_chart(
    run, config, captioner, pictures, tmp_path
):
    experiment = ExperimentConfig(name="new", conditions=("flip:1", "flip:2-3", "skip:2"))
    folder = run(tmp_path, config.model_copy(update={"experiments": (experiment,)}))
    with open_run(folder) as opened:
        conditions = queries.conditions(opened)
        output = opened.table("caption", "condition_id = 'flip:2-3'").set_index("image_id")
    values = conditions[["condition_id"]].assign(n=5, mean=0.5, low=0.4, high=0.6)
    frame = sweep(conditions, values)
    series = frame.set_index("condition_id")["series"].to_dict()
    assert series == {"flip:1": "flipping", "flip:2-3": "flipping", "skip:2": "removal"}
    drawn = charts.sweep(frame, "y").to_dict()["layer"][0]["encoding"]["color"]["scale"]
    assert dict(zip(drawn["domain"], drawn["range"], strict=True)) == {
        "flipping": base.PINK,
        "removal": base.GREEN,
    }
    specs = conditions.set_index("condition_id")["spec"]
    assert edit_name("flip:2-3", read_spec(specs["flip:2-3"])) == "layers 2-3"
    # The caption is that of the library's own model with its heads turned around.
    with hooked(captioner, [("heads", 2, (-1.0,) * 8), ("heads", 3, (-1.0,) * 8)]):
        expected = captioner.library_captions(
            pictures, config.decode.prompt, config.decode.generation
        )
    assert output.sort_index()["token_ids"].map(list).tolist() == expected
