"""Dimensions of published models with a decoder-only language model, as their config.json has them.

Keys that no weight depends on are left out, so that a model of one of these has the library's own
words, prompts and angles. Taken from the conversion scripts of transformers and from copies of
config.json; each gives, weight for weight, the number of weights that its hub page shows.
"""

from typing import Any

Config = dict[str, Any]


def _vision(
    kind: str, *, width: int, mlp: int, depth: int, n_heads: int, side: int, patch: int, **more: Any
) -> Config:
    return {
        "model_type": kind, "hidden_size": width, "intermediate_size": mlp,
        "num_hidden_layers": depth, "num_attention_heads": n_heads, "image_size": side,
        "patch_size": patch, **more,
    }  # fmt: skip


def _so400m(kind: str, side: int, depth: int = 27, **more: Any) -> Config:
    """SigLIP's shape-optimised tower, at whichever resolution."""
    return _vision(kind, width=1152, mlp=4304, depth=depth, n_heads=16, side=side, patch=14, **more)


def _text(
    kind: str, *, width: int, mlp: int, depth: int, n_heads: int, n_kv: int, words: int, **more: Any
) -> Config:
    return {
        "model_type": kind, "hidden_size": width, "intermediate_size": mlp,
        "num_hidden_layers": depth, "num_attention_heads": n_heads, "num_key_value_heads": n_kv,
        "vocab_size": words, **more,
    }  # fmt: skip


def _smolvlm(kind: str, *, shuffle: int, vision: Config, text: Config) -> Config:
    vision = {**vision, "model_type": f"{kind}_vision"}
    return {
        "model_type": kind, "scale_factor": shuffle, "vision_config": vision, "text_config": text,
        "tie_word_embeddings": False,
    }  # fmt: skip


_BASE_512 = _vision("", width=768, mlp=3072, depth=12, n_heads=12, side=512, patch=16)
_SMOLLM_135M = _text("llama", width=576, mlp=1536, depth=30, n_heads=9, n_kv=3, words=49280)
_SMOLLM_360M = _text("llama", width=960, mlp=2560, depth=32, n_heads=15, n_kv=5, words=49280)
_SMOLLM_17B = _text("llama", width=2048, mlp=8192, depth=24, n_heads=32, n_kv=32, words=49280)
_LLAMA_8B = _text("llama", width=4096, mlp=14336, depth=32, n_heads=32, n_kv=8, words=128259)
_QWEN_05B = _text("qwen2", width=896, mlp=4864, depth=24, n_heads=14, n_kv=2, words=151936)
_QWEN_7B = _text("qwen2", width=3584, mlp=18944, depth=28, n_heads=28, n_kv=4, words=152064)


def _onevision(text: Config, *, tied: bool) -> Config:
    return {
        "model_type": "llava_onevision",
        # The last of SigLIP's 27 blocks is not in the checkpoint.
        "vision_config": _so400m("siglip_vision_model", 384, depth=26, vision_use_head=False),
        "text_config": text,
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "full",
        "tie_word_embeddings": tied,
    }


def _paligemma(text: Config) -> Config:
    width = text["hidden_size"]
    tower = _so400m("siglip_vision_model", 224, vision_use_head=False, projection_dim=width)
    return {
        "model_type": "paligemma", "projection_dim": width, "vision_config": tower,
        "text_config": text,
    }  # fmt: skip


def _qwen2_5(text: Config, *, tied: bool) -> Config:
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]}
    return {
        "model_type": "qwen2_5_vl",
        "vision_config": {
            "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
            "out_hidden_size": text["hidden_size"],
        },
        "text_config": {**text, "rope_parameters": rope},
        "tie_word_embeddings": tied,
    }  # fmt: skip


def _qwen3(text: Config) -> Config:
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20]}
    return {
        "model_type": "qwen3_vl",
        "vision_config": {
            "depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16,
            "patch_size": 16, "out_hidden_size": text["hidden_size"],
            "num_position_embeddings": 2304, "deepstack_visual_indexes": [5, 11, 17],
        },
        "text_config": {**text, "rope_parameters": rope},
        "tie_word_embeddings": True,
    }  # fmt: skip


