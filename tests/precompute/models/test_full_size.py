"""The model of the rehearsal: its dimensions without its memory, its filling at a tiny size."""

import pytest
import torch
from transformers import InstructBlipForConditionalGeneration

from precompute.config.settings import DecodeConfig, Generation
from precompute.demo.model import build_config, build_processor
from precompute.estimate.published import PUBLISHED
from precompute.forward.parity import certificate
from precompute.models.huggingface import HuggingFaceCaptioner, size_of_config
from precompute.models.vision import view_tower
from precompute.rehearse.__main__ import rehearse
from precompute.rehearse.full_size import _config, _filled


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=str)
def filled(request):
    processor = build_processor()
    with torch.device("meta"):
        model = InstructBlipForConditionalGeneration(build_config(processor, 3, 32))
    model = _filled(model.to(request.param)).eval().requires_grad_(False)
    return HuggingFaceCaptioner(model, processor, view_tower(model.vision_model))


def test_its_dimensions_are_the_published_models():
    size = size_of_config(InstructBlipForConditionalGeneration, _config(build_processor(), {}))
    assert size == PUBLISHED["Salesforce/instructblip-flan-t5-xl"]
    assert 15e9 < 4 * size.weights < 16e9


def test_every_weight_and_buffer_is_filled(filled):
    for name, weight in filled.model.named_parameters():
        assert weight.device.type == "cpu"
        assert weight.isfinite().all(), name
        if weight.ndim > 1:
            assert 0.01 < float(weight.float().std()) < 0.04, name
    positions = filled.model.qformer.embeddings.position_ids
    assert positions.tolist() == [list(range(positions.shape[-1]))]


def test_no_two_matrices_are_alike(filled):
    one, other = (filled.tower.blocks[i].proj.weight for i in (0, 1))
    assert not torch.equal(one, other)
    assert int(torch.linalg.matrix_rank(one.float())) == len(one)


def test_what_is_filled_reads_pictures(filled, pictures):
    config = DecodeConfig(prompt="a cat", generation=Generation(max_new_tokens=4))
    checks = certificate(filled, pictures, config)["checks"]
    assert [c["name"] for c in checks if c["passed"]][:3] == [
        "final_state",
        "attention",
        "contributions",
    ]


def test_another_model_is_no_rehearsal(captioner):
    lines = []
    with pytest.raises(AssertionError):
        rehearse(lambda: captioner, lines.append)
    assert "peak" in lines[0]
