"""CLIP and SigLIP by their words: certificate, states, maps, words of every layer, settings."""

import copy
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.config.settings import Config, DecodeConfig, ModelConfig, TextsConfig
from precompute.forward.capture import capture
from precompute.forward.decode import decode_layers
from precompute.forward.parity import certificate
from precompute.models import CheckpointMissing, load_captioner, with_permuted_tower
from precompute.models.captioner import Captioner
from precompute.models.clip import size_of, size_of_config
from precompute.models.text_space import HasTexts
from tests.precompute.models.tiny_clip import MADE, MOST_TOKENS, TEMPLATE, TEXTS

DECODE = DecodeConfig(prompt=TEMPLATE, batch_size=7)


@pytest.fixture(scope="module")
def coloured():
    """Pictures that differ in more than noise, and in shape."""
    rng = np.random.default_rng(0)
    colours = [(250, 20, 20), (10, 240, 30), (20, 30, 250), (240, 240, 240), (5, 5, 5)]
    made = []
    for i, colour in enumerate(colours):
        noise = rng.integers(-40, 40, (40 + 8 * i, 56, 3))
        made.append(Image.fromarray(np.clip(noise + colour, 0, 255).astype(np.uint8)))
    return made


@pytest.fixture(scope="module", params=MADE)
def reader(request):
    return MADE[request.param]()


@pytest.fixture(scope="module")
def states(reader, coloured):
    return capture(reader.tower, reader.pixels(coloured)).states


def by_the_library(reader, picture, layer, template=TEMPLATE):
    """Log-probabilities of the texts for one picture, by the library's own modules alone.

    The encoder is cut off after a layer; texts and the picture go through it one at a time.
    """
    model = copy.deepcopy(reader.model)
    model.vision_model.encoder.layers = model.vision_model.encoder.layers[:layer]
    pixels = reader.processor.image_processor(picture, return_tensors="pt")["pixel_values"]
    padding = {} if reader.tower.class_token else {"padding": "max_length"}
    logits = []
    for text in reader.texts:
        sentence = template.replace("{}", text)
        ids = reader.processor.tokenizer(
            sentence, max_length=MOST_TOKENS, truncation=True, return_tensors="pt", **padding
        )["input_ids"]
        logits.append(model(input_ids=ids, pixel_values=pixels).logits_per_image.item())
    total = math.log(sum(math.exp(x) for x in logits))
    return [x - total for x in logits]


def test_it_is_a_captioner_with_texts(reader):
    assert isinstance(reader, Captioner) and isinstance(reader, HasTexts)
    assert (reader.tower.n_layers, reader.tower.n_heads, reader.tower.grid) == (3, 4, (4, 4))


def test_the_certificate_passes(reader, coloured):
    result = certificate(reader, coloured, DECODE)
    assert result["passed"], result
    checks = {check["name"]: check for check in result["checks"]}
    assert checks["captions"]["detail"] == "5 of 5 captions equal token for token"
    assert checks["logits"]["value"] < 1e-5


def test_the_certificate_finds_another_scale_or_template(reader, coloured):
    wrong = copy.deepcopy(reader)
    wrong.embedded[TEMPLATE] = reader.text_embeddings("{} in the snow")
    result = certificate(wrong, coloured, DECODE)
    assert not result["passed"]
    assert "logits" in [check["name"] for check in result["checks"] if not check["passed"]]


@pytest.mark.parametrize("template", [TEMPLATE, "{}"])
def test_words_of_every_layer_equal_a_slow_loop_over_the_library(
    reader, coloured, states, template
):
    got = decode_layers(reader, states, DecodeConfig(prompt=template, batch_size=7))
    found = set()
    for image, picture in enumerate(coloured):
        loop = [by_the_library(reader, picture, layer, template) for layer in range(4)]
        final = max(range(len(TEXTS)), key=loop[3].__getitem__)
        for layer, logprobs in enumerate(loop):
            caption = got[layer][image]
            best = max(range(len(TEXTS)), key=logprobs.__getitem__)
            assert caption.token_ids == (best,) and caption.text == TEXTS[best]
            assert caption.mean_logprob == pytest.approx(logprobs[best], abs=1e-4)
            assert caption.final_logprob == pytest.approx(logprobs[final], abs=1e-4)
            found.add(best)
    assert len(found) > 2, "a model that says one thing would hide a mistake"


def test_maps_equal_those_of_a_truncated_library_tower(reader, coloured):
    """CLS's row, or what each patch receives, by the library's eager attention."""
    taken = capture(reader.tower, reader.pixels(coloured))
    vision = copy.deepcopy(reader.model).vision_model
    vision.set_attn_implementation("eager")
    whole = vision(pixel_values=reader.pixels(coloured), output_attentions=True).attentions
    for layer, pattern in enumerate(whole):
        expected = pattern[:, :, 0] if reader.tower.class_token else pattern.mean(2)
        assert torch.allclose(taken.attention[:, layer], expected, atol=1e-5)
        vision.encoder.layers = reader.model.vision_model.encoder.layers[: layer + 1]
        seen = []
        handle = vision.encoder.register_forward_hook(
            lambda _, __, out, seen=seen: seen.append(out.last_hidden_state)
        )
        vision(pixel_values=reader.pixels(coloured))
        handle.remove()
        assert torch.allclose(taken.states[layer + 1], seen[0], atol=1e-4)


