"""The certificate passes where it should, and each check fails when its subject is wrong."""

import copy
import dataclasses

import pytest
import torch

from precompute.config.settings import DecodeConfig, Generation
from precompute.forward import layers
from precompute.forward.parity import certificate
from precompute.models.huggingface import HuggingFaceCaptioner, view_tower
from precompute.models.vision import library_patterns
from tests.precompute.models import tiny

CONFIG = DecodeConfig(prompt="a short image caption.", generation=Generation(max_new_tokens=5))


def outcome(captioner, pictures):
    result = certificate(captioner, pictures, CONFIG)
    checks = {check["name"]: check for check in result["checks"]}
    assert result["passed"] == all(c["passed"] for c in checks.values())
    return checks


def with_block(captioner, **changes):
    """The captioner seen through a tower whose last block is wrong."""
    blocks = captioner.tower.blocks
    wrong = dataclasses.replace(blocks[-1], **changes)
    tower = dataclasses.replace(captioner.tower, blocks=(*blocks[:-1], wrong))
    return dataclasses.replace(captioner, tower=tower)


def test_the_tiny_model_passes(captioner, pictures):
    checks = outcome(captioner, pictures)
    assert {name for name, check in checks.items() if check["passed"]} == {
        "final_state",
        "attention",
        "contributions",
        "captions",
    }
    assert checks["captions"]["detail"] == "5 of 5 captions equal token for token"


def test_a_missing_bias_is_seen_in_the_state(captioner, pictures):
    qkv = captioner.model.vision_model.encoder.layers[-1].self_attn.qkv
    bare = with_block(captioner, qkv=lambda x: torch.nn.functional.linear(x, qkv.weight))
    checks = outcome(bare, pictures)
    assert not checks["final_state"]["passed"]
    assert checks["final_state"]["value"] > checks["final_state"]["bound"]


def test_a_misplaced_w_o_is_seen_in_the_contributions(captioner, pictures):
    w_o = captioner.tower.blocks[-1].w_o
    checks = outcome(with_block(captioner, w_o=w_o.flip(0)), pictures)
    assert not checks["contributions"]["passed"]
    assert checks["final_state"]["passed"]


def test_what_is_no_number_does_not_pass(captioner, pictures):
    w_o = captioner.tower.blocks[0].w_o
    first, *others = captioner.tower.blocks
    wrong = dataclasses.replace(first, w_o=torch.full_like(w_o, torch.nan))
    tower = dataclasses.replace(captioner.tower, blocks=(wrong, *others))
    checks = outcome(dataclasses.replace(captioner, tower=tower), pictures)
    assert not checks["contributions"]["passed"]


def test_other_captions_are_named_with_their_gap(captioner, pictures):
    @dataclasses.dataclass(frozen=True)
    class Other(type(captioner)):
        def generate(self, memory, generation):
            return [[7, 8, 1] for _ in memory.hidden]

    other = Other(captioner.model, captioner.processor, captioner.tower)
    check = outcome(other, pictures)["captions"]
    assert not check["passed"]
    assert "0 of 5 captions equal" in check["detail"]
    assert "by the library" in check["detail"]


def test_bfloat16_passes_within_its_bound(captioner, pictures):
    model = copy.deepcopy(captioner.model).to(torch.bfloat16)
    half = HuggingFaceCaptioner(model, captioner.processor, view_tower(model.vision_model))
    checks = outcome(half, pictures)
    for name in ("final_state", "attention", "contributions"):
        assert checks[name]["passed"], checks[name]


@pytest.mark.parametrize("layer", [1, 3])
def test_another_pattern_is_seen_in_its_layer(captioner, pictures, monkeypatch, layer):
    """Ours is wrong in one layer and head alone; its rows still sum to 1."""
    ours = layers.cls_pattern
    calls = []

    def wrong(heads):
        pattern = ours(heads)
        calls.append(pattern)
        if len(calls) == layer:
            pattern[:, 1] = pattern[:, 1].flip(-1)
        return pattern

    monkeypatch.setattr(layers, "cls_pattern", wrong)
    check = outcome(captioner, pictures)["attention"]
    moved = (calls[layer - 1][:, 1] - calls[layer - 1][:, 1].flip(-1)).abs().max()
    # Flipped back it is the library's, whose largest share the difference is held against.
    right = calls[layer - 1].clone()
    right[:, 1] = right[:, 1].flip(-1)
    assert not check["passed"]
    assert check["value"] == pytest.approx(float(moved / right.max()), abs=1e-5)


@pytest.mark.parametrize("make", [tiny.blip2, tiny.blip], ids=["blip2", "blip"])
def test_the_library_gives_its_patterns_and_keeps_its_setting(make):
    vision = make()[0].vision_model
    setting = vision.config._attn_implementation
    attention = [layer.self_attn for layer in vision.encoder.layers]
    hooks = [len(module._forward_hooks) for module in attention]
    pixels = torch.randn(2, 3, vision.config.image_size, vision.config.image_size)
    with torch.inference_mode():
        patterns = library_patterns(vision, pixels)
        assert vision.config._attn_implementation == setting
        assert [len(module._forward_hooks) for module in attention] == hooks
        vision.set_attn_implementation("eager")
        expected = vision(pixels, output_attentions=True).attentions
    for pattern, full in zip(patterns, expected, strict=True):
        torch.testing.assert_close(pattern, full[:, :, 0])
        assert pattern.shape == full.shape[:2] + full.shape[3:]
