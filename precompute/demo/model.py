"""A small InstructBLIP of the real architecture, and its processor, built from nothing."""

from typing import Any

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import (
    BlipImageProcessorPil,
    GenerationConfig,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
    PreTrainedTokenizerFast,
    T5Config,
)

from precompute.demo.vocabulary import WORDS

WIDTH = 128
N_QUERIES = 8
IMAGE_SIDE = 96
PATCH = 12
MAX_NEW_TOKENS = 24
_CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
_CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


def _word_level(specials: list[str], template: str, **names: str) -> PreTrainedTokenizerFast:
    """A tokenizer of whole words, whose special tokens come first, in their order."""
    vocabulary = {word: k for k, word in enumerate((*specials, *WORDS))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=names["unk_token"]))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    used = [(name, vocabulary[name]) for name in specials if name in template]
    tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=used)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, padding_side="right", **names
    )


def build_processor() -> InstructBlipProcessor:
    """Make the processor: images squashed to 96 x 96, two word-level tokenizers.

    Ids are those of the real family where code relies on them: T5 pads with 0 and ends with 1.
    """
    t5 = _word_level(
        ["<pad>", "</s>", "<unk>"], "$A </s>",
        pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
    )  # fmt: skip
    bert = _word_level(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], "[CLS] $A [SEP]",
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
    )  # fmt: skip
    size = {"height": IMAGE_SIDE, "width": IMAGE_SIDE}
    images = BlipImageProcessorPil(size=size, image_mean=_CLIP_MEAN, image_std=_CLIP_STD)
    return InstructBlipProcessor(images, t5, bert, num_query_tokens=N_QUERIES)


def build_config(processor: Any, layers: int = 12, width: int = WIDTH) -> InstructBlipConfig:
    """Configure the captioner for a processor's vocabularies.

    Args:
        processor: From `build_processor`.
        layers: Blocks of the vision tower.
        width: Width of tower, Q-Former and language model; a multiple of 8.
    """
    vision = {
        "hidden_size": width,
        "intermediate_size": 3 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 8,
        "image_size": IMAGE_SIDE,
        "patch_size": PATCH,
        "initializer_range": 0.02,
    }
    qformer: dict[str, Any] = {
        "vocab_size": len(processor.qformer_tokenizer),
        "hidden_size": width,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 2 * width,
        "cross_attention_frequency": 1,
        "encoder_hidden_size": width,
        "max_position_embeddings": 32,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    text: dict[str, Any] = {
        "vocab_size": len(processor.tokenizer),
        "d_model": width,
        "d_kv": width // 4,
        "d_ff": 2 * width,
        "num_layers": 2,
        "num_decoder_layers": 2,
        "num_heads": 4,
        "dropout_rate": 0.0,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
        "relative_attention_num_buckets": 16,
        "relative_attention_max_distance": 32,
    }
    whole: dict[str, Any] = {
        "vision_config": vision,
        "qformer_config": qformer,
        "text_config": T5Config(**text),
        "num_query_tokens": N_QUERIES,
        "image_token_index": processor.tokenizer.convert_tokens_to_ids("<image>"),
        "tie_word_embeddings": False,
    }
    return InstructBlipConfig(**whole)


def build_model(config: InstructBlipConfig, seed: int = 0) -> InstructBlipForConditionalGeneration:
    """Make a randomly initialised captioner that decodes greedily by default."""
    torch.manual_seed(seed)
    model = InstructBlipForConditionalGeneration(config)
    # The library starts all queries at zero, where they are alike and would learn alike.
    torch.nn.init.normal_(model.query_tokens, std=0.5)
    # T5's own start gives logits of size 10, which is made for tied embeddings.
    torch.nn.init.normal_(model.language_model.lm_head.weight, std=0.05)
    generation = GenerationConfig(
        max_new_tokens=MAX_NEW_TOKENS, num_beams=1, do_sample=False,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    model.generation_config = generation
    model.language_model.generation_config = generation
    return model
