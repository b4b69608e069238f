"""The models of the rehearsal: dimensions without memory, and their filling at a tiny size."""

from dataclasses import replace

import pytest
import torch
from transformers import InstructBlipForConditionalGeneration

from precompute.config.settings import DecodeConfig, Generation
from precompute.demo.model import build_config, build_processor
from precompute.estimate.published import PUBLISHED
from precompute.forward.parity import certificate
from precompute.models.huggingface import HuggingFaceCaptioner, size_of_config
from precompute.models.vision import view_tower
from precompute.rehearse import full_size
from precompute.rehearse.__main__ import rehearse
from precompute.rehearse.filling import filled
from precompute.rehearse.full_size import MODELS, instructblip_config
from tests.precompute.models.tiny_families import FAMILIES

OF_FAMILIES = ("idefics3", "llava_onevision", "qwen3_vl")
"""Those that are rehearsed, but for InstructBLIP."""

ON_THE_HUB = {
    "smolvlm-256m": "HuggingFaceTB/SmolVLM-256M-Instruct",
    "llava-onevision-0.5b": "llava-hf/llava-onevision-qwen2-0.5b-ov-hf",
    "qwen3-vl-2b": "Qwen/Qwen3-VL-2B-Instruct",
}


def instructblip(dtype):
    processor = build_processor()
    config = build_config(processor, 3, 32)
    model = filled(InstructBlipForConditionalGeneration, config, dtype)
    return HuggingFaceCaptioner(model, processor, view_tower(model.vision_model))


def of_family(name, dtype):
    tiny = FAMILIES[name]()
    model = filled(type(tiny.model), tiny.model.config, dtype)
    model.generation_config = tiny.model.generation_config
    return replace(tiny, model=model, tower=tiny.view(model))


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=str)
def dtype(request):
    return request.param


@pytest.fixture(scope="module", params=["instructblip", *OF_FAMILIES])
def captioner_of_noise(request, dtype):
    return (
        instructblip(dtype) if request.param == "instructblip" else of_family(request.param, dtype)
    )


def test_its_dimensions_are_the_published_models():
    config = instructblip_config(build_processor())
    size = size_of_config(InstructBlipForConditionalGeneration, config)
    assert size == PUBLISHED["Salesforce/instructblip-flan-t5-xl"]
    assert 15e9 < 4 * size.weights < 16e9


def test_every_weight_is_filled(captioner_of_noise, dtype):
    for name, weight in captioner_of_noise.model.named_parameters():
        assert (weight.device.type, weight.dtype) == ("cpu", dtype)
        assert weight.isfinite().all(), name
        if weight.ndim > 1:
            assert 0.01 < float(weight.float().std()) < 0.04, name


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_no_weight_is_as_the_library_makes_it(name, dtype):
    """Angles of rotated positions, and factors: of a model whose weights are random as ever."""
    model = FAMILIES[name]().model
    mine = dict(filled(type(model), model.config, dtype).named_buffers())
    library = dict(type(model)._from_config(model.config, dtype=dtype).named_buffers())
    assert mine.keys() == library.keys()
    for buffer in mine:
        assert torch.equal(mine[buffer], library[buffer]), buffer


def test_no_two_matrices_are_alike(captioner_of_noise):
    one, other = (captioner_of_noise.tower.blocks[i].proj.weight for i in (0, 1))
    assert not torch.equal(one, other)
    assert int(torch.linalg.matrix_rank(one.float())) == len(one)


def test_what_is_filled_reads_pictures(captioner_of_noise, pictures):
    config = DecodeConfig(prompt="a cat", generation=Generation(max_new_tokens=4))
    checks = certificate(captioner_of_noise, pictures, config)["checks"]
    assert [c["name"] for c in checks if c["passed"]][:3] == [
        "final_state",
        "attention",
        "contributions",
    ]


@pytest.mark.parametrize("name", ON_THE_HUB)
def test_a_rehearsal_is_of_the_published_dimensions(name, monkeypatch):
    """All but the memory: the model is laid out on no device, and its tower is what is expected."""
    built = []

    def laid_out(model_class, config, dtype):
        built.append(config)
        with torch.device("meta"):
            return model_class(config)

    monkeypatch.setattr(full_size, "filled", laid_out)
    rehearsal = MODELS[name]
    captioner = rehearsal.build(torch.float32)
    tower, processor = captioner.tower, captioner.processor
    assert rehearsal.shape == (tower.n_layers, tower.n_heads, tower.n_tokens, tower.width)
    weights = sum(weight.numel() for weight in captioner.model.parameters())
    assert weights == PUBLISHED[ON_THE_HUB[name]].weights
    (config,) = built
    token = processor.tokenizer.convert_ids_to_tokens(config.image_token_id)
    assert token == processor.image_token


def test_another_model_is_no_rehearsal(captioner):
    assert MODELS.keys() == {"instructblip", *ON_THE_HUB}
    lines = []
    another = replace(MODELS["smolvlm-256m"], build=lambda dtype: captioner)
    with pytest.raises(AssertionError):
        rehearse(another, torch.float32, lines.append)
    assert "peak" in lines[0]


def test_a_tiny_model_is_rehearsed_to_the_end():
    lines = []
    tower = FAMILIES["idefics3"]().tower
    shape = (tower.n_layers, tower.n_heads, tower.n_tokens, tower.width)
    tiny = replace(
        MODELS["smolvlm-256m"],
        build=lambda dtype: of_family("idefics3", dtype),
        shape=shape,
        side=32,
    )
    assert rehearse(tiny, torch.float32, lines.append) > 0
    assert any("nothing_leaks" in line for line in lines)
