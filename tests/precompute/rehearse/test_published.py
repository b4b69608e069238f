"""The dimensions of published models, against the library's classes and their cards."""

import pytest
from transformers import AutoConfig

from precompute import models
from precompute.config.settings import ModelConfig
from precompute.estimate.published import PUBLISHED
from precompute.rehearse.published import CONFIGS

# Counted on the loaded checkpoints by others, who published the number.
COUNTED = {
    "llava-hf/llava-1.5-7b-hf": 7_063_427_072,
    "HuggingFaceTB/SmolVLM-256M-Instruct": 256_484_928,
    "HuggingFaceTB/SmolVLM2-256M-Video-Instruct": 256_484_928,
    "HuggingFaceTB/SmolVLM2-2.2B-Instruct": 2_246_784_880,
    "google/paligemma-3b-mix-224": 2_923_466_480,
    "google/gemma-3-4b-it": 4_300_079_472,
    "Qwen/Qwen2.5-VL-3B-Instruct": 3_754_622_976,
    "Qwen/Qwen2.5-VL-7B-Instruct": 8_292_166_656,
    "Qwen/Qwen3-VL-2B-Instruct": 2_127_532_032,
    "Qwen/Qwen3-VL-4B-Instruct": 4_437_815_808,
}
# As the card says: three digits at most, in millions.
ON_THE_CARD = {
    "llava-hf/llava-onevision-qwen2-0.5b-ov-hf": 894,
    "llava-hf/llava-onevision-qwen2-7b-ov-hf": 8030,
    "HuggingFaceTB/SmolVLM-500M-Instruct": 507,
    "HuggingFaceTB/SmolVLM2-500M-Video-Instruct": 507,
    "HuggingFaceTB/SmolVLM-Instruct": 2250,
    "HuggingFaceM4/Idefics3-8B-Llama3": 8460,
    "google/paligemma2-3b-pt-224": 3030,
    "OpenGVLab/InternVL3-1B-hf": 938,
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_published_size_is_that_of_the_librarys_class(name, tmp_path):
    config = CONFIGS[name]
    AutoConfig.for_model(**config).save_pretrained(tmp_path)
    here = ModelConfig(backend=config["model_type"], path=str(tmp_path))
    assert PUBLISHED[name] == models.size_of(here)


def test_every_decoder_only_model_has_its_configuration_here():
    assert {name for name, size in PUBLISHED.items() if size.decoder_only} == set(CONFIGS)
    assert COUNTED.keys() | ON_THE_CARD.keys() == CONFIGS.keys()
    assert not COUNTED.keys() & ON_THE_CARD.keys()


@pytest.mark.parametrize("name", COUNTED)
def test_all_weights_are_those_that_others_counted(name):
    assert PUBLISHED[name].weights == COUNTED[name]


@pytest.mark.parametrize("name", ON_THE_CARD)
def test_all_weights_are_as_many_as_the_card_says(name):
    assert float(f"{PUBLISHED[name].weights / 1e6:.3g}") == ON_THE_CARD[name]
