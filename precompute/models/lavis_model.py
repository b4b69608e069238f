"""LAVIS's BLIP-2 and InstructBLIP, put together from its modules; nothing is downloaded.

What the `__init__` of Blip2T5 and Blip2T5Instruct do is done here on modules without memory, into
which the weights are then put: so that a model of billions is made once, not drawn at random first.
"""

from pathlib import Path
from typing import Any

import torch
from lavis.models.blip2_models.blip2 import LayerNorm
from lavis.models.blip2_models.blip2_t5 import Blip2T5
from lavis.models.blip2_models.modeling_t5 import T5Config, T5ForConditionalGeneration
from lavis.models.blip2_models.Qformer import BertConfig, BertLMHeadModel
from lavis.models.eva_vit import Block, VisionTransformer
from torch import Tensor, nn
from transformers import AutoTokenizer, BertTokenizer

from precompute.models.lavis_files import Files

_EPS = 1e-6  # of the norms in the tower's blocks, as in LAVIS's create_eva_vit_g
_MAX_WORDS = 128


def assemble(files: Files) -> Any:
    """The model of a folder, its weights still without memory.

    Raises:
        ValueError: it is InstructBLIP, and this LAVIS has none.
    """
    model = _empty_model(files.instruct)
    model.visual_encoder = _vision(files)
    model.t5_tokenizer = AutoTokenizer.from_pretrained(files.language_model)
    model.max_txt_len, model.prompt = _MAX_WORDS, ""
    model._apply_lemmatizer, model._lemmatizer = False, None
    model.tokenizer = _tokenizer(files) if files.instruct else None
    with torch.device("meta"):
        model.ln_vision = LayerNorm(files.vision["embed_dim"])
        model.Qformer = _qformer(files, model.tokenizer)
        width = model.Qformer.config.hidden_size
        model.query_tokens = nn.Parameter(torch.empty(1, files.n_queries, width))
        config = T5Config.from_pretrained(files.language_model)
        config.dense_act_fn = "gelu"  # as LAVIS sets it; Flan-T5's own is an approximation of it
        model.t5_model = T5ForConditionalGeneration(config)
        model.t5_proj = nn.Linear(width, config.d_model)
    positions = torch.arange(model.Qformer.config.max_position_embeddings)
    model.Qformer.bert.embeddings.position_ids = positions[None]
    return model


def fill(model: Any, weights: dict[str, Tensor], folder: Path) -> Any:
    """Put weights in place. What the model has no place for is left out, as LAVIS does.

    Raises:
        ValueError: a weight is missing or of another shape.
    """
    try:
        model.load_state_dict(weights, strict=False, assign=True)
    except RuntimeError as error:
        raise ValueError(
            f"expected weights of the dimensions that {folder}/config.json says, or else of "
            f"LAVIS's own; {error}"
        ) from error
    missing = [name for name, weight in model.named_parameters() if weight.is_meta]
    if missing:
        raise ValueError(
            f"expected all weights in {folder}; {len(missing)} are not there: "
            f"{', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}. A file of another "
            "model lies there, or one is missing: fetch them anew."
        )
    return model


def _empty_model(instruct: bool) -> Any:
    """An object of LAVIS's class that has not run LAVIS's `__init__`."""
    model_class = _instruct_class() if instruct else Blip2T5
    model = model_class.__new__(model_class)
    nn.Module.__init__(model)
    if instruct:
        model.qformer_text_input = True
    return model


def _instruct_class() -> Any:
    try:
        from lavis.models.blip2_models.blip2_t5_instruct import Blip2T5Instruct
    except ModuleNotFoundError as error:
        raise ValueError(
            "expected a LAVIS with Blip2T5Instruct, since the model's folder has a Q-Former's "
            "tokenizer, bert-base-uncased; PyPI's 1.0.2 has no InstructBLIP. Install LAVIS from "
            "its source tree, or set backend = 'huggingface' under [model]."
        ) from error
    return Blip2T5Instruct


def _vision(files: Files) -> VisionTransformer:
    """The tower. Its own `__init__` cannot do without memory, those of its blocks can."""
    settings = {"use_mean_pooling": False, "qkv_bias": True}
    vit = VisionTransformer(**settings, **files.vision | {"depth": 0})
    width, heads, ratio = (files.vision[k] for k in ("embed_dim", "num_heads", "mlp_ratio"))
    with torch.device("meta"):
        vit.to("meta")
        vit.blocks.extend(
            Block(width, heads, ratio, qkv_bias=True, norm_layer=_norm)
            for _ in range(files.vision["depth"])
        )
    return vit


def _norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=_EPS)


def _tokenizer(files: Files) -> BertTokenizer:
    tokenizer = BertTokenizer.from_pretrained(files.tokenizer, truncation_side="left")
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    return tokenizer


def _qformer(files: Files, tokenizer: BertTokenizer | None) -> BertLMHeadModel:
    """The Q-Former, without the parts that LAVIS drops."""
    settings = {"cross_attention_freq": 2, **files.qformer}
    if tokenizer is not None:
        settings["vocab_size"] = len(tokenizer)
    qformer = BertLMHeadModel(
        BertConfig(
            encoder_width=files.vision["embed_dim"],
            add_cross_attention=True,
            query_length=files.n_queries,
            **settings,
        )
    )
    qformer.cls = None
    if tokenizer is None:
        qformer.bert.embeddings.word_embeddings = None
        qformer.bert.embeddings.position_embeddings = None
        for layer in qformer.bert.encoder.layer:
            layer.output = layer.intermediate = None
    return qformer
