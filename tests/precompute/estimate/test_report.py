"""What a run would cost, without its model, and held against what it did cost."""

import pytest
import torch
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    BlipConfig,
    BlipForConditionalGeneration,
    CLIPConfig,
    CLIPModel,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    T5Config,
)

from precompute import models
from precompute.config.settings import PROJECT, Generation, read_config
from precompute.estimate.cost import A100, array_bytes, caption_seconds, decoder_bytes
from precompute.estimate.published import PUBLISHED
from precompute.estimate.report import describe
from precompute.models import blip, clip, huggingface

CONFIGS = PROJECT / "precompute/configs"


def t5(d_model, d_ff, heads):
    return T5Config(
        vocab_size=32128, d_model=d_model, d_ff=d_ff, d_kv=64, num_heads=heads, num_layers=24,
        num_decoder_layers=24, feed_forward_proj="gated-gelu", tie_word_embeddings=False,
    )  # fmt: skip


@pytest.mark.parametrize(("end", "text"), [("xl", (2048, 5120, 32)), ("xxl", (4096, 10240, 64))])
@pytest.mark.parametrize("family", ["instructblip", "blip2"])
def test_published_sizes_are_those_of_the_librarys_classes(family, end, text):
    if family == "blip2":
        config = Blip2Config(text_config=t5(*text), tie_word_embeddings=False)
        made = huggingface.size_of_config(Blip2ForConditionalGeneration, config)
    else:
        config = InstructBlipConfig(
            text_config=t5(*text), qformer_config={"vocab_size": 30523}, tie_word_embeddings=False
        )
        made = huggingface.size_of_config(InstructBlipForConditionalGeneration, config)
    assert PUBLISHED[f"Salesforce/{family}-flan-t5-{end}"] == made


@pytest.mark.parametrize(("end", "vision"), [
    ("base", {}),
    ("large", {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
               "num_attention_heads": 16}),
])  # fmt: skip
def test_published_sizes_of_blip(end, vision):
    config = BlipConfig(vision_config=vision)
    size = PUBLISHED[f"Salesforce/blip-image-captioning-{end}"]
    assert size == blip.size_of_config(config)
    with torch.device("meta"):
        model = BlipForConditionalGeneration(config)
    assert size.weights == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(("name", "config"), [
    ("base-patch32", {}),
    ("large-patch14", {
        "vision_config": {"hidden_size": 1024, "intermediate_size": 4096, "patch_size": 14,
                          "num_hidden_layers": 24, "num_attention_heads": 16},
        "text_config": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
        "projection_dim": 768,
    }),
])  # fmt: skip
def test_published_sizes_of_clip(name, config):
    config = CLIPConfig(**config)
    size = PUBLISHED[f"openai/clip-vit-{name}"]
    assert size == clip.size_of_config(config)
    with torch.device("meta"):
        model = CLIPModel(config)
    assert size.weights == sum(weight.numel() for weight in model.parameters())


def test_a_nearest_text_takes_one_step_however_long_captions_may_be():
    size = PUBLISHED["openai/clip-vit-base-patch32"]
    times = [caption_seconds(size, Generation(max_new_tokens=n), 64, A100, 4) for n in (1, 30)]
    assert times[0] == times[1]


def test_a_local_models_size_is_read_off_its_configuration(config, captioner):
    size = models.size_of(config.model)
    tower = captioner.tower
    assert (size.n_layers, size.n_heads, size.grid) == (tower.n_layers, tower.n_heads, tower.grid)
    assert (size.n_tokens, size.width) == (tower.n_tokens, tower.width)
    assert size.weights == sum(weight.numel() for weight in captioner.model.parameters())


def test_the_arrays_of_an_image_are_the_designs_321_kilobytes_each():
    """39 x 16 x 257 numbers in float16, twice, and the norms of 40 x 257 tokens."""
    size = PUBLISHED["Salesforce/instructblip-flan-t5-xl"]
    assert array_bytes(size, cls_state=False) == 2 * 320_736 + 2 * 40 * 257


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.toml")))
def test_every_configuration_has_a_plan_without_weights_or_data(name, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "load_captioner", None)
    messages = describe(read_config(CONFIGS / f"{name}.toml"), tmp_path / "none")
    for word in ("images  ", "captions", "disk", "memory", "time", "assuming"):
        assert word in messages
    assert not (tmp_path / "none").exists()
    if name in ("whoops", "whoops-blip2-xxl"):
        assert "500 in 32 parts; 500 to do; the data set's published size" in messages
        assert "as published; it is not on this machine: 39 layers x 16 heads" in messages
        assert "40 an image by capture" in messages
        assert "capture                           20,000 captions" in messages
        assert " on 1 GPU, " in messages
        assert " on 8 GPUs; one worker does 0." in messages


def test_a_model_of_two_gpus_has_four_workers_on_eight(tmp_path):
    config = read_config(CONFIGS / "whoops-blip2-xxl.toml", ["model.gpus=2"])
    messages = describe(config, tmp_path)
    assert "on 2 GPUs: 24.2 GB weights in bfloat16" in messages
    assert " on 1 GPU" not in messages
    assert "one worker every 2 GPUs" in messages


def test_an_unknown_model_that_is_not_here_has_no_plan(config, tmp_path):
    wrong = config.model_copy(
        update={"model": config.model.model_copy(update={"path": "nobody/nothing"})}
    )
    with pytest.raises(ValueError, match=r"Salesforce/instructblip-flan-t5-xl.*hf download nobody"):
        describe(wrong, tmp_path)


def test_images_that_are_done_are_not_to_do(config, run, tmp_path):
    assert "6 in 3 parts; 6 to do" in describe(config, tmp_path)
    run(tmp_path)
    assert "6 in 3 parts; 0 to do" in describe(config, tmp_path)


def test_more_work_takes_longer_and_needs_more():
    config = read_config(CONFIGS / "whoops.toml")
    xl, xxl = (PUBLISHED[f"Salesforce/instructblip-flan-t5-{end}"] for end in ("xl", "xxl"))
    greedy = read_config(CONFIGS / "whoops.toml", ["decode.generation.num_beams=1"])

    def seconds(size, values):
        return caption_seconds(size, values.decode.generation, values.decode.batch_size, A100, 2)

    assert seconds(xxl, greedy) < seconds(xxl, config)
    assert seconds(xl, config) < seconds(xxl, config)
    assert decoder_bytes(xl, greedy, 2) < decoder_bytes(xl, config, 2)
    # Keys and values of 64 states x 5 beams over 24 layers of 2 x 2048 in bfloat16, 120 tokens.
    assert decoder_bytes(xl, config, 2) > 64 * 5 * 24 * 2 * 2048 * 2 * 120
