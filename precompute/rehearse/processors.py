"""Processors of decoder-only families with the demo's few words in place of a real vocabulary."""

from importlib import import_module
from typing import Any

from transformers import PreTrainedTokenizerFast

from precompute.demo.model import build_processor
from precompute.models.family import without_video
from precompute.models.idefics3 import Idefics3Captioner
from precompute.models.llava_onevision import LlavaOnevisionCaptioner
from precompute.models.qwen3_vl import Qwen3VLCaptioner

PLAIN = (
    "{% for m in messages %}{% for c in m.content %}"
    "{% if c.type == 'image' %}<image>{% else %}{{ c.text }}{% endif %}"
    "{% endfor %}{% endfor %}"
)
"""A chat template that adds nothing to an image and a prompt."""


def tokenizer(**special: str) -> Any:
    """The demo's words with a family's own tokens: name -> token. 0 pads, 1 ends."""
    words: Any = build_processor().tokenizer
    return PreTrainedTokenizerFast(
        tokenizer_object=words._tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        bos_token="<s>",
        extra_special_tokens=special,
    )


def image_processor(module: str, name: str, **settings: Any) -> Any:
    """One of transformers' processors of images that do without torchvision."""
    found = import_module(f"transformers.models.{module}.image_processing_pil_{module}")
    return getattr(found, name)(**settings)


def llava_onevision(side: int, n_tokens: int) -> Any:
    """Of LLaVA-OneVision: square tiles of a side, of so many tokens."""
    images = image_processor(
        "llava_onevision",
        "LlavaOnevisionImageProcessorPil",
        size={"height": side, "width": side},
        image_grid_pinpoints=pinpoints(side),
    )
    return without_video(LlavaOnevisionCaptioner.processor_class)(
        images,
        tokenizer(image_token="<image>", video_token="<video>"),
        None,
        num_image_tokens=n_tokens,
        vision_feature_select_strategy="full",
        chat_template=PLAIN,
    )


def pinpoints(side: int) -> list[list[int]]:
    """The shapes of pictures, in pixels, that LLaVA-OneVision cuts into tiles."""
    return [[side * rows, side * columns] for rows in (1, 2) for columns in (1, 2)]


def smolvlm(side: int, n_tokens: int, family: Any = Idefics3Captioner) -> Any:
    """Of SmolVLM or Idefics3: square tiles of a side, of so many tokens."""
    (name,) = family.model_types
    prefix = family.processor_class.__name__.removesuffix("Processor")
    images = image_processor(
        name,
        f"{prefix}ImageProcessorPil",
        size={"longest_edge": 2 * side},
        max_image_size={"longest_edge": side},
    )
    words = tokenizer(
        image_token="<image>",
        fake_image_token="<fake_token_around_image>",
        global_image_token="<global-img>",
        end_of_utterance_token="<end_of_utterance>",
    )
    return without_video(family.processor_class)(
        images,
        words,
        *([None] if name == "smolvlm" else []),
        image_seq_len=n_tokens,
        chat_template=PLAIN,
    )


def qwen_vl(patch: int, family: Any = Qwen3VLCaptioner) -> Any:
    """Of Qwen2.5-VL or Qwen3-VL: patches of so many pixels a side."""
    words = tokenizer(
        image_token="<|image_pad|>",
        video_token="<|video_pad|>",
        vision_start="<|vision_start|>",
        vision_end="<|vision_end|>",
    )
    return without_video(family.processor_class)(
        image_processor("qwen2_vl", "Qwen2VLImageProcessorPil", patch_size=patch),
        words,
        None,
        chat_template=PLAIN.replace("<image>", "<|vision_start|><|image_pad|><|vision_end|>"),
    )


def qwen_tokens(processor: Any) -> dict[str, int]:
    """What a Qwen's configuration says of its processor's tokens."""
    words = processor.tokenizer
    return {
        "image_token_id": words.image_token_id,
        "video_token_id": words.video_token_id,
        "vision_start_token_id": words.convert_tokens_to_ids("<|vision_start|>"),
        "vision_end_token_id": words.convert_tokens_to_ids("<|vision_end|>"),
    }
