"""A transformers model, weight by weight under LAVIS's names, in the files that LAVIS publishes.

Runs under transformers 5; what it writes is read under 4.26.
"""

import json
import re

import torch
from safetensors.torch import save_file

_NAMES = [
    (r"^vision_model\.embeddings\.patch_embedding\.", "visual_encoder.patch_embed.proj."),
    (r"^vision_model\.embeddings\.class_embedding$", "visual_encoder.cls_token"),
    (r"^vision_model\.embeddings\.position_embedding$", "visual_encoder.pos_embed"),
    (r"^vision_model\.post_layernorm\.", "ln_vision."),
    (r"^vision_model\.encoder\.layers\.", "visual_encoder.blocks."),
    (r"(visual_encoder\.blocks\.\d+)\.layer_norm(\d)\.", r"\1.norm\2."),
    (r"(visual_encoder\.blocks\.\d+)\.self_attn\.projection\.", r"\1.attn.proj."),
    (r"(visual_encoder\.blocks\.\d+)\.self_attn\.", r"\1.attn."),
    (r"^qformer\.layernorm\.", "Qformer.bert.embeddings.LayerNorm."),
    (r"^qformer\.embeddings\.layernorm\.", "Qformer.bert.embeddings.LayerNorm."),
    (r"^qformer\.", "Qformer.bert."),
    (r"(Qformer\..*attention)\.attention\.", r"\1.self."),
    (r"^language_projection\.", "t5_proj."),
    (r"^language_model\.", "t5_model."),
]


def renamed(name):
    """A weight's name in LAVIS."""
    for pattern, replacement in _NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def lavis_weights(model):
    """All weights of a BLIP-2 or InstructBLIP under LAVIS's names."""
    weights = {}
    for name, weight in model.state_dict().items():
        mine = renamed(name)
        if mine.endswith("attn.qkv.bias"):  # LAVIS has no bias of keys: the softmax ignores it
            stem = mine.removesuffix("qkv.bias")
            weights[stem + "q_bias"], _, weights[stem + "v_bias"] = weight.detach().chunk(3)
        else:
            weights[mine] = weight.detach().clone()
    words = "Qformer.bert.embeddings.word_embeddings.weight"
    if words in weights:  # bert-base has [MASK], LAVIS adds [DEC]; no prompt has either
        weights[words] = torch.cat([weights[words], torch.zeros_like(weights[words][:2])])
    return weights


def save(model, tokenizer, folder, instruct_tokenizer=None):
    """Write a model as LAVIS's published files: tower, the rest, Flan-T5, dimensions."""
    weights = lavis_weights(model)
    language = folder / "flan-t5"
    language.mkdir(parents=True)
    pieces = {"visual_encoder.": {}, "t5_model.": {}, "": {}}
    for name, weight in weights.items():
        prefix = next(prefix for prefix in pieces if name.startswith(prefix))
        pieces[prefix][name.removeprefix(prefix)] = weight.contiguous()
    tower = pieces["visual_encoder."]
    torch.save(tower | _one_block_more(tower), folder / "eva.pth")
    torch.save({"model": pieces[""]}, folder / "rest.pth")
    save_file(pieces["t5_model."], language / "model.safetensors")
    # What transformers 5 calls "not scaled", older releases call "not tied".
    text = model.config.text_config.to_dict()
    text["tie_word_embeddings"] = text["scale_decoder_outputs"]
    (language / "config.json").write_text(json.dumps(text))
    save_tokenizer(tokenizer, language)
    if instruct_tokenizer is not None:
        words = folder / "bert-base-uncased"
        words.mkdir()
        vocabulary = instruct_tokenizer.get_vocab()
        lines = [*sorted(vocabulary, key=vocabulary.get), "[MASK]"]
        (words / "vocab.txt").write_text("".join(f"{line}\n" for line in lines))
    (folder / "config.json").write_text(json.dumps(dimensions(model.config)))


def save_tokenizer(tokenizer, folder):
    """As transformers 4.26 reads one."""
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    names = ("pad_token", "eos_token", "unk_token")
    settings = {name: getattr(tokenizer, name) for name in names}
    settings |= {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def dimensions(config):
    """config.json of a model's folder."""
    vision, qformer = config.vision_config, config.qformer_config
    same = (
        "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
        "intermediate_size", "max_position_embeddings",
    )  # fmt: skip
    return {
        "vision": {
            "img_size": vision.image_size, "patch_size": vision.patch_size,
            "embed_dim": vision.hidden_size, "depth": vision.num_hidden_layers,
            "num_heads": vision.num_attention_heads,
            "mlp_ratio": vision.intermediate_size / vision.hidden_size,
        },
        "qformer": {name: getattr(qformer, name) for name in same}
        | {"cross_attention_freq": qformer.cross_attention_frequency},
        "num_query_token": config.num_query_tokens,
    }  # fmt: skip


def _one_block_more(tower):
    """EVA's checkpoint has a block that LAVIS does not build."""
    blocks = {int(name.split(".")[1]) for name in tower if name.startswith("blocks.")}
    last = f"blocks.{max(blocks)}."
    return {
        name.replace(last, f"blocks.{max(blocks) + 1}."): torch.randn_like(weight)
        for name, weight in tower.items()
        if name.startswith(last)
    }
