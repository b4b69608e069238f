"""BLIP-2, and what differs between checkpoints of the two families that have a Q-Former."""

import copy
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from precompute.config.settings import DecodeConfig, Generation, ModelConfig
from precompute.forward.capture import capture
from precompute.forward.decode import decode_layers
from precompute.forward.parity import certificate
from precompute.models import load_captioner
from precompute.models.huggingface import HuggingFaceCaptioner
from precompute.models.vision import view_tower
from tests.precompute.models.tiny import blip2

PROMPT = "a short image caption."
CONFIG = DecodeConfig(prompt=PROMPT, batch_size=7, generation=Generation(max_new_tokens=6))


@pytest.fixture(scope="module")
def blip2_captioner():
    model, processor = blip2()
    return HuggingFaceCaptioner(model, processor, view_tower(model.vision_model))


@pytest.fixture(scope="module", params=["blip2_captioner", "captioner"])
def saved(request, tmp_path_factory):
    """A checkpoint of each family, in today's layout, and its captioner."""
    captioner = request.getfixturevalue(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    captioner.model.save_pretrained(folder)
    captioner.processor.save_pretrained(folder)
    return folder, captioner


def load(folder):
    return load_captioner(ModelConfig(path=str(folder), device="cpu"))


def edit(path, **values):
    content = json.loads(path.read_text())
    for name, value in values.items():
        content.pop(name, None) if value is None else content.update({name: value})
    path.write_text(json.dumps(content))


def test_the_certificate_passes(blip2_captioner, pictures):
    result = certificate(blip2_captioner, pictures, CONFIG)
    assert result["passed"], result
    assert result["checks"][-1]["detail"] == "5 of 5 captions equal token for token"


@pytest.mark.parametrize("num_beams", [1, 3])
def test_every_layer_equals_generate_on_a_truncated_tower(blip2_captioner, pictures, num_beams):
    generation = Generation(max_new_tokens=6, num_beams=num_beams)
    config = CONFIG.model_copy(update={"generation": generation})
    states = capture(blip2_captioner.tower, blip2_captioner.pixels(pictures)).states
    got = decode_layers(blip2_captioner, states, config)
    inputs = blip2_captioner.processor(pictures, [PROMPT] * len(pictures), return_tensors="pt")
    output = set()
    for layer, captions in enumerate(got):
        model = copy.deepcopy(blip2_captioner.model)
        model.vision_model.encoder.layers = model.vision_model.encoder.layers[:layer]
        rows = model.generate(**inputs, do_sample=False, **generation.model_dump()).tolist()
        for caption, row in zip(captions, rows, strict=True):
            ids = row[1:]
            assert list(caption.token_ids) == (ids[: ids.index(1) + 1] if 1 in ids else ids)
            output.add(caption.token_ids)
    assert len(output) > 3, "a model that says one thing would hide a mistake"


def test_the_q_former_of_blip2_reads_no_instruction(blip2_captioner, captioner, pixels):
    state = blip2_captioner.tower.embed(pixels)
    one, other = (blip2_captioner._queries(state, text) for text in (PROMPT, "a cat"))
    assert torch.equal(one, other)
    one, other = (captioner._queries(state, text) for text in (PROMPT, "a cat"))
    assert not torch.equal(one, other)


@pytest.mark.parametrize("layout", ["today's", "without counts", "files of 2023"])
def test_checkpoints_of_all_ages_give_the_same_captions(saved, pictures, tmp_path, layout):
    folder, captioner = saved
    old = shutil.copytree(folder, tmp_path / "old")
    if layout != "today's":
        edit(old / "config.json", num_query_tokens=8, image_token_index=None)
        edit(old / "processor_config.json", num_query_tokens=None)
    if layout == "files of 2023":
        processor = json.loads((old / "processor_config.json").read_text())
        images = processor["image_processor"]
        kind = processor["processor_class"]
        images |= {"image_processor_type": "BlipImageProcessor", "processor_class": kind}
        (old / "preprocessor_config.json").write_text(json.dumps(images))
        (old / "processor_config.json").unlink()
    loaded = load(old)
    assert loaded.processor.num_query_tokens == 8
    assert certificate(loaded, pictures, CONFIG)["passed"]
    generation = CONFIG.generation
    assert loaded.library_captions(pictures, PROMPT, generation) == (
        captioner.library_captions(pictures, PROMPT, generation)
    )


def test_a_prompt_has_one_image_token_a_query(saved):
    _, captioner = saved
    rows = captioner._prompt(PROMPT, 2)["input_ids"]
    assert (rows == captioner.model.config.image_token_id).sum(1).tolist() == [8, 8]


def test_an_image_token_elsewhere_is_refused(saved, tmp_path):
    wrong = shutil.copytree(saved[0], tmp_path / "wrong")
    edit(wrong / "config.json", image_token_index=3)
    with pytest.raises(ValueError, match="expected the tokenizer's <image> at id 3"):
        load(wrong)


def test_a_missing_weight_is_not_filled_with_noise(saved, tmp_path):
    cut = shutil.copytree(saved[0], tmp_path / "cut")
    weights = load_file(cut / "model.safetensors")
    del weights["query_tokens"]
    save_file(weights, cut / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="1 are not there: query_tokens"):
        load(cut)


def test_in_bfloat16_it_loads_and_reads(saved, pictures):
    """Names of dtypes meet in the Q-Former, which the library once kept in float32."""
    loaded = load_captioner(ModelConfig(path=str(saved[0]), device="cpu", dtype="bfloat16"))
    assert loaded.tower.dtype == loaded.model.query_tokens.dtype == torch.bfloat16
    checks = certificate(loaded, pictures, CONFIG)["checks"]
    assert all(check["passed"] for check in checks[:3]), checks
    memory = loaded.read(loaded.tower.embed(loaded.pixels(pictures)), PROMPT)
    assert memory.hidden.dtype == torch.bfloat16
    assert loaded.logprob(memory, [[5, 6, 1]] * 5).isfinite().all()
