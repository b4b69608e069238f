"""Tiny random models of each family: the real classes, every weight and bias random."""

import torch
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipProcessor,
    T5Config,
)

from precompute.demo.model import IMAGE_SIDE, PATCH, build_config, build_processor


def shaken(model, seed=1):
    """Biases start at 0 and norms at 1, which would hide one in the wrong place."""
    model.eval().requires_grad_(False)
    torch.manual_seed(seed)
    for name, weight in model.named_parameters():
        if weight.ndim == 1 or "token" in name or "position_embedding" in name:
            weight.add_(torch.randn_like(weight) * 0.3)
    return model


def blip2(layers=3, width=32):
    """A BLIP-2 with the parts of the demo's InstructBLIP, and its processor."""
    processor = build_processor()
    whole = build_config(processor, layers=layers, width=width).to_dict()
    qformer = whole["qformer_config"] | {"model_type": "blip_2_qformer"}
    config = Blip2Config(
        vision_config=whole["vision_config"] | {"model_type": "blip_2_vision_model"},
        qformer_config=qformer,
        text_config=T5Config(**whole["text_config"]),
        num_query_tokens=whole["num_query_tokens"],
        image_token_index=whole["image_token_index"],
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = Blip2ForConditionalGeneration(config)
    torch.nn.init.normal_(model.query_tokens, std=0.5)
    torch.nn.init.normal_(model.language_model.lm_head.weight, std=0.3)
    with torch.no_grad():
        for weight in (*model.qformer.parameters(), *model.language_projection.parameters()):
            weight.mul_(10)  # as it starts, it hardly looks at the picture
    n_queries = whole["num_query_tokens"]
    mine = Blip2Processor(processor.image_processor, processor.tokenizer, n_queries)
    return shaken(model), mine


def blip(layers=3, width=32):
    """A BLIP with a vocabulary of whole words, and its processor."""
    demo = build_processor()
    bert = demo.qformer_tokenizer
    bert.add_special_tokens({"bos_token": "[DEC]"})
    text = {
        "vocab_size": len(bert), "hidden_size": width, "intermediate_size": 2 * width,
        "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64,
        "bos_token_id": bert.bos_token_id, "eos_token_id": 2,
        "pad_token_id": bert.pad_token_id, "sep_token_id": bert.sep_token_id,
        "initializer_range": 0.3,
    }  # fmt: skip
    vision = {
        "hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": layers,
        "num_attention_heads": 4, "image_size": IMAGE_SIDE, "patch_size": PATCH,
        "initializer_range": 0.2,
    }  # fmt: skip
    torch.manual_seed(0)
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision))
    return shaken(model), BlipProcessor(demo.image_processor, bert)