CONFIGS: dict[str, Config] = {
    "llava-hf/llava-1.5-7b-hf": {
        "model_type": "llava",
        "vision_config": _vision(
            "clip_vision_model", width=1024, mlp=4096, depth=24, n_heads=16, side=336, patch=14
        ),
        "text_config": _text(
            "llama", width=4096, mlp=11008, depth=32, n_heads=32, n_kv=32, words=32064
        ),
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "tie_word_embeddings": False,
    },
    "llava-hf/llava-onevision-qwen2-0.5b-ov-hf": _onevision(_QWEN_05B, tied=True),
    "llava-hf/llava-onevision-qwen2-7b-ov-hf": _onevision(_QWEN_7B, tied=False),
    # The first SmolVLM calls itself an Idefics3; only SmolVLM2 has a class of its own.
    "HuggingFaceTB/SmolVLM-256M-Instruct": _smolvlm(
        "idefics3", shuffle=4, vision=_BASE_512, text=_SMOLLM_135M
    ),
    "HuggingFaceTB/SmolVLM-500M-Instruct": _smolvlm(
        "idefics3", shuffle=4, vision=_BASE_512, text=_SMOLLM_360M
    ),
    "HuggingFaceTB/SmolVLM-Instruct": _smolvlm(
        "idefics3", shuffle=3, vision=_so400m("", 384), text=_SMOLLM_17B | {"vocab_size": 49155}
    ),
    "HuggingFaceTB/SmolVLM2-256M-Video-Instruct": _smolvlm(
        "smolvlm", shuffle=4, vision=_BASE_512, text=_SMOLLM_135M
    ),
    "HuggingFaceTB/SmolVLM2-500M-Video-Instruct": _smolvlm(
        "smolvlm", shuffle=4, vision=_BASE_512, text=_SMOLLM_360M
    ),
    "HuggingFaceTB/SmolVLM2-2.2B-Instruct": _smolvlm(
        "smolvlm", shuffle=3, vision=_so400m("", 384), text=_SMOLLM_17B
    ),
    "HuggingFaceM4/Idefics3-8B-Llama3": _smolvlm(
        "idefics3", shuffle=2, vision=_so400m("", 364), text=_LLAMA_8B
    ),
    "google/paligemma-3b-mix-224": _paligemma(
        _text("gemma", width=2048, mlp=16384, depth=18, n_heads=8, n_kv=1, words=257216,
              head_dim=256)
    ),
    "google/paligemma2-3b-pt-224": _paligemma(
        _text("gemma2", width=2304, mlp=9216, depth=26, n_heads=8, n_kv=4, words=257216,
              head_dim=256)
    ),
    "google/gemma-3-4b-it": {
        "model_type": "gemma3",
        "mm_tokens_per_image": 256,
        "vision_config": _so400m("siglip_vision_model", 896, vision_use_head=False),
        "text_config": _text(
            "gemma3_text", width=2560, mlp=10240, depth=34, n_heads=8, n_kv=4, words=262208,
            head_dim=256, sliding_window=1024,
        ),
    },
    # That its output layer is not its embeddings is told by the number of weights alone.
    "OpenGVLab/InternVL3-1B-hf": {
        "model_type": "internvl",
        "vision_config": _vision(
            "internvl_vision", width=1024, mlp=4096, depth=24, n_heads=16, side=448, patch=14,
            attention_bias=True, norm_type="layer_norm", use_qk_norm=False,
        ) | {"image_size": [448, 448], "patch_size": [14, 14]},
        "text_config": _QWEN_05B | {"vocab_size": 151674},
        "tie_word_embeddings": False,
    },
    "Qwen/Qwen2.5-VL-3B-Instruct": _qwen2_5(
        _text("qwen2_5_vl_text", width=2048, mlp=11008, depth=36, n_heads=16, n_kv=2,
              words=151936),
        tied=True,
    ),
    "Qwen/Qwen2.5-VL-7B-Instruct": _qwen2_5(
        _QWEN_7B | {"model_type": "qwen2_5_vl_text"}, tied=False
    ),
    "Qwen/Qwen3-VL-2B-Instruct": _qwen3(
        _text("qwen3_vl_text", width=2048, mlp=6144, depth=28, n_heads=16, n_kv=8, words=151936,
              head_dim=128)
    ),
    "Qwen/Qwen3-VL-4B-Instruct": _qwen3(
        _text("qwen3_vl_text", width=2560, mlp=9728, depth=36, n_heads=32, n_kv=8, words=151936,
              head_dim=128)
    ),
}  # fmt: skip
"""By the name on the hub; `model_type` is the back end's name, too."""
