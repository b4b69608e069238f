"""Tiny random models of the families with a decoder-only language model, and their processors.

The real classes of transformers, every weight and bias random; words are those of the demo.
"""

import torch
from transformers import AutoConfig, GenerationConfig

from precompute.models.family import without_video
from precompute.models.gemma3 import Gemma3Captioner
from precompute.models.idefics3 import Idefics3Captioner
from precompute.models.internvl import InternVLCaptioner
from precompute.models.llava import LlavaCaptioner
from precompute.models.llava_onevision import LlavaOnevisionCaptioner
from precompute.models.paligemma import PaliGemmaCaptioner
from precompute.models.qwen2_5_vl import Qwen25VLCaptioner
from precompute.models.qwen3_vl import Qwen3VLCaptioner
from precompute.models.smolvlm import SmolVLMCaptioner
from precompute.rehearse import processors
from precompute.rehearse.processors import PLAIN, image_processor, tokenizer
from tests.precompute.models.tiny import shaken

WIDTH, LAYERS, HEADS = 32, 3, 4
_TEXT = {
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,
    "tie_word_embeddings": False,
}
_VISION = {
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "image_size": 32,
    "patch_size": 8,
    "initializer_range": 0.2,
}


def _whole(family, words, vision, text, processor, **more):
    """A model of a family around a tokenizer."""
    text = _TEXT | text | {"vocab_size": len(words), "pad_token_id": 0, "eos_token_id": 1}
    config = AutoConfig.for_model(
        family.model_types[0], vision_config=_VISION | vision, text_config=text, **more
    )
    torch.manual_seed(0)
    model = shaken(family.model_class(config))
    if family is Gemma3Captioner:  # which starts with nothing of the image coming through
        model.model.multi_modal_projector.mm_input_projection_weight.normal_()
    model.generation_config = GenerationConfig(pad_token_id=0, eos_token_id=1)
    return family(model, processor, family.view(model))


def llava():
    """LLaVA-1.5: the block above the native layer is dead."""
    words = tokenizer(image_token="<image>")
    size = {"height": 32, "width": 32}
    images = image_processor(
        "clip", "CLIPImageProcessorPil", size={"shortest_edge": 32}, crop_size=size
    )
    processor = LlavaCaptioner.processor_class(
        images,
        words,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=PLAIN,
    )
    return _whole(
        LlavaCaptioner,
        words,
        {"model_type": "clip_vision_model"},
        {"model_type": "llama"},
        processor,
        image_token_id=words.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
    )


