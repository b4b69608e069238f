"""The instrumented forward against forward hooks on the library's own modules."""

import pytest
import torch

from precompute.forward.layers import LayerEdit, run_layers


@pytest.fixture(scope="module")
def hooked(captioner, pixels):
    """What the library computes: inputs and outputs of its modules, eager attention's pattern."""
    vision = captioner.model.vision_model
    seen = {"states": [], "attn": [], "mlp": [], "normed": [], "patterns": []}
    handles = []

    def keep(module, name, index=None):
        def hook(_, __, output):
            seen[name].append(output if index is None else output[index])

        handles.append(module.register_forward_hook(hook))

    for layer in vision.encoder.layers:
        keep(layer, "states")
        keep(layer.self_attn, "attn", 0)
        keep(layer.self_attn, "patterns", 1)
        keep(layer.layer_norm1, "normed")
        keep(layer.mlp, "mlp")
    before = vision.config._attn_implementation
    vision.set_attn_implementation("eager")
    vision(pixels)
    vision.set_attn_implementation(before)
    for handle in handles:
        handle.remove()
    return seen


@pytest.fixture(scope="module")
def records(captioner, pixels):
    return list(run_layers(captioner.tower, captioner.tower.embed(pixels)))


def test_stream_equals_the_librarys(records, hooked):
    for i, record in enumerate(records):
        assert record.layer == i + 1
        torch.testing.assert_close(record.resid_post, hooked["states"][i], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(record.attn_out, hooked["attn"][i], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(record.mlp_out, hooked["mlp"][i], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            record.resid_mid + record.mlp_out, record.resid_post, atol=1e-6, rtol=1e-6
        )
        torch.testing.assert_close(
            record.update, record.resid_post - record.resid_pre, atol=1e-5, rtol=1e-5
        )


def test_cls_pattern_equals_eager_attention(records, hooked):
    for record, pattern in zip(records, hooked["patterns"], strict=True):
        torch.testing.assert_close(record.pattern, pattern[:, :, 0], atol=1e-6, rtol=1e-5)


def test_contributions_equal_equation_3_token_by_token(captioner, records, hooked):
    """x_i^{l,h} in a plain loop over images, heads and tokens, from the library's weights."""
    layers = captioner.model.vision_model.encoder.layers
    for record, layer, normed, pattern in zip(
        records, layers, hooked["normed"], hooked["patterns"], strict=True
    ):
        n_heads, width = layer.self_attn.num_heads, layer.self_attn.embed_dim
        d = width // n_heads
        w_v, b_v = layer.self_attn.qkv.weight[2 * width :], layer.self_attn.qkv.bias[2 * width :]
        w_o, b_o = layer.self_attn.projection.weight, layer.self_attn.projection.bias
        for image in range(2):
            total = b_o.clone()
            for head in range(n_heads):
                rows = slice(head * d, (head + 1) * d)
                contribution = torch.zeros(width)
                for token in range(normed.shape[1]):
                    value = w_v[rows] @ normed[image, token] + b_v[rows]
                    x = pattern[image, head, 0, token] * (w_o[:, rows] @ value)
                    norm = record.contribution[image, head, token]
                    torch.testing.assert_close(norm, x.norm(), atol=1e-5, rtol=1e-4)
                    contribution += x
                torch.testing.assert_close(
                    record.head_out[image, head], contribution, atol=1e-5, rtol=1e-4
                )
                total += contribution
            torch.testing.assert_close(record.attn_out[image, 0], total, atol=1e-5, rtol=1e-4)


def test_starting_above_reuses_a_state(captioner, records):
    again = list(run_layers(captioner.tower, records[1].resid_pre, first=2))
    assert [record.layer for record in again] == [2, 3]
    assert torch.equal(again[-1].resid_post, records[-1].resid_post)


def test_head_scale_equals_a_hook_that_scales_the_heads(captioner, pixels):
    scale = torch.tensor([0.0, 1.0, 0.5, 2.0, 0.0, 1.0, 1.0, -1.0])
    layer = captioner.model.vision_model.encoder.layers[1]
    d = layer.self_attn.embed_dim // layer.self_attn.num_heads
    handle = layer.self_attn.projection.register_forward_pre_hook(
        lambda m, args: (args[0] * scale.repeat_interleave(d),)
    )
    expected = captioner.library_final_state(pixels)
    handle.remove()
    edited = list(run_layers(captioner.tower, captioner.tower.embed(pixels), {2: LayerEdit(scale)}))
    torch.testing.assert_close(edited[-1].resid_post, expected, atol=1e-5, rtol=1e-5)
    plain = list(run_layers(captioner.tower, captioner.tower.embed(pixels)))
    assert not edited[1].contribution[:, 0].any()
    torch.testing.assert_close(edited[1].contribution[:, 3], 2 * plain[1].contribution[:, 3])
    torch.testing.assert_close(
        edited[1].head_out.sum(1) + layer.self_attn.projection.bias,
        edited[1].attn_out[:, 0],
        atol=1e-5,
        rtol=1e-4,
    )


@pytest.mark.parametrize("where", [{"first": 0}, {"first": 4}, {"edits": {7: LayerEdit()}}])
def test_a_layer_that_is_not_there_is_refused(captioner, pixels, where):
    with pytest.raises(ValueError, match=r"edited layers must be in 1\.\.3 for .*; got \d\."):
        run_layers(captioner.tower, captioner.tower.embed(pixels), **where)
