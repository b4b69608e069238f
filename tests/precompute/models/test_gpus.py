"""The model over several GPUs, as far as that shows without one."""

import pytest
import torch
from accelerate import dispatch_model
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    InstructBlipForConditionalGeneration,
    T5Config,
)

from precompute.config.settings import DecodeConfig, Generation
from precompute.forward.capture import capture
from precompute.forward.decode import decode_layers
from precompute.forward.parity import certificate
from precompute.models.captioner import Placement
from precompute.models.gpus import device_map, require_gpus, split
from precompute.models.huggingface import HuggingFaceCaptioner, load
from precompute.models.vision import view_tower


@pytest.fixture(scope="module")
def xxl():
    """BLIP-2 Flan-T5-XXL, as its published configuration says."""
    text = T5Config(
        vocab_size=32128, d_model=4096, d_ff=10240, d_kv=64, num_layers=24, num_decoder_layers=24,
        num_heads=64, feed_forward_proj="gated-gelu", tie_word_embeddings=False,
    )  # fmt: skip
    return Blip2Config(text_config=text, tie_word_embeddings=False)


def gpu_of(name, places):
    """The GPU of a weight: that of the longest module name it starts with."""
    got = [place for place in places if name == place or name.startswith(place + ".")]
    assert got, f"{name} is nowhere"
    return places[max(got, key=len)]


@pytest.mark.parametrize("gpus", [2, 3, 4, 8])
def test_every_weight_has_a_gpu_and_all_gpus_about_as_many(xxl, gpus):
    places = device_map(Blip2ForConditionalGeneration, xxl, "cuda", gpus)
    with torch.device("meta"):
        model = Blip2ForConditionalGeneration(xxl)
    load = [0] * gpus
    for name, weight in model.named_parameters():
        load[gpu_of(name, places)] += weight.numel()
    assert sum(load) > 11e9
    assert max(load) < 1.25 * sum(load) / gpus
    assert all(load)


def test_tower_and_q_former_are_together(xxl):
    places = device_map(Blip2ForConditionalGeneration, xxl, "cuda", 4)
    with torch.device("meta"):
        model = Blip2ForConditionalGeneration(xxl)
    visual = [n for n, _ in model.named_parameters() if not n.startswith("language_model.")]
    assert {gpu_of(name, places) for name in visual} == {0}
    blocks = [gpu for name, gpu in places.items() if ".block." in name]
    assert blocks == sorted(blocks)
    assert len(blocks) == 48


def test_one_gpu_holds_the_whole_model(xxl):
    assert device_map(Blip2ForConditionalGeneration, xxl, "cuda", 1) == {"": "cuda"}


def test_a_first_gpu_that_is_full_gets_no_block():
    assert split([1] * 4, first=100, gpus=2) == [1, 1, 1, 1]


def test_the_map_loads_and_reads_as_one(checkpoint, captioner, pictures):
    """The same map with all its GPUs called `cpu`: every name in it must be a module's."""
    places = device_map(InstructBlipForConditionalGeneration, captioner.model.config, "cuda", 3)
    assert len(set(places.values())) > 1
    model = InstructBlipForConditionalGeneration.from_pretrained(
        checkpoint, device_map=dict.fromkeys(places, "cpu")
    ).eval()
    spread = HuggingFaceCaptioner(model, captioner.processor, view_tower(model.vision_model))
    generation = Generation(max_new_tokens=5)
    assert certificate(spread, pictures, DecodeConfig(prompt="a cat", generation=generation))[
        "passed"
    ]


@pytest.mark.parametrize(("device", "there"), [("cuda", 2), ("cpu", 0)])
def test_more_gpus_than_there_are(device, there, checkpoint, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    require_gpus(device, 1)
    with pytest.raises(ValueError, match=f"expected 4 GPUs.*this machine shows {there}"):
        load(checkpoint, Placement(device, torch.float32, 4))


def test_modules_with_accelerates_hooks_read_as_without(checkpoint, captioner, pictures):
    """What accelerate hangs before every block on several GPUs, here with all of them the CPU."""
    places = device_map(InstructBlipForConditionalGeneration, captioner.model.config, "cuda", 3)
    model = InstructBlipForConditionalGeneration.from_pretrained(checkpoint).eval()
    # A weight outside all modules; accelerate warns of it and places it all the same.
    with pytest.warns(UserWarning, match="query_tokens"):
        dispatch_model(model, dict.fromkeys(places, "cpu"), main_device="cpu", force_hooks=True)
    assert hasattr(model.language_model.decoder.block[1], "_hf_hook")
    spread = HuggingFaceCaptioner(model, captioner.processor, view_tower(model.vision_model))
    config = DecodeConfig(prompt="a cat", generation=Generation(max_new_tokens=5, num_beams=3))
    result = certificate(spread, pictures, config)
    assert result["passed"], result
    states = capture(captioner.tower, captioner.pixels(pictures)).states
    assert decode_layers(spread, states, config) == decode_layers(captioner, states, config)