def llava_onevision():
    """LLaVA-OneVision: SigLIP, read before its norm."""
    processor = processors.llava_onevision(32, 16)
    words = processor.tokenizer
    return _whole(
        LlavaOnevisionCaptioner,
        words,
        {"model_type": "siglip_vision_model", "vision_use_head": False},
        {"model_type": "qwen2"},
        processor,
        image_grid_pinpoints=processors.pinpoints(32),
        image_token_id=words.convert_tokens_to_ids("<image>"),
        video_token_id=words.convert_tokens_to_ids("<video>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )


def smolvlm(family=SmolVLMCaptioner):
    """SmolVLM, or Idefics3."""
    processor = processors.smolvlm(32, 4, family)
    words = processor.tokenizer
    return _whole(
        family,
        words,
        {"model_type": f"{family.model_types[0]}_vision"},
        {"model_type": "llama"},
        processor,
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )


def idefics3():
    """Idefics3."""
    return smolvlm(Idefics3Captioner)


def paligemma():
    """PaliGemma: no chat template."""
    words = tokenizer(image_token="<image>")
    images = image_processor("siglip", "SiglipImageProcessorPil", size={"height": 32, "width": 32})
    images.image_seq_length = 16
    processor = PaliGemmaCaptioner.processor_class(images, words)
    return _whole(
        PaliGemmaCaptioner,
        words,
        {"model_type": "siglip_vision_model", "vision_use_head": False, "projection_dim": WIDTH},
        {"model_type": "gemma", "head_dim": 8},
        processor,
        projection_dim=WIDTH,
        image_token_id=words.convert_tokens_to_ids("<image>"),
    )


def gemma3():
    """Gemma 3: 16 patches pooled to 4 tokens."""
    words = tokenizer(
        boi_token="<start_of_image>", eoi_token="<end_of_image>", image_token="<image_soft_token>"
    )
    images = image_processor("gemma3", "Gemma3ImageProcessorPil", size={"height": 32, "width": 32})
    processor = Gemma3Captioner.processor_class(
        images,
        words,
        image_seq_length=4,
        chat_template=PLAIN.replace("<image>", "<start_of_image>"),
    )
    return _whole(
        Gemma3Captioner,
        words,
        {"model_type": "siglip_vision_model", "vision_use_head": False},
        {"model_type": "gemma3_text", "head_dim": 8, "sliding_window": 8},
        processor,
        mm_tokens_per_image=4,
        image_token_id=words.image_token_id,
        boi_token_id=words.boi_token_id,
        eoi_token_id=words.eoi_token_id,
    )


def internvl():
    """InternVL: CLS that the projector drops, LayerScale, pixel shuffle."""
    words = tokenizer(
        start_image_token="<img>",
        end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>",
        video_token="<video>",
    )
    size = {"height": 32, "width": 32}
    images = image_processor("got_ocr2", "GotOcr2ImageProcessorPil", size=size)
    processor = without_video(InternVLCaptioner.processor_class)(
        images,
        words,
        None,
        image_seq_length=4,
        chat_template=PLAIN.replace("<image>", "<IMG_CONTEXT>"),
    )
    vision = {
        "model_type": "internvl_vision",
        "image_size": [32, 32],
        "patch_size": [8, 8],
        "attention_bias": True,
        "layer_scale_init_value": 0.5,
    }
    return _whole(
        InternVLCaptioner,
        words,
        vision,
        {"model_type": "qwen2"},
        processor,
        image_token_id=words.context_image_token_id,
    )


class SmallQwen25(Qwen25VLCaptioner):
    """On pictures of 8 by 8 patches, in four windows."""

    side = 112


def qwen2_5_vl():
    """Qwen2.5-VL: windows in all blocks but the second."""
    processor = processors.qwen_vl(14, SmallQwen25)
    vision = {
        "model_type": "qwen2_5_vl_vision",
        "depth": LAYERS,
        "num_heads": HEADS,
        "patch_size": 14,
        "out_hidden_size": WIDTH,
        "window_size": 56,
        "fullatt_block_indexes": [1],
    }
    text = {
        "model_type": "qwen2_5_vl_text",
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]},
    }
    return _whole(
        SmallQwen25,
        processor.tokenizer,
        vision,
        text,
        processor,
        **processors.qwen_tokens(processor),
    )


class SmallQwen3(Qwen3VLCaptioner):
    """On pictures of 8 by 8 patches."""

    side = 128


def qwen3_vl():
    """Qwen3-VL: two taps, after the first and the second block."""
    processor = processors.qwen_vl(16, SmallQwen3)
    vision = {
        "model_type": "qwen3_vl_vision",
        "depth": LAYERS,
        "num_heads": HEADS,
        "patch_size": 16,
        "out_hidden_size": WIDTH,
        "num_position_embeddings": 36,
        "deepstack_visual_indexes": [0, 1],
    }
    text = {
        "model_type": "qwen3_vl_text",
        "head_dim": 8,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]},
    }
    return _whole(
        SmallQwen3,
        processor.tokenizer,
        vision,
        text,
        processor,
        **processors.qwen_tokens(processor),
    )


FAMILIES = {
    "llava": llava,
    "llava_onevision": llava_onevision,
    "smolvlm": smolvlm,
    "idefics3": idefics3,
    "paligemma": paligemma,
    "gemma3": gemma3,
    "internvl": internvl,
    "qwen2_5_vl": qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
}
