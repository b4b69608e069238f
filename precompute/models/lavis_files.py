"""The files of a LAVIS model: what has to be in its folder, and what is in the files.

LAVIS itself downloads five things and unpickles three of them while a model is built. Here they lie
in one folder, and only tensors are read:

    eva_vit_g.pth                     the tower
    blip2_pretrained_flant5xl.pth     Q-Former, projection, final norm; or that of InstructBLIP
    flan-t5/                          google/flan-t5-xl of the hub
    bert-base-uncased/                the Q-Former's tokenizer; with it, the model is InstructBLIP
    config.json                       of a model of other dimensions than LAVIS's

This file knows neither LAVIS nor transformers, so that what is missing is named in any environment.
"""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from precompute.models.checkpoint import CheckpointMissing, safetensors

_PUBLISHED = "https://storage.googleapis.com/sfr-vision-language-research/LAVIS/models"

EVA_VIT_G = {
    "img_size": 224, "patch_size": 14, "embed_dim": 1408, "depth": 39, "num_heads": 16,
    "mlp_ratio": 4.3637,
}  # fmt: skip
"""The tower that LAVIS's `create_eva_vit_g` builds: one block less than its checkpoint has."""

_N_QUERIES = 32


@dataclass(frozen=True)
class Files:
    """A model's folder.

    Attributes:
        folder: where it is.
        vision: arguments of LAVIS's VisionTransformer.
        qformer: arguments of its BertConfig, where they are not bert-base's.
        n_queries: the Q-Former's queries.
        instruct: whether the Q-Former reads the instruction, as InstructBLIP's does.
    """

    folder: Path
    vision: dict[str, Any]
    qformer: dict[str, Any]
    n_queries: int
    instruct: bool

    @property
    def language_model(self) -> Path:
        """The folder of the Flan-T5."""
        return self.folder / "flan-t5"

    @property
    def tokenizer(self) -> Path:
        """The folder of the Q-Former's tokenizer."""
        return self.folder / "bert-base-uncased"


def describe(folder: Path) -> Files:
    """The dimensions of a model: LAVIS's own, but for what its config.json says otherwise."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Files(
        folder=folder,
        vision=EVA_VIT_G | config.get("vision", {}),
        qformer=config.get("qformer", {}),
        n_queries=config.get("num_query_token", _N_QUERIES),
        instruct=(folder / "bert-base-uncased").is_dir(),
    )


def weight_files(folder: Path) -> list[Path]:
    """The *.pth files of a model and the safetensors of its Flan-T5.

    Raises:
        CheckpointMissing: the folder, or something in it, is not there; with commands to get it.
    """
    language = folder / "flan-t5"
    files = sorted(folder.glob("*.pth"))
    if len(files) < 2 or not language.is_dir():
        there = ", ".join(path.name for path in files) or "none"
        raise CheckpointMissing(
            f"a LAVIS model in {folder}: expected eva_vit_g.pth, a checkpoint of BLIP-2 and the "
            f"folder flan-t5; of *.pth there is {there}, and flan-t5 is "
            f"{'there' if language.is_dir() else 'not'}. "
            f"`wget -c -P {folder} {_PUBLISHED}/BLIP2/eva_vit_g.pth "
            f"{_PUBLISHED}/BLIP2/blip2_pretrained_flant5xl.pth` and `hf download "
            f"google/flan-t5-xl --local-dir {language} --exclude '*.bin' '*.h5' '*.msgpack'` "
            "get them; likewise for xxl."
        )
    return files + safetensors(language)


def read_weights(files: Files, language_dtype: torch.dtype) -> dict[str, Tensor]:
    """All weights under the names of LAVIS's model, in float32; the Flan-T5 in a dtype of its own.

    Raises:
        CheckpointMissing: a file is not there.
        ValueError: a file holds more than tensors, or InstructBLIP's lacks its tokenizer.
    """
    tower: dict[str, Tensor] = {}
    reader: dict[str, Tensor] = {}
    language: dict[str, Tensor] = {}
    for file in weight_files(files.folder):
        if file.suffix == ".safetensors":
            language |= {
                f"t5_model.{name}": weight.to(language_dtype)
                for name, weight in load_file(file).items()
            }
        elif "model" in (content := _tensors(file)):
            reader |= {name: weight.float() for name, weight in content["model"].items()}
        else:
            tower |= {f"visual_encoder.{name}": w.float() for name, w in content.items()}
    if "Qformer.bert.embeddings.word_embeddings.weight" in reader and not files.instruct:
        raise ValueError(
            f"expected BLIP-2 in {files.folder}, since it has no folder bert-base-uncased; its "
            "Q-Former reads words, as InstructBLIP's does. `hf download google-bert/"
            f"bert-base-uncased --local-dir {files.tokenizer} --include '*.txt' '*.json'` gets "
            "its tokenizer."
        )
    return tower | reader | language  # a fine-tuned checkpoint brings a tower of its own


def _tensors(file: Path) -> dict[str, Any]:
    """What torch.save has written, if it is tensors in plain containers; never code."""
    try:
        content: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"expected tensors in {file}; it holds other objects too, and making those would run "
            f"code of the file's. Take the file that LAVIS publishes at {_PUBLISHED}."
        ) from error
    return content
