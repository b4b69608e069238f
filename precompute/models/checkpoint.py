"""Where a checkpoint is on this machine, and whether all of it is. Knows no model library."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from precompute.config import ModelConfig, local_path

_INDEX = "model.safetensors.index.json"
_SETTINGS = (".json", ".txt", ".model")


class CheckpointMissing(ValueError):
    """A checkpoint, or a part of it, is not on this machine; the message gives the remedy."""


def find_folder(config: ModelConfig) -> Path | None:
    """The folder of a checkpoint: of the project, or else a snapshot in the hub's cache.

    Never the network: a run reads the very files that were hashed for its name.
    """
    folder = local_path(config.path)
    if folder.is_dir():
        return folder
    try:
        cached = try_to_load_from_cache(config.path, "config.json", revision=config.revision)
    except HFValidationError:  # a path of no folder, and no hub's name either
        return None
    return Path(cached).parent if isinstance(cached, str) else None


def require_folder(config: ModelConfig) -> Path:
    """The folder of a checkpoint.

    Raises:
        CheckpointMissing: neither the project nor the hub's cache has it.
    """
    folder = find_folder(config)
    if folder is None:
        raise CheckpointMissing(
            f"the model {wanted(config)}: no such folder. Correct its path under [model]."
            if Path(config.path).is_absolute()
            else f"the model {wanted(config)}: neither a folder of the project nor in the hub's "
            f"cache. `{download_command(config)}` gets it."
        )
    return folder


def safetensors(folder: Path) -> list[Path]:
    """The safetensors files of a folder, in order; of several, those that its index names.

    Raises:
        CheckpointMissing: there are none, or one that the index names is missing.
    """
    index = folder / _INDEX
    if not index.is_file():
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            there = ", ".join(sorted(p.name for p in folder.iterdir())[:6]) or "nothing"
            raise CheckpointMissing(
                f"expected weights as *.safetensors in {folder}; found {there}. A checkpoint of "
                "pickles (*.bin) is not read: name a revision that has safetensors, or save it "
                "again with `save_pretrained`."
            )
        return files
    names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise CheckpointMissing(
            f"expected the {len(names)} weight files that {_INDEX} of {folder} names; "
            f"{len(missing)} are missing, the first is {missing[0]}. The download was cut off: "
            "the same `hf download` goes on from there."
        )
    return [folder / name for name in names]


def setting_files(folder: Path) -> list[Path]:
    """What of a checkpoint decides its numbers beside the weights, in order, folders included.

    Configurations, tokenizers, processors: whatever is written as they are.
    """
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in _SETTINGS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def require_all_read(info: Mapping[str, Any], folder: Path) -> None:
    """Refuse a model that the library has filled up with random weights.

    Args:
        info: transformers' report of loading.
        folder: where the checkpoint is, for the message.

    Raises:
        ValueError: names what is missing.
    """
    missing = sorted(info["missing_keys"])
    if missing:
        raise ValueError(
            f"expected all weights in {folder}; {len(missing)} are not there: "
            f"{', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}. They would be random. "
            "The checkpoint is of another model or cut off: fetch it anew."
        )


def fit_image_tokens(config: Any, processor: Any, folder: Path) -> None:
    """Make processor and model agree on the image tokens.

    Checkpoints from before transformers 4.46 say neither how many there are nor which id they
    have, and a wrong count would shift the prompt silently.

    Args:
        config: of the model; gets the id where it has none.
        processor: of the model; gets the count.
        folder: where the checkpoint is, for the message.

    Raises:
        ValueError: the tokenizer's image token is another than the model's.
    """
    processor.num_query_tokens = config.num_query_tokens
    image_token = processor.tokenizer.convert_tokens_to_ids("<image>")
    if config.image_token_id is None:
        config.image_token_id = image_token
    if image_token != config.image_token_id or image_token >= config.text_config.vocab_size:
        raise ValueError(
            f"expected the tokenizer's <image> at id {config.image_token_id}, below "
            f"{config.text_config.vocab_size}, as {folder}/config.json says; it is at "
            f"{image_token}. The folder mixes two checkpoints: fetch it anew."
        )


def wanted(config: ModelConfig) -> str:
    """The checkpoint's name, with its revision if one is asked for."""
    return f"{config.path} at revision {config.revision}" if config.revision else config.path


def download_command(config: ModelConfig) -> str:
    """What to type to get a checkpoint into the hub's cache, pickles left out."""
    revision = f" --revision {config.revision}" if config.revision else ""
    return f"hf download {config.path}{revision} --exclude '*.bin' --exclude '*.msgpack'"
