import numpy as np
import pytest
import torch
from transformers import InstructBlipForConditionalGeneration, InstructBlipProcessor

from precompute.demo import drawing, evaluate, layer_captions, scenes
from precompute.demo.model import IMAGE_SIDE, N_QUERIES, PATCH, build_processor
from precompute.demo.train import CHECKPOINT
from precompute.demo.vocabulary import CAPTION_PROMPT, WORDS


def load():
    model, report = InstructBlipForConditionalGeneration.from_pretrained(
        CHECKPOINT, output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    return model, InstructBlipProcessor.from_pretrained(CHECKPOINT)


def test_the_checkpoint_is_the_real_architecture_in_small():
    model, processor = load()
    config = model.config
    assert config.vision_config.num_hidden_layers >= 12
    assert config.vision_config.num_attention_heads == 8
    assert config.vision_config.patch_size == PATCH
    assert config.num_query_tokens == processor.num_query_tokens == N_QUERIES
    assert (CHECKPOINT / "model.safetensors").stat().st_size <= 24e6
    assert model.query_tokens.std(1).mean() > 0.05, "queries that are alike would learn alike"


def test_ids_are_those_code_relies_on():
    model, processor = load()
    text = model.config.text_config
    assert (text.pad_token_id, text.decoder_start_token_id, text.eos_token_id) == (0, 0, 1)
    assert processor.tokenizer.convert_tokens_to_ids("<image>") == model.config.image_token_index
    assert len(processor.tokenizer) == text.vocab_size
    unknown = processor.tokenizer.unk_token_id
    assert unknown not in processor.tokenizer.convert_tokens_to_ids(list(WORDS))


def test_the_saved_processor_is_the_built_one(book):
    _, saved = load()
    image = drawing.draw(scenes.Scene(("kite",), "sea", "large"), book, 192).image
    ours, theirs = (
        p(image, CAPTION_PROMPT, return_tensors="pt") for p in (build_processor(), saved)
    )
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=0, atol=0)
    assert tuple(ours["pixel_values"].shape) == (1, 3, IMAGE_SIDE, IMAGE_SIDE)


def test_prompts_reach_both_readers():
    processor = build_processor()
    image = np.zeros((64, 64, 3), np.uint8)
    inputs = processor(image, CAPTION_PROMPT, return_tensors="pt")
    t5 = processor.tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])
    bert = processor.qformer_tokenizer.convert_ids_to_tokens(inputs["qformer_input_ids"][0])
    words = ["a", "short", "image", "caption", "."]
    assert t5 == ["<image>"] * N_QUERIES + [*words, "</s>"]
    assert bert == ["[CLS]", *words, "[SEP]"]


def test_decoding_the_last_state_is_what_generate_says(book):
    model, processor = load()
    rng = np.random.default_rng(0)
    images = [drawing.draw(scenes.sample(rng), book).image for _ in range(4)]
    prompts = [CAPTION_PROMPT] * 4
    words = processor(images=images, text=prompts, return_tensors="pt")
    with torch.inference_mode():
        kept = layer_captions.states(model, words["pixel_values"])
        tokens = layer_captions.decode(model, kept[-1], words)
    assert len(kept) == model.config.vision_config.num_hidden_layers + 1
    ours = processor.tokenizer.batch_decode(tokens, skip_special_tokens=True)
    assert ours == evaluate.generate(model, processor, images, prompts)[0]


def test_the_probability_of_a_caption_is_that_of_its_tokens_in_turn(book):
    """Against a loop that asks the language model for one more token at a time."""
    model, processor = load()
    rng = np.random.default_rng(1)
    images = [drawing.draw(scenes.sample(rng), book).image for _ in range(3)]
    texts, sure = evaluate.generate(model, processor, images, [CAPTION_PROMPT] * 3)
    for image, text, probability in zip(images, texts, sure, strict=True):
        inputs = processor(image, CAPTION_PROMPT, return_tensors="pt")
        total = 0.0
        target = processor.tokenizer(text, return_tensors="pt")["input_ids"][0]
        for k, token in enumerate(target):
            begun = torch.cat([torch.tensor([0]), target[:k]])[None]
            with torch.inference_mode():
                logits = model(**inputs, decoder_input_ids=begun).logits[0, -1]
            total += float(logits.log_softmax(-1)[token])
        assert probability == pytest.approx(np.exp(total), rel=1e-3)
