"""Qwen3-VL's DeepStack: what comes from taps at, below and above the layer that is read."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.config.settings import DecodeConfig, Generation
from precompute.forward.capture import capture
from precompute.forward.decode import decode_layers
from precompute.forward.parity import certificate
from precompute.heads.captions import heads_as_read, tower_heads
from precompute.models.captioner import all_as_read, as_read
from tests.precompute.models.tiny_families import FAMILIES

PROMPT = "a short image caption."
DECODE = DecodeConfig(prompt=PROMPT, batch_size=5, generation=Generation(max_new_tokens=6))
POLICIES = ("drop", "from-state", "keep")


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(2)
    return [Image.fromarray(rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)) for _ in range(2)]


@pytest.fixture(scope="module")
def family():
    """Taps after blocks 1 and 3 of 4 layers' states 0..3, so that there is one above and below."""
    made = FAMILIES["qwen3_vl"]()
    made.model.config.vision_config.deepstack_visual_indexes = [0, 2]
    made.vision.config.deepstack_visual_indexes = [0, 2]
    made.vision.deepstack_visual_indexes = [0, 2]
    return made


@pytest.fixture(scope="module")
def states(family, pictures):
    return capture(family.tower, family.pixels(pictures)).states


def by_hand(family, policy, layer, states):
    """What the language model is to get of a layer, tap by tap, by the library's own mergers."""
    vision, order = family.vision, family.run_order()

    def merged(merger, state):
        return torch.stack([merger(one[order]) for one in state])

    got = [merged(vision.merger, states[layer])]
    for tap, merger in zip((1, 3), vision.deepstack_merger_list, strict=True):
        own = merged(merger, states[tap])
        if tap <= layer or policy == "keep":
            got.append(own)
        elif policy == "from-state":
            got.append(merged(merger, states[layer]))
        else:
            got.append(torch.zeros_like(own))
    return torch.cat(got, -1)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_tap_gives_what_the_policy_says(family, states, policy):
    reader = replace(family, deepstack=policy)
    for layer, of_layer in enumerate(all_as_read(reader, states)):
        expected = by_hand(family, policy, layer, states)
        got = reader.read(of_layer, PROMPT).hidden
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="as_read"):
        reader.read(states[1], PROMPT)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_last_layer_is_the_whole_model_token_for_token(family, pictures, states, policy):
    """The library's `generate`, untouched: no tap lies above the last layer."""
    reader = replace(family, deepstack=policy)
    read = as_read(reader, 3, states)
    ours = reader.generate(reader.read(read, PROMPT), DECODE.generation)
    inputs = family._processed(pictures, PROMPT)
    rows = family.model.generate(**inputs, **family.arguments(DECODE.generation))
    n_prompt = inputs["input_ids"].shape[1]
    assert ours == family._captions(rows.tolist(), n_prompt)
    # Or nothing would be shown: without what taps give it says something else.
    dropped = read.clone()
    dropped[..., family.tower.width :] = 0
    hidden = reader.read(dropped, PROMPT).hidden
    assert not torch.allclose(hidden, reader.read(read, PROMPT).hidden, atol=1e-3)


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_above_a_layer_leaks_unless_it_is_kept(family, states, policy):
    """Every state above is another picture's: what is read stays the same bits, or does not."""
    reader = replace(family, deepstack=policy)
    other = [state.flip(0) for state in states]
    for layer in range(4):
        one = as_read(reader, layer, states)
        two = as_read(reader, layer, [*states[: layer + 1], *other[layer + 1 :]])
        assert torch.equal(one, two) == (policy != "keep" or layer == 3), layer


@pytest.mark.parametrize("policy", POLICIES)
def test_the_certificate_has_a_line_for_it(family, pictures, policy):
    result = certificate(replace(family, deepstack=policy), pictures, DECODE)
    assert result["passed"], result
    names = [check["name"] for check in result["checks"]]
    assert ("no_tap_from_above" in names) == (policy != "keep")


def test_a_tap_that_tells_of_what_lies_above_fails_the_certificate(family, pictures):
    class Leaking(type(family)):
        def tapped(self, layer, states):
            return replace(family, deepstack="keep").tapped(layer, states)

    leaking = Leaking(family.model, family.processor, family.tower)
    result = certificate(leaking, pictures, DECODE)
    failed = [check["name"] for check in result["checks"] if not check["passed"]]
    assert failed == ["no_tap_from_above"]


def test_a_layers_caption_is_that_of_a_tower_that_ends_there(family, pictures, states):
    """Under `drop`, taps that it has being its own: the library's model with fewer blocks."""
    ours = decode_layers(family, all_as_read(family, states), DECODE)
    for layer in (1, 2):
        model = copy.deepcopy(family.model)
        del model.model.visual.blocks[layer:]
        inputs = family._processed(pictures, PROMPT)
        rows = model.generate(**inputs, **family.arguments(DECODE.generation))
        theirs = family._captions(rows.tolist(), inputs["input_ids"].shape[1])
        assert [list(caption.token_ids) for caption in ours[layer]] == theirs


def test_a_head_alone_keeps_the_taps_below_it(family, pictures, states):
    pixels = family.pixels(pictures)
    alone = tower_heads(family.tower, pixels, [3])
    for (_, _, read), (_, _, state) in zip(heads_as_read(family, pixels, [3]), alone, strict=True):
        here, first, second = read.chunk(3, -1)
        assert torch.equal(here, state)
        torch.testing.assert_close(first, states[1])
        assert torch.equal(second, state)  # a tap at the layer itself has the head's state
