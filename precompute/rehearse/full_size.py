"""Models of published shapes with random weights: nothing is downloaded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    AutoConfig,
    GenerationConfig,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    T5Config,
)

from precompute.demo.model import build_processor
from precompute.models import Captioner
from precompute.models.huggingface import HuggingFaceCaptioner
from precompute.models.idefics3 import Idefics3Captioner
from precompute.models.llava_onevision import LlavaOnevisionCaptioner
from precompute.models.qwen3_vl import Qwen3VLCaptioner
from precompute.models.vision import view_tower
from precompute.rehearse import processors
from precompute.rehearse.filling import filled
from precompute.rehearse.published import CONFIGS


@dataclass(frozen=True)
class Rehearsal:
    """A model to rehearse.

    Attributes:
        title: its name in words.
        build: makes it, of weights of a dtype, with a processor of the right shape and few words.
        shape: of its tower: layers, heads, tokens, width.
        side: of a picture as the tower takes it, in pixels.
    """

    title: str
    build: Callable[[torch.dtype], Captioner]
    shape: tuple[int, int, int, int]
    side: int


def instructblip_config(processor: Any) -> InstructBlipConfig:
    """That of InstructBLIP Flan-T5-XL for the tokens of a processor."""
    language = T5Config(
        vocab_size=32128, d_model=2048, d_ff=5120, d_kv=64, num_heads=32, num_layers=24,
        num_decoder_layers=24, feed_forward_proj="gated-gelu", tie_word_embeddings=False,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    return InstructBlipConfig(
        vision_config={},  # the classes' defaults are the published dimensions
        qformer_config={"vocab_size": 30523},
        text_config=language,
        num_query_tokens=32,
        image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
        tie_word_embeddings=False,
    )


def _instructblip(dtype: torch.dtype) -> Captioner:
    processor = build_processor()
    config = instructblip_config(processor)
    processor.num_query_tokens = config.num_query_tokens
    side = config.vision_config.image_size
    processor.image_processor.size = {"height": side, "width": side}
    model = filled(InstructBlipForConditionalGeneration, config, dtype)
    return HuggingFaceCaptioner(model, processor, view_tower(model.vision_model))


def _smolvlm(dtype: torch.dtype) -> Captioner:
    processor = processors.smolvlm(512, 64)
    name = "HuggingFaceTB/SmolVLM-256M-Instruct"
    return _of_family(Idefics3Captioner, name, processor, _image_token(processor), dtype)


def _llava_onevision(dtype: torch.dtype) -> Captioner:
    processor = processors.llava_onevision(384, 729)
    more = _image_token(processor) | {
        "video_token_id": processor.tokenizer.convert_tokens_to_ids("<video>"),
        "image_grid_pinpoints": processors.pinpoints(384),
    }
    name = "llava-hf/llava-onevision-qwen2-0.5b-ov-hf"
    return _of_family(LlavaOnevisionCaptioner, name, processor, more, dtype)


def _qwen3_vl(dtype: torch.dtype) -> Captioner:
    processor, name = processors.qwen_vl(16), "Qwen/Qwen3-VL-2B-Instruct"
    tokens = processors.qwen_tokens(processor)
    return _of_family(Qwen3VLCaptioner, name, processor, tokens, dtype)


def _image_token(processor: Any) -> dict[str, int]:
    return {"image_token_id": processor.tokenizer.convert_tokens_to_ids("<image>")}


def _of_family(
    family: Any, name: str, processor: Any, more: dict[str, Any], dtype: torch.dtype
) -> Captioner:
    published = CONFIGS[name]
    ends = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": None}
    text = published["text_config"] | ends
    config = AutoConfig.for_model(**(published | more | {"text_config": text}))
    model = filled(family.model_class, config, dtype)
    model.generation_config = GenerationConfig(pad_token_id=0, eos_token_id=1)
    captioner: Captioner = family(model, processor, family.view(model))
    return captioner


MODELS = {
    "instructblip": Rehearsal(
        "InstructBLIP Flan-T5-XL", _instructblip, (39, 16, 1 + 16**2, 1408), 224
    ),
    "smolvlm-256m": Rehearsal("SmolVLM 256M", _smolvlm, (12, 12, 32**2, 768), 512),
    "llava-onevision-0.5b": Rehearsal(
        "LLaVA-OneVision 0.5B", _llava_onevision, (26, 16, 27**2, 1152), 384
    ),
    "qwen3-vl-2b": Rehearsal("Qwen3-VL 2B", _qwen3_vl, (24, 16, 28**2, 1024), 448),
}
