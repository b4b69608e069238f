"""The columns of layer_stat and head_stat against numpy on the library's own states."""

import numpy as np
import pytest
import torch

from precompute.forward.capture import capture
from precompute.forward.layers import run_layers


@pytest.fixture(scope="module")
def taken(captioner, pixels):
    return capture(captioner.tower, pixels)


@pytest.fixture(scope="module")
def library(captioner, pixels):
    """States and the eager pattern of every layer, by the library, as numpy in float64."""
    vision = captioner.model.vision_model
    vision.set_attn_implementation("eager")
    out = vision(pixels, output_attentions=True)
    vision.set_attn_implementation("sdpa")
    states = [captioner.tower.embed(pixels)]
    for layer in vision.encoder.layers:
        states.append(layer(states[-1]))
    patterns = [a[:, :, 0].double().numpy() for a in out.attentions]
    return [s.double().numpy() for s in states], patterns


def test_a_delta_a_and_map_shift(taken, library):
    _, patterns = library
    a = np.stack([p[:, :, 1:].sum(2).mean(1) for p in patterns], 1)
    np.testing.assert_allclose(taken.layer_stat["attn_to_patches"], a, rtol=1e-4)
    delta = taken.layer_stat["delta_attn"].numpy()
    assert np.isnan(delta[:, 0]).all()
    np.testing.assert_allclose(delta[:, 1:], a[:, 1:] - a[:, :-1], atol=1e-5)
    shift = taken.layer_stat["map_shift"].numpy()
    assert np.isnan(shift[:, 0]).all()
    for layer in range(1, len(patterns)):
        maps = []
        for p in (patterns[layer], patterns[layer - 1]):
            mean = p[:, :, 1:].mean(1)
            maps.append(mean / mean.sum(1, keepdims=True))
        np.testing.assert_allclose(shift[:, layer], np.abs(maps[0] - maps[1]).sum(1) / 2, atol=1e-5)


def test_norms_shares_and_cosine(captioner, pixels, taken, library):
    states, _ = library
    records = list(run_layers(captioner.tower, captioner.tower.embed(pixels)))
    for i, record in enumerate(records):
        step = states[i + 1] - states[i]
        msa = record.attn_out.double().numpy()
        got = {name: column[:, i].numpy() for name, column in taken.layer_stat.items()}
        share = (msa * step).sum(2) / (step**2).sum(2)
        size = np.linalg.norm
        expected = {
            "resid_norm": size(states[i + 1][:, 0], axis=1),
            "update_norm": size(step[:, 0], axis=1),
            "attn_norm": size(msa[:, 0], axis=1),
            "mlp_norm": size((step - msa)[:, 0], axis=1),
            "attn_share": share[:, 0],
            "patch_update_norm": size(step[:, 1:], axis=2).mean(1),
            "patch_attn_share": share[:, 1:].mean(1),
            "cos_prev": (states[i + 1][:, 0] * states[i][:, 0]).sum(1)
            / size(states[i + 1][:, 0], axis=1)
            / size(states[i][:, 0], axis=1),
        }
        for name, values in expected.items():
            np.testing.assert_allclose(got[name], values, rtol=2e-3, atol=1e-5, err_msg=name)


def test_head_shares_with_bias_and_mlp_make_the_whole_step(captioner, pixels, taken):
    records = list(run_layers(captioner.tower, captioner.tower.embed(pixels)))
    for i, record in enumerate(records):
        step = record.update[:, 0]
        rest = record.mlp_out[:, 0] + captioner.tower.blocks[i].proj.bias
        rest_share = (rest * step).sum(1) / step.square().sum(1)
        total = taken.head_stat["contribution_share"][:, i].sum(1) + rest_share
        torch.testing.assert_close(total, torch.ones_like(total), atol=1e-4, rtol=0)


def test_arrays_have_the_towers_shape(captioner, taken, pictures):
    tower = captioner.tower
    n, layers, heads, tokens = len(pictures), tower.n_layers, tower.n_heads, tower.n_tokens
    assert taken.attention.shape == taken.contribution.shape == (n, layers, heads, tokens)
    assert taken.token_norm.shape == (n, layers + 1, tokens)
    assert taken.summary_state.shape == (n, layers + 1, tower.width)
    assert len(taken.states) == layers + 1


def test_a_state_that_is_not_finite_is_an_error_that_names_its_layer(captioner, pixels):
    with pytest.raises(ValueError, match=r"Z\^0 holds NaN"):
        capture(captioner.tower, pixels * torch.nan)