def test_a_text_has_its_index_for_tokens(reader):
    assert reader.text(reader.token_ids(TEXTS[1])) == TEXTS[1]
    with pytest.raises(ValueError, match="one of its"):
        reader.token_ids("no such text")


def test_probabilities_sum_to_1_and_siglips_bias_cancels(reader, states):
    memory = reader.read(states[-1], TEMPLATE)
    each = [reader.logprob(memory, [[k]] * len(states[-1])) for k in range(len(TEXTS))]
    assert torch.allclose(torch.stack(each).exp().sum(0), torch.ones(len(states[-1])), atol=1e-5)


def test_texts_are_embedded_once_a_template(reader, states, monkeypatch):
    fresh = type(reader)(reader.model, reader.processor, reader.tower, reader.texts)
    calls = []
    whole = type(reader)._tokens

    def counted(self, prompt):
        calls.append(prompt)
        return whole(self, prompt)

    monkeypatch.setattr(type(reader), "_tokens", counted)
    for state in states:
        fresh.read(state, TEMPLATE)
    assert calls == [TEMPLATE]


def test_a_floor_is_another_tower_before_the_same_texts(reader, coloured):
    permuted = with_permuted_tower(reader, seed=0)
    assert permuted.text_embeddings(TEMPLATE) is reader.text_embeddings(TEMPLATE)
    pixels = reader.pixels(coloured)
    ours = permuted.read(capture(permuted.tower, pixels).states[-1], TEMPLATE).hidden
    theirs = reader.read(capture(reader.tower, pixels).states[-1], TEMPLATE).hidden
    assert not torch.allclose(ours, theirs, atol=1e-2)


def test_a_text_that_the_model_would_cut_off_is_refused(reader):
    long = type(reader)(reader.model, reader.processor, reader.tower, ("cat", "a" * 200))
    with pytest.raises(ValueError, match=f"at most {MOST_TOKENS} tokens"):
        long.text_embeddings(TEMPLATE)


def test_it_loads_from_its_folder(reader, coloured, tmp_path):
    reader.model.save_pretrained(tmp_path)
    reader.processor.save_pretrained(tmp_path)
    words = tmp_path / "words.txt"
    words.write_text("\n".join(TEXTS), encoding="utf-8")
    texts = TextsConfig(list="file", path=str(words))
    loaded = load_captioner(
        ModelConfig(backend="clip", path=str(tmp_path), device="cpu", texts=texts)
    )
    assert loaded.texts == TEXTS
    assert torch.equal(loaded.pixels(coloured), reader.pixels(coloured))
    state = reader.library_final_state(reader.pixels(coloured))
    assert torch.equal(loaded.library_final_state(loaded.pixels(coloured)), state)
    assert torch.equal(loaded.read(state, TEMPLATE).hidden, reader.read(state, TEMPLATE).hidden)
    size = size_of(tmp_path)
    assert size.weights == sum(weight.numel() for weight in reader.model.parameters())
    assert size == size_of_config(reader.model.config)
    assert (size.class_token, size.grid) == (reader.tower.class_token, reader.tower.grid)
    with pytest.raises(ValueError, match="one device"):
        load_captioner(
            ModelConfig(backend="clip", path=str(tmp_path), device="cpu", gpus=2, texts=texts)
        )


def test_a_tokenizer_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    """As the library does where sentencepiece is not there, and as it may be here."""
    reader = MADE["siglip"]()
    reader.model.save_pretrained(tmp_path)
    reader.processor.save_pretrained(tmp_path)

    def without(*_, **__):
        raise ImportError("SiglipTokenizer requires the SentencePiece library")

    monkeypatch.setattr(type(reader.processor), "from_pretrained", without)
    with pytest.raises(CheckpointMissing, match="pip install sentencepiece"):
        load_captioner(
            ModelConfig(backend="clip", path=str(tmp_path), device="cpu", texts=TextsConfig())
        )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model_type": "siglip2"}, "NaFlex"),
        ({"model_type": "blip"}, "expected a checkpoint of clip or siglip"),
        ({"model_type": "siglip", "vision_config": {"vision_use_head": False}}, "pools its patch"),
    ],
)
def test_what_is_not_read_says_why(content, message, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        load_captioner(
            ModelConfig(backend="clip", path=str(tmp_path), device="cpu", texts=TextsConfig())
        )


SETTINGS = {
    "model": {"backend": "clip", "path": "x", "texts": {"list": "classes"}},
    "datasets": [{"name": "x", "kind": "imagenet", "path": "x"}],
    "decode": {"prompt": TEMPLATE},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"backend": "clip", "path": "x"}}, "needs one"),
        ({"model": SETTINGS["model"] | {"backend": "blip"}}, "of no other"),
        ({"decode": {"prompt": "a photo of"}}, "once"),
        ({"decode": {"prompt": TEMPLATE, "generation": {"num_beams": 3}}}, "nothing is generated"),
        ({"questions": {}}, "no language model"),
        ({"inner_words": {}}, "no language model"),
        ({"model": SETTINGS["model"] | {"texts": {"list": "file"}}}, "needs a path"),
        ({"model": SETTINGS["model"] | {"texts": {"list": "nouns", "path": "x"}}}, "has none"),
        ({"model": {"path": "x"}, "head_texts": {}}, "alone, which has texts"),
    ],
)
def test_settings_that_mean_nothing_are_refused(change, message):
    Config.model_validate(SETTINGS)
    with pytest.raises(ValueError, match=message):
        Config.model_validate(SETTINGS | change)
