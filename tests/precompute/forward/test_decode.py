"""Captions of every layer against a loop that truncates the tower and asks the library."""

import copy

import pytest
import torch

from precompute.config.settings import PROJECT, DecodeConfig, Generation, local_path, read_config
from precompute.forward.capture import capture
from precompute.forward.decode import decode_layers
from precompute.images import load
from precompute.models import load_captioner

PROMPT = "a short image caption."


def truncated(model, layer):
    """The library's model with the blocks above `layer` taken out."""
    shorter = copy.deepcopy(model)
    shorter.vision_model.encoder.layers = shorter.vision_model.encoder.layers[:layer]
    return shorter


@pytest.mark.parametrize(
    "generation",
    [
        Generation(max_new_tokens=6),
        Generation(max_new_tokens=5, num_beams=3, repetition_penalty=1.5, min_new_tokens=2),
    ],
)
@pytest.mark.parametrize("batch_size", [3, 5, 100])
def test_every_layer_equals_generate_on_a_truncated_tower(
    captioner, pictures, pixels, generation, batch_size
):
    config = DecodeConfig(prompt=PROMPT, batch_size=batch_size, generation=generation)
    got = decode_layers(captioner, capture(captioner.tower, pixels).states, config)
    inputs = captioner.processor(pictures, [PROMPT] * len(pictures), return_tensors="pt")
    for layer, captions in enumerate(got):
        expected = truncated(captioner.model, layer).generate(
            **inputs, do_sample=False, **generation.model_dump()
        )
        for caption, row in zip(captions, expected.tolist(), strict=True):
            ids = row[1:]
            assert list(caption.token_ids) == (ids[: ids.index(1) + 1] if 1 in ids else ids)
            words = captioner.processor.batch_decode([row], skip_special_tokens=True)[0]
            assert caption.text == words.strip()


def test_logprobs_equal_a_step_by_step_loop_through_the_librarys_forward(
    captioner, pictures, pixels
):
    config = DecodeConfig(prompt=PROMPT, batch_size=7, generation=Generation(max_new_tokens=6))
    got = decode_layers(captioner, capture(captioner.tower, pixels).states, config)
    for layer in (0, 2):
        model = truncated(captioner.model, layer)
        for image, picture in enumerate(pictures[:2]):
            inputs = captioner.processor(picture, PROMPT, return_tensors="pt")
            for ids, logprob in (
                (got[layer][image].token_ids, got[layer][image].mean_logprob),
                (got[-1][image].token_ids, got[layer][image].final_logprob),
            ):
                prefix, total = [0], 0.0
                for token in ids:
                    logits = model(**inputs, decoder_input_ids=torch.tensor([prefix])).logits
                    total += logits[0, -1].log_softmax(-1)[token].item()
                    prefix.append(token)
                assert logprob == pytest.approx(total / len(ids), abs=1e-4)


def test_the_last_layers_final_logprob_is_its_own(captioner, pixels):
    config = DecodeConfig(prompt=PROMPT, batch_size=4, generation=Generation(max_new_tokens=4))
    for caption in decode_layers(captioner, capture(captioner.tower, pixels).states, config)[-1]:
        assert caption.final_logprob == caption.mean_logprob


def test_the_demos_captions_token_for_token_in_all_its_layers():
    """The shipped captioner on shipped pictures, read as the demo reads them."""
    config = read_config(PROJECT / "precompute/configs/demo.toml")
    captioner = load_captioner(config.model)
    items = load("whoops", local_path(config.datasets[0].path))[:12]
    pictures = [item.open() for item in items]
    states = capture(captioner.tower, captioner.pixels(pictures)).states
    got = decode_layers(captioner, states, config.decode)
    assert len(got) == captioner.tower.n_layers + 1 >= 13

    prompts = [config.decode.prompt] * len(pictures)
    inputs = captioner.processor(pictures, prompts, return_tensors="pt")
    for layer, captions in enumerate(got):
        expected = truncated(captioner.model, layer).generate(
            **inputs, do_sample=False, **config.decode.generation.model_dump()
        )
        for caption, row in zip(captions, expected.tolist(), strict=True):
            assert list(caption.token_ids) == row[1 : row.index(1) + 1], layer
    right = sum(c.text == i.references[0] for c, i in zip(got[-1], items, strict=True))
    assert right >= 6, "the shipped captioner names what it was trained to name"
