"""BLIP: certificate, captions of every layer and their log-probabilities, against the library."""

import copy
import json

import pytest
import torch

from precompute.config.settings import PROJECT, DecodeConfig, Generation, ModelConfig, read_config
from precompute.estimate.preflight import require_ready
from precompute.forward.capture import capture
from precompute.forward.decode import decode_layers
from precompute.forward.parity import certificate
from precompute.models import load_captioner
from precompute.models.blip import BlipCaptioner
from precompute.models.captioner import Captioner
from precompute.models.vision import view_tower
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from tests.precompute.models.tiny import blip

PROMPT = "a picture of"


@pytest.fixture(scope="module")
def blip_captioner():
    model, processor = blip()
    return BlipCaptioner(model, processor, view_tower(model.vision_model))


@pytest.fixture(scope="module")
def states(blip_captioner, pictures):
    return capture(blip_captioner.tower, blip_captioner.pixels(pictures)).states


def truncated(model, layer):
    shorter = copy.deepcopy(model)
    shorter.vision_model.encoder.layers = shorter.vision_model.encoder.layers[:layer]
    return shorter


def test_it_is_a_captioner(blip_captioner):
    assert isinstance(blip_captioner, Captioner)
    assert (blip_captioner.tower.n_layers, blip_captioner.tower.n_heads) == (3, 4)


@pytest.mark.parametrize("prompt", [PROMPT, ""])
def test_the_certificate_passes(blip_captioner, pictures, prompt):
    config = DecodeConfig(prompt=prompt, generation=Generation(max_new_tokens=6))
    result = certificate(blip_captioner, pictures, config)
    assert result["passed"], result
    assert result["checks"][-1]["detail"] == "5 of 5 captions equal token for token"


@pytest.mark.parametrize("prompt", [PROMPT, ""])
@pytest.mark.parametrize(
    "generation",
    [
        Generation(max_new_tokens=6),
        Generation(max_new_tokens=5, num_beams=3, repetition_penalty=1.5, min_new_tokens=2),
    ],
)
def test_every_layer_equals_generate_on_a_truncated_tower(
    blip_captioner, pictures, states, prompt, generation
):
    config = DecodeConfig(prompt=prompt, batch_size=7, generation=generation)
    got = decode_layers(blip_captioner, states, config)
    processor = blip_captioner.processor
    inputs = processor(pictures, [prompt] * len(pictures), return_tensors="pt")
    begin = inputs["input_ids"].shape[1] - 1  # without [SEP]
    end = processor.tokenizer.sep_token_id
    output = set()
    for layer, captions in enumerate(got):
        expected = truncated(blip_captioner.model, layer).generate(
            **{name: tensor.clone() for name, tensor in inputs.items()},
            do_sample=False,
            **generation.model_dump(),
        )
        for caption, row in zip(captions, expected.tolist(), strict=True):
            ids = row[begin:]
            assert list(caption.token_ids) == (ids[: ids.index(end) + 1] if end in ids else ids)
            output.add(caption.token_ids)
    assert len(output) > 3, "a model that says one thing would hide a mistake"


def test_logprobs_equal_a_step_by_step_loop_through_the_librarys_forward(
    blip_captioner, pictures, states
):
    config = DecodeConfig(prompt=PROMPT, batch_size=7, generation=Generation(max_new_tokens=6))
    got = decode_layers(blip_captioner, states, config)
    words = blip_captioner.processor.tokenizer(PROMPT)["input_ids"][1:-1]
    begin = [blip_captioner.model.config.text_config.bos_token_id, *words]
    for layer in (0, 2):
        model = truncated(blip_captioner.model, layer)
        for image, picture in enumerate(pictures[:3]):
            pixels = blip_captioner.processor(picture, return_tensors="pt")["pixel_values"]
            for ids, logprob in (
                (got[layer][image].token_ids, got[layer][image].mean_logprob),
                (got[-1][image].token_ids, got[layer][image].final_logprob),
            ):
                prefix, total = list(begin), 0.0
                for token in ids:
                    out = model(pixel_values=pixels, input_ids=torch.tensor([prefix]))
                    total += out.logits[0, -1].log_softmax(-1)[token].item()
                    prefix.append(token)
                assert logprob == pytest.approx(total / len(ids), abs=1e-4)


def test_a_caption_of_ones_own_ends_as_a_models_does(blip_captioner):
    *words, end = blip_captioner.token_ids("a dog")
    assert blip_captioner.text(words) == "a dog"
    assert end == blip_captioner.model.config.text_config.sep_token_id


def test_a_caption_does_not_hold_the_prompt(blip_captioner, states):
    memory = blip_captioner.read(states[-1], PROMPT)
    for ids in blip_captioner.generate(memory, Generation(max_new_tokens=4)):
        assert len(ids) <= 4
        assert blip_captioner.model.config.text_config.bos_token_id not in ids[:1]


def test_it_loads_from_its_folder(blip_captioner, pictures, tmp_path):
    blip_captioner.model.save_pretrained(tmp_path)
    blip_captioner.processor.save_pretrained(tmp_path)
    loaded = load_captioner(ModelConfig(backend="blip", path=str(tmp_path), device="cpu"))
    pixels = blip_captioner.pixels(pictures)
    assert torch.equal(
        loaded.library_final_state(pixels), blip_captioner.library_final_state(pixels)
    )
    generation = Generation(max_new_tokens=4)
    assert loaded.library_captions(pictures, PROMPT, generation) == (
        blip_captioner.library_captions(pictures, PROMPT, generation)
    )
    with pytest.raises(ValueError, match="backend = 'blip'"):
        load_captioner(ModelConfig(path=str(tmp_path), device="cpu"))


def test_other_families_are_sent_to_their_back_end(checkpoint):
    with pytest.raises(ValueError, match="backend = 'huggingface'"):
        load_captioner(ModelConfig(backend="blip", path=str(checkpoint), device="cpu"))


def test_a_folder_of_photographs_from_file_to_tables(blip_captioner, pictures, tmp_path):
    """The shipped configuration for photographs, with a tiny BLIP of random weights."""
    checkpoint, photos = tmp_path / "blip", tmp_path / "photos"
    blip_captioner.model.save_pretrained(checkpoint)
    blip_captioner.processor.save_pretrained(checkpoint)
    photos.mkdir()
    for i, picture in enumerate(pictures):
        picture.save(photos / f"{i}.png")
    config = read_config(PROJECT / "precompute/configs/photos-blip.toml", [
        f"model.path={checkpoint}", f"datasets.0.path={photos}", "model.device=cpu",
        'score.metrics=["exact", "uniqueness"]',
    ])  # fmt: skip
    require_ready(config)
    (plan,) = plan_runs(config)
    with Watch() as watch:
        execute(Job(plan, tmp_path / "results", lambda: load_captioner(config.model), Maker(watch)))
    with open_run(tmp_path / "results", "photos") as run:
        captions = run.table("caption")
        assert len(captions) == len(pictures) * (blip_captioner.tower.n_layers + 1)
        tensors = run.tensors(captions.image_id[0])
        assert tensors.attention.shape == (3, 4, 65)
        assert tensors.summary_state.shape == (4, 32)
    info = json.loads((next((tmp_path / "results").iterdir()) / "run.json").read_text())
    assert info["parity"]["passed"]
    assert info["backend"] == "blip"
