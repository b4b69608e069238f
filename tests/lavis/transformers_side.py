"""The half of the cross-check that runs under transformers 5: `python -m ... FOLDER`.

Writes the models in LAVIS's files, and what transformers makes of the small one.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import Blip2Config, Blip2ForConditionalGeneration

from precompute.config.settings import ModelConfig
from precompute.models import load_captioner
from precompute.models.huggingface import HuggingFaceCaptioner
from precompute.models.vision import view_tower
from tests.lavis.convert import save
from tests.lavis.numbers import GREEDY, PROMPT, demo_tokens, numbers, pictures
from tests.precompute.models.tiny import blip2


def as_lavis_computes(model):
    """Set equal what the two libraries set differently: a norm's eps and T5's activation.

    The output layer gets weights of its own, as Flan-T5's has, and the heads' attention is made
    to differ from an even one, which would hide a mistake.
    """
    for layer in model.vision_model.encoder.layers:
        layer.self_attn.qkv.weight.mul_(15)
    head = model.language_model.lm_head
    head.weight = nn.Parameter(torch.randn_like(head.weight) * 0.3, requires_grad=False)
    model.vision_model.post_layernorm.eps = 1e-5
    for stack in (model.language_model.encoder, model.language_model.decoder):
        for block in stack.block:
            block.layer[-1].DenseReluDense.act = nn.GELU()
    return model


@torch.inference_mode()
def by_the_library(model, processor):
    """States, CLS patterns and captions by transformers alone."""
    inputs = processor(pictures(), [PROMPT] * 5, return_tensors="pt")
    tokens = model.generate(**inputs, do_sample=False, **GREEDY.generation.model_dump())
    model.vision_model.set_attn_implementation("eager")
    out = model.vision_model(
        inputs["pixel_values"], output_hidden_states=True, output_attentions=True
    )
    model.vision_model.set_attn_implementation("sdpa")
    return {
        "library_states": torch.stack(out.hidden_states).numpy(),
        "library_cls_pattern": torch.stack(out.attentions, 1)[:, :, :, 0].numpy(),
        "library_tokens": tokens.numpy(),
    }


def demo_as_blip2(whole):
    """The demo's captioner without its Q-Former's instruction, which PyPI's LAVIS does not have."""
    config = whole.config.to_dict()
    model = Blip2ForConditionalGeneration(
        Blip2Config(
            vision_config=config["vision_config"] | {"model_type": "blip_2_vision_model"},
            qformer_config=config["qformer_config"] | {"model_type": "blip_2_qformer"},
            text_config=whole.config.text_config,
            num_query_tokens=config["num_query_tokens"],
            tie_word_embeddings=False,
        )
    )
    weights = {
        name.replace("qformer.embeddings.layernorm", "qformer.layernorm"): weight
        for name, weight in whole.state_dict().items()
    }
    missing = model.load_state_dict(weights, strict=False).missing_keys
    assert not missing, missing
    return model


def main(folder):
    """Write `small`, `demo` and `instruct`, and transformers.npz."""
    model, processor = blip2()
    model = as_lavis_computes(model)
    save(model, processor.tokenizer, folder / "small")
    captioner = HuggingFaceCaptioner(model, processor, view_tower(model.vision_model))
    demo = load_captioner(ModelConfig(path="precompute/demo/checkpoint", device="cpu"))
    by_library = by_the_library(model, processor)
    np.savez(
        folder / "transformers.npz",
        **numbers(captioner),
        **by_library,
        demo_tokens=demo_tokens(demo),
    )
    words, instruction = demo.processor.tokenizer, demo.processor.qformer_tokenizer
    save(demo_as_blip2(demo.model), words, folder / "demo")
    save(demo.model, words, folder / "instruct", instruction)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
