"""Every kind of edit, and combinations, against forward hooks on the library's model."""

import pytest
import torch

from precompute.forward.capture import capture, capture_edited
from precompute.forward.layers import LayerEdit
from precompute.interventions.apply import Prepared, edited_states, layer_edits
from precompute.interventions.conditions import Condition, Edit, MeanSource, Shape
from precompute.interventions.parse import parse
from tests.precompute.brute_force import hooked, means, states

SHAPE = Shape(3, 8)
WITHOUT_2 = (1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0)
ONLY_5 = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
REAL = (0.5, 2.0, 0.0, -1.0, 1.0, 0.1, 3.0, 0.7)

KINDS = {
    "mean:1": [("mean", 1)],
    "mean:2-3": [("mean", 2), ("mean", 3)],
    "confuse:2": [("confuse", 2)],
    "confuse:1+3": [("confuse", 1), ("confuse", 3)],
    "skip:1": [("skip", 1)],
    "skip:2-3": [("skip", 2), ("skip", 3)],
    "heads:2-without-2": [("heads", 2, WITHOUT_2)],
    "heads:3-only-5": [("heads", 3, ONLY_5)],
    "skip:1,mean:2,confuse:3": [("skip", 1), ("mean", 2), ("confuse", 3)],
    "mean:2,confuse:2": [("mean", 2), ("confuse", 2)],
    "mean:2,heads:2-without-2": [("mean", 2), ("heads", 2, WITHOUT_2)],
    "confuse:2,heads:2-only-5": [("confuse", 2), ("heads", 2, ONLY_5)],
    "heads:1-without-2,heads:3-only-5": [("heads", 1, WITHOUT_2), ("heads", 3, ONLY_5)],
}


@pytest.fixture(scope="module")
def zbar(captioner, pixels):
    return means(captioner, [pixels])


@pytest.fixture(scope="module")
def plain(captioner, pixels):
    return capture(captioner.tower, pixels)


def brute(captioner, pixels, condition, edits, zbar):
    values = {
        layer: _pooled(condition.mean, zbar[condition.mean.state_index(layer)])
        for edit in condition.edits
        if edit.kind in ("mean", "confuse")
        for layer in edit.layers
    }
    with hooked(captioner, edits, values):
        return states(captioner, pixels)


def _pooled(source, mean):
    return mean.mean(0).expand_as(mean) if source.pool == "token" else mean


def ours(captioner, plain, condition, zbar):
    zbar = {at: _pooled(condition.mean, zbar[at]) for at in condition.means}
    prepared = Prepared(condition, layer_edits(captioner.tower, condition, zbar))
    ((_, above),) = edited_states(captioner.tower, plain.states, [prepared])
    return prepared, list(above)


@pytest.mark.parametrize("text", KINDS)
def test_states_equal_hooks_on_the_library(captioner, pixels, plain, zbar, text):
    condition = parse(text, SHAPE)
    expected = brute(captioner, pixels, condition, KINDS[text], zbar)
    prepared, got = ours(captioner, plain, condition, zbar)
    assert len(got) == 3 - prepared.first + 1
    for state, right in zip(got, expected[prepared.first :], strict=True):
        torch.testing.assert_close(state, right, atol=1e-5, rtol=1e-5)
    assert (got[-1] - plain.states[-1]).abs().max() > 1e-3, "the edit does something"


@pytest.mark.parametrize("options", ["~output", "~token", "~output~token"])
@pytest.mark.parametrize("text", ["mean:1", "confuse:2"])
def test_the_mean_may_be_of_the_output_or_over_tokens(
    captioner, pixels, plain, zbar, text, options
):
    condition = parse(text + options, SHAPE)
    expected = brute(captioner, pixels, condition, KINDS[text], zbar)[-1]
    torch.testing.assert_close(
        ours(captioner, plain, condition, zbar)[1][-1], expected, atol=1e-5, rtol=1e-5
    )
    default = ours(captioner, plain, parse(text, SHAPE), zbar)[1][-1]
    assert (expected - default).abs().max() > 1e-3


def test_real_scales_of_a_pruning(captioner, pixels, plain, zbar):
    condition = Condition((Edit("heads", (2,), REAL),), name="own")
    expected = brute(captioner, pixels, condition, [("heads", 2, REAL)], zbar)[-1]
    torch.testing.assert_close(
        ours(captioner, plain, condition, zbar)[1][-1], expected, atol=1e-5, rtol=1e-5
    )


def test_conditions_that_begin_at_one_layer_do_not_disturb_each_other(captioner, plain, zbar):
    conditions = [parse(text, SHAPE) for text in KINDS]
    prepared = sorted(
        (Prepared(c, layer_edits(captioner.tower, c, dict(enumerate(zbar)))) for c in conditions),
        key=lambda p: p.first,
    )
    for p, above in edited_states(captioner.tower, plain.states, prepared):
        *_, last = above
        alone = ours(captioner, plain, p.condition, zbar)[1][-1]
        torch.testing.assert_close(last, alone, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("text", ["mean:2", "confuse:2", "heads:2-without-2", "skip:2"])
def test_a_capture_under_edits_is_a_capture_from_the_bottom(captioner, plain, zbar, text):
    """Joined with the plain one below the edit; the same as all layers run again."""
    condition = parse(text, SHAPE)
    edits = layer_edits(captioner.tower, condition, dict(enumerate(zbar)))
    got = capture_edited(captioner.tower, plain, edits)
    again = capture_edited(captioner.tower, plain, {1: LayerEdit(), **edits})
    assert len(got.states) == len(plain.states)
    for name in ("attention", "contribution", "token_norm", "summary_state"):
        torch.testing.assert_close(
            getattr(got, name), getattr(again, name), equal_nan=True, atol=1e-5, rtol=1e-5
        )
    for name, column in {**got.layer_stat, **got.head_stat}.items():
        other = {**again.layer_stat, **again.head_stat}[name]
        torch.testing.assert_close(column, other, equal_nan=True, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        got.token_norm[:, 1:], torch.stack([state.norm(dim=-1) for state in got.states[1:]], 1)
    )


def test_a_skipped_layer_has_no_attention_to_tell_of(captioner, plain):
    edits = layer_edits(captioner.tower, parse("skip:2", SHAPE), {})
    got = capture_edited(captioner.tower, plain, edits)
    assert got.head_stat["attn_to_patches"][:, 1].isnan().all()
    assert got.layer_stat["delta_attn"][:, 1:].isnan().all()
    assert (got.layer_stat["update_norm"][:, 1] == 0).all()
    assert not got.head_stat["attn_to_patches"][:, [0, 2]].isnan().any()


def test_the_default_mean_is_that_of_the_blocks_input():
    assert MeanSource().state_index(5) == 4
    assert MeanSource(state="output").state_index(5) == 5
