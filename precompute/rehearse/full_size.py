"""An InstructBLIP Flan-T5-XL of the published shape with random weights: nothing is downloaded."""

from typing import Any

import torch
from transformers import InstructBlipConfig, InstructBlipForConditionalGeneration, T5Config

from precompute.demo.model import build_processor
from precompute.models.huggingface import HuggingFaceCaptioner
from precompute.models.vision import view_tower

_NOISE = 1_048_583
"""Random numbers that are made; the weights repeat them. A prime, so that no rows are alike."""


def build(dtype: torch.dtype, **text: int) -> HuggingFaceCaptioner:
    """Make the captioner, with a processor of the right shape and few words.

    Args:
        dtype: of the weights.
        text: dimensions of the language model to change, e.g. `num_layers`, for tests.
    """
    processor = build_processor()
    config = _config(processor, text)
    processor.num_query_tokens = config.num_query_tokens
    side = config.vision_config.image_size
    processor.image_processor.size = {"height": side, "width": side}
    with torch.device("meta"):
        model = InstructBlipForConditionalGeneration(config).to(dtype)
    model.set_attn_implementation("sdpa")
    model = _filled(model).eval().requires_grad_(False)
    return HuggingFaceCaptioner(model, processor, view_tower(model.vision_model))


def _config(processor: Any, text: dict[str, int]) -> InstructBlipConfig:
    language: dict[str, Any] = {
        "vocab_size": 32128, "d_model": 2048, "d_ff": 5120, "d_kv": 64, "num_heads": 32,
        "num_layers": 24, "num_decoder_layers": 24, "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False, "pad_token_id": 0, "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }  # fmt: skip
    return InstructBlipConfig(
        vision_config={},  # the classes' defaults are the published dimensions
        qformer_config={"vocab_size": 30523},
        text_config=T5Config(**(language | text)),
        num_query_tokens=32,
        image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
        tie_word_embeddings=False,
    )


@torch.no_grad()
def _filled(model: Any) -> Any:
    """Give a model without memory its memory, and fill it quickly.

    Norms start at 1 and biases at 0, all else is noise of a trained model's size: what the states
    are does not matter, that they stay finite does.
    """
    once = torch.randn(_NOISE, generator=torch.Generator().manual_seed(0)) * 0.02
    noise = once.to(model.dtype).repeat(2)
    model = model.to_empty(device="cpu")
    model.tie_weights()
    start = 0
    for name, weight in model.named_parameters():
        if weight.ndim == 1:
            weight.fill_(0.0 if name.endswith("bias") else 1.0)
            continue
        flat = weight.view(-1)
        for at in range(0, len(flat), _NOISE):
            piece = flat[at : at + _NOISE]
            piece.copy_(noise[start : start + len(piece)])
        start = (start + 7919) % _NOISE  # another weight, other noise
    for name, buffer in model.named_buffers():
        assert name.endswith("position_ids"), f"no rule to fill the buffer {name}"
        buffer.copy_(torch.arange(buffer.shape[-1]).expand(buffer.shape))
    return model
