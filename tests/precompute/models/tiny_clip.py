"""A tiny random CLIP and SigLIP: the real classes, every weight and bias random."""

import string

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPProcessor,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipModel,
    SiglipProcessor,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from precompute.models.clip import ClipCaptioner, view
from tests.precompute.models.tiny import shaken

TEXTS = ("cat", "dog", "a red kite", "penguin", "snow", "library", "moon", "tractor", "king crab")
TEMPLATE = "a photo of a {}."
MOST_TOKENS = 96
_CHARACTERS = string.ascii_lowercase + string.digits + " .,'-"
_SHARED = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "initializer_range": 0.2,
}


def tokenizer():
    """Characters as tokens, so that every text is another."""
    vocabulary = {token: i for i, token in enumerate(["<pad>", "</s>", "<s>", "<unk>"])}
    vocabulary |= {c: i for i, c in enumerate(_CHARACTERS, len(vocabulary))}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        eos_token="</s>",
        bos_token="<s>",
        unk_token="<unk>",
        model_input_names=["input_ids", "attention_mask"],
    )


def _configs(words, **vision):
    text = _SHARED | {
        "vocab_size": len(words),
        "max_position_embeddings": MOST_TOKENS,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
    }
    return {
        "text_config": text,
        "vision_config": _SHARED | {"image_size": 32, "patch_size": 8} | vision,
    }


def clip(texts=TEXTS):
    """A CLIP of 16 patches and CLS; its image embeddings have fewer numbers than its states."""
    words = tokenizer()
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(**_configs(words), projection_dim=24))
    size = {"height": 32, "width": 32}
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=size)
    return _captioner(model, CLIPProcessor(images, words), texts)


def siglip(texts=TEXTS):
    """A SigLIP of 16 patches without CLS."""
    words = tokenizer()
    words.model_input_names = ["input_ids"]  # as its own tokenizer has it
    torch.manual_seed(0)
    config = _configs(words)
    config["text_config"]["projection_size"] = 32
    model = SiglipModel(SiglipConfig(**config))
    images = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    return _captioner(model, SiglipProcessor(images, words), texts)


def _captioner(model, processor, texts):
    shaken(model)
    vision, text = model.vision_model, model.text_model
    with torch.no_grad():
        model.logit_scale.fill_(3.0)
        # As it starts, all pictures look alike to it, and all texts.
        vision.embeddings.patch_embedding.weight.mul_(20)
        for layer in vision.encoder.layers:
            layer.self_attn.v_proj.weight.mul_(4)
        for norm in (vision.post_layernorm, text.final_layer_norm):
            norm.bias.mul_(0.1)
    return ClipCaptioner(model, processor, view(model), tuple(texts))


MADE = {"clip": clip, "siglip": siglip}
